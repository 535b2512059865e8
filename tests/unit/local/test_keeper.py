"""The keeper: nothing that a container started survives it, its stop, or the end of the server."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from airflow_provider_raydp_spcs.local.runtimes import keeper

# A child that makes a session of its own, and a grandchild that is orphaned; both would outlive a process group.
STUBBORN = """
import os, subprocess, sys, time
subprocess.Popen(["sleep", "300"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1], "w").write(str(os.getpid()))
        time.sleep(300)
    os._exit(0)
time.sleep(300)
"""


def start(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-S", "-E", keeper.__file__, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def wait_until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def stubborn(tmp_path: Path) -> tuple[subprocess.Popen[bytes], list[psutil.Process]]:
    note = tmp_path / "pid"
    kept = start(sys.executable, "-c", STUBBORN, str(note))
    wait_until(lambda: note.exists() and note.read_text() != "")
    family = [psutil.Process(int(note.read_text())), *psutil.Process(kept.pid).children(recursive=True)]
    assert len(family) >= 3
    return kept, family


def test_the_exit_code_is_the_commands() -> None:
    assert start("/bin/sh", "-c", "exit 7").wait(timeout=20) == 7


def test_a_command_that_is_not_there_says_so() -> None:
    kept = start("/no/such/program")
    output, _ = kept.communicate(timeout=20)
    assert kept.returncode == 127
    assert b"/no/such/program" in output


@pytest.mark.parametrize("how", ["kill", "pipe closed", "server killed"])
def test_everything_goes(stubborn: tuple[subprocess.Popen[bytes], list[psutil.Process]], how: str) -> None:
    kept, family = stubborn
    assert kept.stdin is not None
    if how == "kill":
        kept.stdin.write(b"K")
        kept.stdin.flush()
    else:  # whoever holds the pipe is gone, as after SIGKILL of the server
        kept.stdin.close()
    kept.wait(timeout=20)
    wait_until(lambda: not any(process.is_running() for process in family))


def test_a_command_that_heeds_sigterm_ends_by_itself(tmp_path: Path) -> None:
    script = tmp_path / "polite.sh"
    script.write_text("trap 'echo bye; exit 3' TERM\necho up\nwhile true; do sleep 0.1; done\n")
    kept = start("/bin/sh", str(script))
    assert kept.stdin is not None
    assert kept.stdout is not None
    assert kept.stdout.readline() == b"up\n"
    kept.stdin.write(b"T")
    kept.stdin.flush()
    assert kept.wait(timeout=20) == 3
    assert kept.stdout.read() == b"bye\n"
