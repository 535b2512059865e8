"""The JVM of Spark's driver, played by a small program: how it is waited for, and that it always ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from airflow_provider_raydp_spcs.runtime import driver_jvm
from airflow_provider_raydp_spcs.runtime.driver_jvm import DriverJvm
from airflow_provider_raydp_spcs.runtime.errors import DriverStartError

ANSWERS = f"""#!{sys.executable}
import os, struct, sys
path = os.environ["_PYSPARK_DRIVER_CONN_INFO_PATH"]
with open(path + ".new", "wb") as file:
    file.write(struct.pack("!ii", 1234, 6) + b"secret")
os.rename(path + ".new", path)
sys.stdin.read()
"""


class Gateway:
    proc: Any = None
    ended = False

    def shutdown(self) -> None:
        self.ended = True


@pytest.fixture
def java(tmp_path: Path) -> Path:
    program = tmp_path / "java"
    program.write_text(ANSWERS)
    program.chmod(0o700)
    return program


@pytest.fixture
def gateways(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str, Gateway]]:
    made: list[tuple[int, str, Gateway]] = []

    def connect(port: int, secret: str) -> Gateway:
        made.append((port, secret, Gateway()))
        return made[-1][2]

    monkeypatch.setattr(driver_jvm, "_connect", connect)
    return made


def test_it_is_reached_where_it_says_and_ends_when_told(java: Path, gateways: list[tuple[int, str, Gateway]]) -> None:
    jvm = DriverJvm(java, ["-Xmx1g"])
    assert jvm.gateway() is jvm.gateway()
    ((port, secret, gateway),) = gateways
    assert (port, secret, gateway.proc) == (1234, "secret", jvm.process)
    assert psutil.Process(jvm.process.pid).cmdline()[-3:] == [
        "-Xmx1g",
        "org.apache.spark.deploy.SparkSubmit",
        "pyspark-shell",
    ]
    jvm.end()
    assert gateway.ended
    assert jvm.process.returncode == 0
    jvm.end()


def test_one_that_nobody_has_talked_to_ends_too(java: Path) -> None:
    jvm = DriverJvm(java, [])
    jvm.end()
    assert jvm.process.returncode is not None


def test_one_that_dies_is_told_with_its_code(java: Path) -> None:
    java.write_text("#!/bin/sh\nexit 3\n")
    jvm = DriverJvm(java, [])
    with pytest.raises(DriverStartError, match="exit code 3"):
        jvm.gateway()
    jvm.end()


def test_one_that_does_not_answer_is_not_waited_for_ever(java: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java.write_text("#!/bin/sh\nexec cat\n")
    monkeypatch.setattr(driver_jvm, "START_SECONDS", 0.2)
    jvm = DriverJvm(java, [])
    with pytest.raises(DriverStartError, match=r"does not answer after 0\.2 s"):
        jvm.gateway()
    jvm.end()
    assert jvm.process.returncode is not None


def test_one_that_does_not_listen_is_killed(java: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java.write_text("#!/bin/sh\nexec sleep 600\n")
    monkeypatch.setattr(driver_jvm, "END_SECONDS", 0.2)
    jvm = DriverJvm(java, [])
    jvm.end()
    assert jvm.process.returncode == -9


def test_it_dies_with_a_python_that_is_killed(java: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from airflow_provider_raydp_spcs.runtime.driver_jvm import DriverJvm\n"
        f"print(DriverJvm(Path({str(java)!r}), []).process.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as python:
        assert python.stdout is not None
        pid = int(python.stdout.readline())
        assert psutil.pid_exists(pid)
        python.kill()
    deadline = time.monotonic() + 30
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the JVM has outlived its Python"
        time.sleep(0.05)


def test_the_secret_stays_in_the_environment_only_while_pyspark_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []

    def launch() -> Any:
        seen.append((os.environ["PYSPARK_GATEWAY_PORT"], os.environ["PYSPARK_GATEWAY_SECRET"]))
        return Gateway()

    monkeypatch.setattr("pyspark.java_gateway.launch_gateway", launch)
    driver_jvm._connect(99, "hush")
    assert seen == [("99", "hush")]
    assert not {"PYSPARK_GATEWAY_PORT", "PYSPARK_GATEWAY_SECRET"} & set(os.environ)
