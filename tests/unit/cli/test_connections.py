"""Which connection a command uses: the environment's, a named one, Airflow's; and what the shell completes."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import snowflake.connector

from airflow_provider_raydp_spcs.cli import completion
from airflow_provider_raydp_spcs.cli.connections import ENVIRONMENT, Scope, open_snowflake
from airflow_provider_raydp_spcs.cli.exit_codes import NotConnectedError
from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook
from airflow_provider_raydp_spcs.spcs.errors import AuthenticationError
from tests.unit.airflow.fakes import CONNECTION, TOKEN, FakeSnowflake
from tests.unit.cli.conftest import run

NAMES = ("host", "port", "account", "user", "password", "role", "database", "schema", "warehouse")


class FakeConnection:
    closed = False

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
def mine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection of the user's own, with values that stay and one that does not."""
    own = {"account": "a", "network_timeout": 5, "role": "own", "session_parameters": {"QUERY_TAG": "t"}}
    manager = {"connections": {"mine": own}}
    monkeypatch.setattr("snowflake.connector.config_manager.CONFIG_MANAGER", manager)


@pytest.mark.usefixtures("mine")
def test_a_named_connection_keeps_its_values_but_for_what_is_asked(
    opened: list[tuple[dict[str, Any], FakeConnection]],
) -> None:
    with open_snowflake(Scope("mine", role="other", schema="s")):
        ((arguments, connection),) = opened
        assert not connection.closed
    assert connection.closed
    assert (arguments["connection_name"], arguments["role"], arguments["schema"]) == ("mine", "other", "s")
    assert arguments["session_parameters"] == {"QUERY_TAG": "t", "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"}
    assert arguments["network_timeout"] == 5
    with pytest.raises(NotConnectedError, match=r"no connection 'nix'; your connections.toml has \['mine'\]"), open_snowflake(Scope("nix")):  # fmt: skip
        pass


def test_the_environment_makes_a_connection(opened: list[tuple[dict[str, Any], FakeConnection]]) -> None:
    environment = {f"SNOWFLAKE_{name.upper()}": f"a {name}" for name in NAMES}
    with open_snowflake(Scope(ENVIRONMENT, role="r"), environment):
        pass
    assert {name: opened[0][0][name] for name in NAMES} == {**{name: f"a {name}" for name in NAMES}, "role": "r"}
    del environment["SNOWFLAKE_HOST"]
    with (
        pytest.raises(NotConnectedError, match=r"SNOWFLAKE_HOST is not set.*--connection NAME"),
        open_snowflake(Scope(), environment),
    ):
        pass


def test_who_is_not_let_in_is_told_so(monkeypatch: pytest.MonkeyPatch, mine: None) -> None:
    def refused(**arguments: Any) -> None:
        raise snowflake.connector.errors.DatabaseError("Incorrect username or password", errno=250001)

    monkeypatch.setattr(snowflake.connector, "connect", refused)
    with pytest.raises(AuthenticationError), open_snowflake(Scope("mine")):
        pass


def test_airflows_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps(CONNECTION))
    made = FakeSnowflake()
    monkeypatch.setattr(SpcsHook, "client", property(lambda hook: (hook.arguments(), made)[1]))
    with open_snowflake(Scope("airflow:mine", role="r")) as found:
        assert found.client is made
        assert found.tokens().headers() == {"Authorization": f'Snowflake Token="{TOKEN}"'}
    with (
        pytest.raises(NotConnectedError, match="Airflow knows no usable connection 'nix'"),
        open_snowflake(Scope("airflow:nix")),
    ):
        pass


def test_completion_asks_nobody_and_never_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, snowflake: FakeSnowflake
) -> None:
    monkeypatch.setenv("SNOWFLAKE_HOME", str(tmp_path))
    assert completion.complete_connections("") == ["env", "airflow:"]
    (tmp_path / "connections.toml").write_text("[eu]\n[us]\n")
    assert completion.complete_connections("e") == ["env", "eu"]
    assert completion.complete_families("cpu_x64_s") == ["CPU_X64_S", "CPU_X64_SL"]
    assert completion.complete_clusters("") == []
    for name in ("ONE", "OTHER"):
        snowflake.make(name)
    run("cluster", "list")
    snowflake.calls.clear()
    assert completion.complete_clusters("o") == ["ONE", "OTHER"]
    assert completion.complete_groups(SimpleNamespace(params={"name": "one"}), "w") == ["worker"]
    assert completion.complete_groups(None, "") == ["head", "worker"]
    run("cluster", "delete", "one", "--yes")
    assert completion.complete_clusters("") == ["OTHER"]
    seen = tmp_path / "cache" / "raydp-spcs" / "seen.json"
    assert seen.exists()
    seen.write_text("broken")
    assert completion.complete_clusters("") == []
