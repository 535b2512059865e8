"""What the engine is asked to do so that a container's stage mounts refuse what stages cannot take (SPCS reference 3.3)."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.container_engine import Engine
from airflow_provider_raydp_spcs.local.runtimes import container_guard
from airflow_provider_raydp_spcs.local.runtimes.base import ContainerStart
from airflow_provider_raydp_spcs.local.runtimes.container_guard import ContainerGuard, profile
from airflow_provider_raydp_spcs.local.runtimes.stage_guard import FLAGS_AT, guarded_calls

BASE: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "syscalls": [
        {"names": ["read", *guarded_calls()], "action": "SCMP_ACT_ALLOW", "args": []},
        {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO"},
    ],
}


def matching(name: str, flags: int) -> list[str]:
    """What the rules of a profile do with a call."""
    found = []
    for rule in profile(BASE, "/s")["syscalls"]:
        conditions = rule.get("args") or []
        assert all(each["op"] == "SCMP_CMP_MASKED_EQ" for each in conditions)
        if name in rule["names"] and all(flags & each["value"] == each["valueTwo"] for each in conditions):
            found.append(rule["action"])
    return found


@pytest.mark.parametrize("way", [os.O_RDONLY, os.O_WRONLY, os.O_RDWR, 3])
def test_every_way_to_open_meets_one_rule(way: int) -> None:
    options = (os.O_APPEND, os.O_TRUNC, os.O_EXCL, os.O_CREAT, os.O_CLOEXEC)
    for chosen in itertools.product([False, True], repeat=len(options)):
        flags = way | sum(option for option, is_set in zip(options, chosen, strict=True) if is_set)
        writes, appends, empties = (
            way in (os.O_WRONLY, os.O_RDWR),
            flags & os.O_APPEND,
            flags & (os.O_TRUNC | os.O_EXCL),
        )
        asks = writes and (appends or not empties)
        assert matching("openat", flags) == ["SCMP_ACT_NOTIFY" if asks else "SCMP_ACT_ALLOW"]


def test_other_rules_stay_and_the_other_calls_ask() -> None:
    made = profile(BASE, "/s")
    assert made["listenerPath"] == "/s"
    assert made["syscalls"][:3] == [{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": []}, *BASE["syscalls"][1:]]
    for name in guarded_calls():
        if name not in FLAGS_AT:
            assert matching(name, 0) == ["SCMP_ACT_NOTIFY"]
    forbidden = {**BASE, "syscalls": BASE["syscalls"][1:]}
    assert profile(forbidden, "/s")["syscalls"] == forbidden["syscalls"]


class PlayedEngine(Engine):
    """Says where its seccomp profile is."""

    def run(self, *arguments: str, timeout: float | None = 60.0) -> str:
        del timeout
        assert arguments[0] == "info"
        return os.environ["PLAYED_PROFILE"] + "\n"


def start_of(folder: Path, *stages: str) -> ContainerStart:
    return ContainerStart(
        service="D.S.X", instance=0, container="main", address="10.0.0.2", command=(), env={}, mounts={}, names={},
        platform_env={}, log=folder / "log", folder=folder, stages=stages,
    )  # fmt: skip


def test_docker_cannot_be_asked(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="docker does not say"):
        ContainerGuard.start(PlayedEngine("docker", "docker"), start_of(tmp_path, "/x"), 1)


def test_the_keeper_waits_for_the_container_and_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "base.json").write_text(json.dumps(BASE))
    monkeypatch.setenv("PLAYED_PROFILE", str(tmp_path / "base.json"))
    folder = tmp_path / "f"
    guard = ContainerGuard.start(PlayedEngine("podman", "podman"), start_of(folder, "/mnt/stage"), 7)
    option, value = guard.arguments
    file = Path(value.removeprefix("seccomp="))
    assert (option, json.loads(file.read_text())["listenerPath"]) == ("--security-opt", str(folder / "g7"))
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(folder / "g7"))
        assert guard._process.poll() is None
    guard.close()
    assert guard._process.returncode is not None


def test_without_a_container_the_keeper_goes_with_the_server(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        keeper = subprocess.Popen(
            [sys.executable, "-S", "-E", str(container_guard._KEEPER), str(listener.fileno()), "/x"],
            stdin=subprocess.PIPE,
            pass_fds=[listener.fileno()],
        )
    assert keeper.stdin is not None
    keeper.stdin.close()
    assert keeper.wait(timeout=20) == 0
