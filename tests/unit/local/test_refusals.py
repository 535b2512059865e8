"""Machines on which the local Snowflake or the demo cannot run are told so before anything starts."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from airflow_provider_raydp_spcs.cli.demo.preflight import DemoNotPossibleError, check_machine
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.local.runtimes.process import ProcessRuntime, UnsupportedPlatformError


def test_other_systems_than_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UnsupportedPlatformError, match="this is darwin"):
        ProcessRuntime("abcdef")


def test_no_loopback_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProcessRuntime, "address", lambda self, number: "192.0.2.1")
    with pytest.raises(UnsupportedPlatformError, match=r"loopback address 192\.0\.2\.1"):
        ProcessRuntime("abcdef")


def test_addresses_are_the_instances_own_and_stay_on_loopback() -> None:
    runtime = ProcessRuntime("abcdef")
    addresses = [runtime.address(number) for number in range(1, 5000)]
    assert len(set(addresses)) == len(addresses)
    assert all(address.startswith("127.") and not address.startswith("127.0.") for address in addresses)


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10**9))
    with pytest.raises(daemon.TooLittleMemoryError, match=r"0\.9 GiB of memory available"):
        daemon.up(tmp_path / "home", port=0, images=tmp_path)
    assert not (tmp_path / "home").exists(), "nothing half-made stays behind"


def test_too_little_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))
    with pytest.raises(DemoNotPossibleError, match=r"0\.9 GiB free; the demo wants 3 GiB"):
        check_machine(tmp_path)


def test_a_container_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """SPCS reference 2.3: SIGTERM, 30 s, SIGKILL; here with a shorter grace, for the rule is the same."""
    import subprocess
    import time

    code = "import sys; from airflow_provider_raydp_spcs.local.runtimes import keeper; keeper.GRACE_SECONDS = 0.5; "
    code += "sys.exit(keeper.main(sys.argv[1:]))"
    script = tmp_path / "deaf.sh"
    script.write_text("trap '' TERM\necho up\nwhile true; do sleep 0.1; done\n")
    command = [sys.executable, "-c", code, "/bin/sh", str(script)]
    kept = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert kept.stdin is not None
    assert kept.stdout is not None
    assert kept.stdout.readline() == b"up\n"
    start = time.monotonic()
    kept.stdin.write(b"T")
    kept.stdin.flush()
    assert kept.wait(timeout=20) == 128 + 9
    assert time.monotonic() - start >= 0.5, "not before the grace is over"
