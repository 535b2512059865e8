"""The command line: what it says, and how it fails."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs import __version__
from airflow_provider_raydp_spcs.cli.demo.airflow_run import Airflow, _LogReader
from airflow_provider_raydp_spcs.cli.demo.leftovers import LeftoversError, check_processes_gone
from airflow_provider_raydp_spcs.cli.demo.preflight import DemoNotPossibleError, parse_days


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "airflow_provider_raydp_spcs.cli", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_version(tmp_path: Path) -> None:
    assert run("--version", cwd=tmp_path).stdout.strip() == __version__


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["local", "status", "--home", "h"], "start one: raydp-spcs local up"),
        (["local", "env", "--home", "h"], "start one: raydp-spcs local up"),
        (["demo", "--day", "yesterday"], "write it as YYYY-MM-DD"),
        (["demo", "--day", "2014-01-01"], "2013 only"),
    ],
)
def test_failures_are_told_in_words(tmp_path: Path, arguments: list[str], part: str) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_the_help_needs_next_to_nothing(tmp_path: Path) -> None:
    """Whoever presses Tab or asks for help does not wait for clients and servers to be imported."""
    program = "import sys; from airflow_provider_raydp_spcs.cli.app import app; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    heavy = {
        "airflow",
        "snowflake.connector",
        "httpx",
        "ray",
        "yaml",
        "streamlit",
        "duckdb",
        "starlette",
        "rich.console",
    }
    assert heavy & set(found.stdout.split()) == set()


def test_days() -> None:
    assert parse_days(["2013-12-31"]) == [dt.date(2013, 12, 31)]
    with pytest.raises(DemoNotPossibleError):
        parse_days(["2013-02-30"])


def test_the_demos_airflow_leaves_the_users_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "mine")
    monkeypatch.setenv("AIRFLOW_HOME", "/mine")
    airflow = Airflow(tmp_path / "a", tmp_path / "d", {"SNOWFLAKE_PASSWORD": "canary"})
    environment = airflow.environment()
    assert environment["AIRFLOW_HOME"] == str(tmp_path / "a")
    assert "AIRFLOW__CORE__FERNET_KEY" not in environment
    assert "canary" not in repr(airflow)


def test_log_lines_become_progress_and_times() -> None:
    def line(event: str, time: str, logger: str = "airflow.sdk", level: str = "info") -> str:
        return json.dumps({"event": event, "timestamp": time, "logger": logger, "level": level})

    shown: list[str] = []
    reader = _LogReader(shown.append)
    reader.read("plain text of some library")
    reader.read(line("[DAG TEST] starting task_id=t map_index=-1", "2026-01-01T00:00:00Z"))
    reader.read(line("noise", "2026-01-01T00:00:01Z"))
    reader.read(line("pool [x] made", "2026-01-01T00:00:01Z", "airflow.task.operators.airflow_provider_raydp_spcs.x"))
    reader.read(line("it broke", "2026-01-01T00:00:01Z", level="error"))
    reader.read(line("[DAG TEST] end task task_id=t map_index=-1", "2026-01-01T00:00:02.5Z"))
    assert shown == ["[bold]task t[/]", "  [dim]pool \\[x] made[/]", "  [dim]it broke[/]"]
    assert reader.task_seconds == {"t": 2.5}
    assert reader.last_lines == ["pool [x] made", "it broke"]


def test_a_process_that_is_left_is_found(tmp_path: Path) -> None:
    check_processes_gone(tmp_path)
    left = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    try:
        with pytest.raises(LeftoversError, match=f"{left.pid} sleep"):
            check_processes_gone(tmp_path)
    finally:
        left.kill()
        left.wait()
