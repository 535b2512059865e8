"""Whose a process is, also where it has written over its environment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from airflow_provider_raydp_spcs.local.runtimes.base import Sender
from airflow_provider_raydp_spcs.local.runtimes.process import (
    MARKER,
    ProcessRuntime,
    containers_of_processes,
    marked_processes,
)

OWN = "e1d2c3/DB.S.ONE/0/main"
BELOW = """
import subprocess, sys
child = subprocess.Popen(["sleep", "60"], env={})
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    """A marked process and one below it without an environment, as programs have it that give themselves a title."""
    with subprocess.Popen(
        [sys.executable, "-c", BELOW], env={MARKER: OWN}, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        try:
            yield parent.pid, child
        finally:
            ProcessRuntime("e1d2c3").sweep()


def test_what_is_below_a_marked_process_is_its_containers(family: tuple[int, int]) -> None:
    assert containers_of_processes("e1d2c3") == dict.fromkeys(family, Sender("DB.S.ONE", 0, "main"))
    assert sorted(marked_processes("e1d2c3")) == sorted(family)
    assert not set(family) & set(marked_processes("e1d2c4"))


def test_sweeping_leaves_none_of_them(family: tuple[int, int]) -> None:
    assert ProcessRuntime("e1d2c3").sweep() == 2
    assert marked_processes("e1d2c3") == []
