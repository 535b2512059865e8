"""``raydp-spcs reap``: over which connection it goes, and what it says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import snowflake.connector
from typer.testing import CliRunner

from airflow_provider_raydp_spcs.cli import connections, reap_command
from airflow_provider_raydp_spcs.cli.app import app
from airflow_provider_raydp_spcs.cli.connections import open_client
from airflow_provider_raydp_spcs.cli.exit_codes import ExitCode, NotConnectedError
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from tests.unit.cluster.fakes import FakeClient

NAMES = ("host", "port", "account", "user", "password", "role", "database", "schema", "warehouse")


class FakeConnection:
    def __init__(self) -> None:
        self.closed = False

    def __enter__(self) -> FakeConnection:
        return self

    def __exit__(self, *error: object) -> None:
        self.closed = True


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], FakeConnection]]:
    """Every connection that was asked for."""
    found: list[tuple[dict[str, Any], FakeConnection]] = []

    def connect(**arguments: Any) -> FakeConnection:
        found.append((arguments, FakeConnection()))
        return found[-1][1]

    monkeypatch.setattr(snowflake.connector, "connect", connect)
    return found


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    """A Snowflake with one cluster that has expired and one that has not."""
    made = FakeClient()
    clusters = Clusters(made)  # type: ignore[arg-type]
    clusters.create(ClusterConfig("OVER"), owner="dag", expires="2020-01-01T00:00:00+00:00")
    clusters.create(ClusterConfig("ENDLESS"))
    made.calls.clear()

    @contextlib.contextmanager
    def open_fake(name: str) -> Iterator[FakeClient]:
        assert name == "mine"
        yield made

    monkeypatch.setattr(reap_command, "open_client", open_fake)
    return made


def test_a_named_connection_is_the_connectors_own(opened: list[tuple[dict[str, Any], FakeConnection]]) -> None:
    with open_client("mine"):
        assert not opened[0][1].closed
    assert opened[0][0]["connection_name"] == "mine"
    assert opened[0][1].closed


def test_the_environment_makes_a_connection(opened: list[tuple[dict[str, Any], FakeConnection]]) -> None:
    environment = {f"SNOWFLAKE_{name.upper()}": f"a {name}" for name in NAMES}
    with open_client(connections.ENVIRONMENT, environment):
        pass
    assert {name: opened[0][0][name] for name in NAMES} == {name: f"a {name}" for name in NAMES}
    del environment["SNOWFLAKE_HOST"]
    with (
        pytest.raises(NotConnectedError, match=r"SNOWFLAKE_HOST is not set.*--connection NAME"),
        open_client(connections.ENVIRONMENT, environment),
    ):
        pass


def test_what_has_expired_is_deleted(client: FakeClient) -> None:
    done = CliRunner().invoke(app, ["reap", "--connection", "mine"])
    assert done.exit_code == 0, done.output
    assert "Found 1 to delete." in done.output
    assert "deleting OVER of dag: expired at 2020-01-01T00:00:00+00:00" in done.output
    assert set(client.services.there) == {"ENDLESS_HEAD", "ENDLESS_WORKER"}


@pytest.mark.parametrize(
    ("options", "part"), [(["--dry-run"], "would delete OVER of dag"), (["--owner", "other"], "Found 0 to delete.")]
)
def test_nothing_is_deleted_that_should_not_be(client: FakeClient, options: list[str], part: str) -> None:
    done = CliRunner().invoke(app, ["reap", "--connection", "mine", *options])
    assert part in done.output
    assert client.calls == []


def test_a_failure_is_the_commands_failure(client: FakeClient) -> None:
    client.services.fail_on = "OVER_HEAD"
    done = CliRunner().invoke(app, ["reap", "--connection", "mine"])
    assert done.exit_code == ExitCode.NOT_READY
    assert "ClustersNotReapedError: 1 of 1 clusters could not be reaped" in done.output
