"""``raydp-spcs app``: how Streamlit is started, and what the app says where there is no connection."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from airflow_provider_raydp_spcs.cli import app_command, app_entry
from airflow_provider_raydp_spcs.cli.app import app
from airflow_provider_raydp_spcs.streamlit import connecting

CANARY = "canary-5f1e"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    found: list[tuple[list[str], dict[str, str]]] = []

    def call(command: Sequence[str], env: dict[str, str]) -> int:
        found.append((list(command), env))
        return 7

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", CANARY)
    return found


def test_it_answers_on_loopback_and_secrets_are_no_arguments(calls: list[Any]) -> None:
    done = CliRunner().invoke(app, ["app", "--headless", "--port", "9000", "-c", "work", "--role", "R"])
    assert done.exit_code == 7, "that of Streamlit"
    ((command, environment),) = calls
    options = dict(zip(command[-14::2], command[-13::2], strict=True))
    assert (options["--server.address"], options["--server.port"], options["--server.headless"]) == (
        "127.0.0.1", "9000", "true",
    )  # fmt: skip
    assert options["--client.showErrorDetails"] == "none"
    assert CANARY not in " ".join(command)
    assert CANARY not in environment[app_command.SCOPE]
    scope = json.loads(environment[app_command.SCOPE])
    assert (scope["connection"], scope["role"]) == ("work", "R")


def test_missing_packages_are_said_before_anything_starts(calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_command, "find_spec", lambda name: None if name == "streamlit" else util.find_spec(name))
    done = CliRunner().invoke(app, ["app"])
    assert done.exit_code == 1
    assert calls == []
    assert "streamlit is not installed; run: pip install 'airflow-provider-raydp-spcs[app]'" in done.stderr


def test_the_app_says_that_it_is_not_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    connecting.open_client.clear()
    monkeypatch.setenv(app_command.SCOPE, json.dumps({"connection": "env"}))
    for name in ("HOST", "ACCOUNT", "PASSWORD"):
        monkeypatch.delenv(f"SNOWFLAKE_{name}", raising=False)
    page = AppTest.from_file(Path(app_entry.__file__), default_timeout=30).run()
    assert not page.exception
    assert page.error[0].value == "The app is not connected to Snowflake."
    assert "SNOWFLAKE_HOST is not set" in page.text[0].value
