"""The command line over a Snowflake and a head in memory."""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from typer.testing import CliRunner, Result

from airflow_provider_raydp_spcs import patience
from airflow_provider_raydp_spcs.cli import connections
from airflow_provider_raydp_spcs.cli.app import app
from airflow_provider_raydp_spcs.cli.connections import Scope, Snowflake
from airflow_provider_raydp_spcs.cli.exit_codes import ExitCode
from airflow_provider_raydp_spcs.cluster import lifecycle
from airflow_provider_raydp_spcs.jobs import wait
from airflow_provider_raydp_spcs.spcs.ingress import programmatic_access_token
from tests.unit.airflow.fakes import TOKEN, FakeHead, FakeSnowflake


@pytest.fixture
def snowflake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeSnowflake:
    """What every command is connected to."""
    made = FakeSnowflake()

    @contextlib.contextmanager
    def open_fake(scope: Scope) -> Iterator[Snowflake]:
        made.scope = scope  # type: ignore[attr-defined]
        yield Snowflake(made, lambda: programmatic_access_token(TOKEN))  # type: ignore[arg-type]

    monkeypatch.setattr(connections, "open_snowflake", open_fake)
    monkeypatch.setattr(Snowflake, "clusters", property(lambda own: made.clusters()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(lifecycle, "POLL_SECONDS", 0.0)
    for module, name in ((patience, "FIRST_PAUSE"), (patience, "LONGEST_PAUSE"), (wait, "POLL_SECONDS")):
        monkeypatch.setattr(module, name, 0.01)
    return made


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch, snowflake: FakeSnowflake, tmp_path: Path) -> Iterator[FakeHead]:
    """The head of cluster C, which is up."""
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    made = FakeHead(tls)
    snowflake.services.host = made.host
    snowflake.make("C")
    yield made
    made.close()


@dataclass
class Said:
    """What a command said."""

    result: Result

    @property
    def out(self) -> str:
        return self.result.stdout

    @property
    def err(self) -> str:
        return self.result.stderr

    @property
    def json(self) -> Any:
        return json.loads(self.result.stdout)


def run(*words: str, code: ExitCode = ExitCode.OK, typed: str | None = None) -> Said:
    """Run a command line, and see its exit code."""
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, list(words), input=typed)
    assert result.exit_code == code, (words, result.exit_code, result.output, result.exception)
    return Said(result)


def ask(*words: str, code: ExitCode = ExitCode.OK) -> Any:
    """The same, answered in JSON."""
    return run(*words, "--output", "json", code=code).json
