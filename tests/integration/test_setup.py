"""The four SQL files through ``raydp-spcs setup``: run, run again, under other names, tried out, and taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from airflow_provider_raydp_spcs.cli.app import app
from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.local.services.system_pools import SYSTEM_POOLS
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from airflow_provider_raydp_spcs.version import __version__
from tests.integration.light import light_snowflake, small

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
OTHERS = {
    "role": "TEAM_ROLE",
    "database": "TEAM_DB",
    "schema": "TEAM_SCHEMA",
    "warehouse": "TEAM_WH",
    "integration": "TEAM_OUT",
}
OTHER_NAMES = [part for name, value in OTHERS.items() for part in (f"--{name}", value.lower())]
# What the local Snowflake has from its beginning.
SYSTEM_ROLES = {"ACCOUNTADMIN", "ORGADMIN", "PUBLIC", "SECURITYADMIN", "SYSADMIN", "USERADMIN"}
KINDS = (
    "ROLES",
    "WAREHOUSES",
    "STAGES",
    "IMAGE REPOSITORIES",
    "INTEGRATIONS",
    "NETWORK RULES",
    "COMPUTE POOLS",
    "SERVICES",
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with light_snowflake(tmp_path_factory.mktemp("images")) as found:
        yield found


def setup(*arguments: str) -> list[dict[str, str]]:
    reply = CliRunner().invoke(app, ["setup", "--output", "json", *arguments])
    assert reply.exit_code == 0, reply.stderr
    found: list[dict[str, str]] = json.loads(reply.stdout)
    return found


def doctor(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, **names: str) -> dict[str, Any]:
    with monkeypatch.context() as patch:
        for name, value in names.items():
            patch.setenv(f"SNOWFLAKE_{name.upper()}", value)
        options = [part for name, value in names.items() for part in (f"--{name}", value)]
        reply = CliRunner().invoke(app, ["doctor", "--output", "json", *options])
    found: dict[str, Any] = json.loads(reply.stdout)
    assert reply.exit_code == (0 if found["healthy"] else 1)
    return found


def things(environment: dict[str, str]) -> dict[str, set[str]]:
    """Everything of the account that is no table, and that an account does not have from the beginning."""
    with connect(environment, role="ACCOUNTADMIN") as connection:
        session = ConnectorSession(connection)
        found = {kind: {row["name"] for row in session.execute(f"SHOW {kind}")} for kind in KINDS}
        databases = {row["name"] for row in session.execute("SHOW DATABASES")}
    found["ROLES"] -= SYSTEM_ROLES
    found["COMPUTE POOLS"] -= SYSTEM_POOLS
    return {**found, "DATABASES": {name for name in databases if name.startswith(("RAYDP", "TEAM"))}}


def test_it_may_be_run_as_often_as_one_likes(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    before = things(environment)
    for _ in range(2):
        done = setup("--admin")
        assert {each["script"] for each in done} == {"step0_admin_setup.sql", "step1_user_setup.sql"}
        assert "RAYDP_ARTIFACTS already exists, statement succeeded." in [each["result"] for each in done]
    assert things(environment) == before
    assert doctor(environment, monkeypatch)["healthy"]


def test_a_dry_run_needs_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNOWFLAKE_HOST", raising=False)
    reply = CliRunner().invoke(app, ["setup", "--admin", "--smoke-test", "--dry-run", *OTHER_NAMES])
    assert reply.exit_code == 0, reply.stderr
    assert "GRANT CREATE COMPUTE POOL ON ACCOUNT TO ROLE TEAM_ROLE;" in reply.stdout
    assert f"/team_db/team_schema/raydp_sis_image_repo/raydp_head:{__version__}" in reply.stdout
    assert not [name for name in ("RAYDP_SIS_ROLE", "RAYDP_SIS_DB", "RAYDP_SIS_XSW") if name in reply.stdout.upper()]


@pytest.mark.parametrize("name", ["a b", "x; DROP DATABASE y", 'q"uoted', "x'y", "$$", "", "1a"])
def test_names_that_are_none_are_refused(name: str) -> None:
    reply = CliRunner().invoke(app, ["setup", "--dry-run", "--database", name])
    assert reply.exit_code == 2
    assert "is no plain Snowflake identifier" in reply.stderr


def test_other_names_stand_beside_the_first_ones(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    setup("--admin", *OTHER_NAMES)
    found = things(environment)
    assert {"TEAM_ROLE", "RAYDP_SIS_ROLE"} <= found["ROLES"]
    assert {"TEAM_WH", "RAYDP_SIS_XSW"} <= found["WAREHOUSES"]
    assert found["DATABASES"] == {"TEAM_DB", "RAYDP_SIS_DB"}
    assert doctor(environment, monkeypatch, **OTHERS)["healthy"]
    setup("--teardown", "--yes", *OTHER_NAMES)
    left = things(environment)
    assert left["DATABASES"] == {"RAYDP_SIS_DB"}
    assert "TEAM_ROLE" not in left["ROLES"]
    assert "TEAM_WH" not in left["WAREHOUSES"]
    assert doctor(environment, monkeypatch)["healthy"]


def test_the_smoke_test_runs_an_image_and_leaves_nothing(environment: dict[str, str]) -> None:
    before = things(environment)
    done = {each["statement"].split("\n")[0]: each["result"] for each in setup("--smoke-test")}
    assert done["SELECT SYSTEM$WAIT_FOR_SERVICES(900, 'RAYDP_SMOKE_TEST')"] == "OK"
    logs = done["SELECT SYSTEM$GET_SERVICE_LOGS('RAYDP_SMOKE_TEST', 0, 'main', 20)"]
    assert logs == f"the image of version {__version__} works"
    assert "https" not in done["SHOW ENDPOINTS IN SERVICE RAYDP_SMOKE_TEST"]
    assert "ingress_url 127.0.0.1:" in done["SHOW ENDPOINTS IN SERVICE RAYDP_SMOKE_TEST"]
    assert things(environment) == before


def test_nothing_is_left_after_the_teardown(environment: dict[str, str]) -> None:
    with connect(environment) as connection:
        Clusters(client_of(connection)).create(small("LAST"))
    reply = CliRunner().invoke(app, ["setup", "--teardown"], input="n\n")
    assert reply.exit_code == 1
    assert things(environment)["DATABASES"] == {"RAYDP_SIS_DB"}
    done = setup("--teardown", "--yes")
    assert "no compute pool of RAYDP_SIS_ROLE is left" in [each["result"] for each in done]
    found = things(environment)
    assert found == {kind: set() for kind in found}
    again = setup("--teardown", "--yes")
    assert "Drop statement executed successfully (RAYDP_SIS_DB already dropped)." in [each["result"] for each in again]
    setup("--admin")
    assert things(environment)["DATABASES"] == {"RAYDP_SIS_DB"}
