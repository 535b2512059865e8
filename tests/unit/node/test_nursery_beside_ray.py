"""The nursery beside Ray: started, started again when it ends, and ended with the node."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from airflow_provider_raydp_spcs.node import warm_nursery as module
from airflow_provider_raydp_spcs.node.warm_nursery import COMMAND, WarmNursery
from airflow_provider_raydp_spcs.runtime.warm.handing_over import NoNurseryError, hand_over
from airflow_provider_raydp_spcs.runtime.warm.places import FOLDER, nursery_socket


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def made(tmp_path: Path, said: list[str], command: tuple[str, ...]) -> WarmNursery:
    environment = {**os.environ, FOLDER: str(tmp_path / "warm")}
    return WarmNursery(tmp_path, "10.0.0.1", environment, said.append, command)


def test_it_is_started_again_and_ends_with_the_node(tmp_path: Path) -> None:
    said: list[str] = []
    code = f"import os, time; open('{tmp_path}/starts', 'a').write(f'{{os.getpid()}} {{os.environ[\"RAY_ADDRESS\"]}}\\n'); time.sleep(300)"
    nursery = made(tmp_path, said, (sys.executable, "-c", code))
    nursery.start()
    starts = tmp_path / "starts"
    until(lambda: starts.exists() and starts.read_text().count("\n") == 1)
    first, address = starts.read_text().split()
    assert address == "10.0.0.1:6379"
    psutil.Process(int(first)).kill()
    until(lambda: starts.read_text().count("\n") == 2)
    assert said == ["warm sessions: their nursery ended by itself (exit code -9) and is started again"]
    nursery.stop()
    until(lambda: not psutil.pid_exists(int(starts.read_text().split()[2])))
    time.sleep(module.PAUSE_SECONDS + 0.5)
    assert starts.read_text().count("\n") == 2


def test_the_real_one_answers_without_having_imported_anything(tmp_path: Path) -> None:
    nursery = made(tmp_path, [], COMMAND)
    nursery.start()
    try:
        until(lambda: nursery_socket(tmp_path / "warm").exists())
        (child,) = [
            each for each in psutil.Process().children() if "airflow_provider_raydp_spcs.runtime.warm" in each.cmdline()
        ]
        maps = {Path(each.path).name for each in child.memory_maps()}
        assert not [name for name in maps if name.startswith(("_raylet", "libarrow", "_multiarray"))]
    finally:
        nursery.stop()


def test_one_that_cannot_be_started_is_no_reason_to_end(tmp_path: Path) -> None:
    said: list[str] = []
    nursery = made(tmp_path, said, (str(tmp_path / "nothing"),))
    nursery.start()
    until(lambda: said)
    assert "No such file or directory" in said[0]
    nursery.stop()
    with pytest.raises(NoNurseryError, match="does not answer"):
        hand_over(tmp_path / "warm", [])
