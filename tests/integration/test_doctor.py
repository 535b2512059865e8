"""``raydp-spcs doctor`` against set-ups that are broken for real: it names the cause and what mends it, and that mends it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from airflow_provider_raydp_spcs.cli import connections
from airflow_provider_raydp_spcs.cli.app import app
from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.doctor.setup import Setup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.ports import GCS
from airflow_provider_raydp_spcs.spcs.scripts import SetupNames, steps
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from airflow_provider_raydp_spcs.version import __version__
from tests.integration.containers import until
from tests.integration.light import IMAGES, light_snowflake, small

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
NAME = "DOC"
SCHEMA = "RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA"
Findings = list[dict[str, str]]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="module")
def environment(images: Path) -> Iterator[dict[str, str]]:
    """A healthy set-up with a running cluster."""
    with light_snowflake(images) as found:
        with connect(found) as connection:
            clusters = Clusters(client_of(connection))
            clusters.create(small(NAME))
            clusters.wait_for(NAME, deadline=time.time() + 60, poll=0.2)
        yield found


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.ARGUMENTS, "login_timeout", 5)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Account:
    """The broken account: with whom statements go, and what the doctor finds."""

    environment: dict[str, str]
    images: Path
    monkeypatch: pytest.MonkeyPatch

    def run(self, *statements: str, role: str | None = None) -> None:
        """As the administrator, unless another role is named."""
        with connect(self.environment, role=role or "ACCOUNTADMIN") as connection:
            session = ConnectorSession(connection)
            session.execute(f"USE SCHEMA {SCHEMA}")
            for statement in statements:
                session.execute(statement)

    def as_user(self, *statements: str) -> None:
        self.run(*statements, role="RAYDP_SIS_ROLE")

    def connect_with(self, **values: str) -> None:
        """Change values of the connection."""
        for name, value in values.items():
            self.monkeypatch.setenv(f"SNOWFLAKE_{name.upper()}", value)

    def examine(self, *arguments: str) -> tuple[int, Findings]:
        reply = CliRunner().invoke(app, ["doctor", "--output", "json", *arguments])
        assert reply.stdout, reply.stderr
        return reply.exit_code, json.loads(reply.stdout)["findings"]

    def complaints(self) -> Findings:
        return [each for each in self.examine()[1] if each["severity"] != "ok"]


@pytest.fixture
def account(environment: dict[str, str], images: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    return Account(environment, images, monkeypatch)


def test_a_healthy_set_up_has_no_findings(account: Account) -> None:
    code, found = account.examine()
    assert (code, {each["severity"] for each in found}) == (0, {"ok"}), found
    assert {each["check"] for each in found} == {
        "sign-in", "privileges", "warehouse", "schema", "stages", "leases", "images", "integrations", "compute pools",
        "ingress", "versions",
    }  # fmt: skip
    assert f"cluster {NAME} runs version {__version__} (ray 2.60.0" in " ".join(each["what"] for each in found)


@pytest.mark.parametrize("grant", Setup(SetupNames()).grants, ids=str)
def test_a_privilege_that_lacks(account: Account, grant: Any) -> None:
    statement = grant.statement("RAYDP_SIS_ROLE")
    account.run(statement.replace("GRANT", "REVOKE").replace(" TO ROLE ", " FROM ROLE "))
    found = account.complaints()
    cause = next(each for each in found if grant.privilege in each["mend"] and each["severity"] == "error")
    assert grant.privilege in cause["what"] or grant.kind == "WAREHOUSE"
    assert statement in cause["mend"]
    assert cause["by"] == "an administrator"
    mend(account, cause)
    assert account.complaints() == []


@dataclass(frozen=True)
class Broken:
    """One broken set-up.

    :param breaks: breaks it.
    :param what: part of the cause.
    :param mend: part of what mends it.
    :param mends: puts it right where the mend is no statement.
    """

    check: str
    breaks: Callable[[Account], None]
    what: str
    mend: str
    mends: Callable[[Account], None] | None = None
    severity: str = "error"


def label(account: Account, image: str, version: str) -> None:
    file = account.images / image / "Dockerfile"
    text = file.read_text().partition("LABEL")[0]
    file.write_text(f"{text}LABEL org.opencontainers.image.version={version}\n" if version else text)


def take_away(account: Account, image: str) -> None:
    (account.images / image).rename(account.images.parent / f"{account.images.name}-{image}")


def bring_back(account: Account, image: str) -> None:
    (account.images.parent / f"{account.images.name}-{image}").rename(account.images / image)


def make_role(account: Account, *grants: str) -> None:
    """A role ANALYST of the user's, with which the connection signs in."""
    account.run("CREATE ROLE IF NOT EXISTS ANALYST", "GRANT ROLE ANALYST TO USER RAYDP", *grants)
    account.connect_with(role="ANALYST")


def drop_role(account: Account) -> None:
    account.connect_with(role="RAYDP_SIS_ROLE")
    account.run("DROP ROLE ANALYST")


def analyst_at_the_door(account: Account) -> None:
    make_role(
        account,
        "GRANT USAGE ON DATABASE RAYDP_SIS_DB TO ROLE ANALYST",
        f"GRANT USAGE ON SCHEMA {SCHEMA} TO ROLE ANALYST",
        "GRANT USAGE ON WAREHOUSE RAYDP_SIS_XSW TO ROLE ANALYST",
        f"GRANT USAGE, MONITOR ON SERVICE {SCHEMA}.{NAME}_HEAD TO ROLE ANALYST",
    )


def crowd(account: Account) -> None:
    """More instances than the pool may have nodes."""
    account.as_user(f"ALTER SERVICE {NAME}_WORKER SET MIN_INSTANCES = 2 MAX_INSTANCES = 2")
    with connect(account.environment) as connection:
        pools = client_of(connection).compute_pools
        until(lambda: pools.describe(f"{NAME}_WORKER_POOL").error_code)


BROKEN = {
    "stage missing": Broken(
        "stages",
        lambda account: account.as_user("DROP STAGE RAYDPLOGS"),
        "stage RAYDPLOGS is not in RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA",
        "CREATE STAGE IF NOT EXISTS RAYDPLOGS",
    ),
    "stage of another role": Broken(
        "stages",
        lambda account: account.run(
            "DROP STAGE RAYDP_ARTIFACTS",
            "CREATE STAGE RAYDP_ARTIFACTS",
            f"GRANT WRITE ON STAGE {SCHEMA}.RAYDP_ARTIFACTS TO ROLE RAYDP_SIS_ROLE",
        ),
        "may not read it",
        f"GRANT READ, WRITE ON STAGE {SCHEMA}.RAYDP_ARTIFACTS TO ROLE RAYDP_SIS_ROLE;",
    ),
    "lease table missing": Broken(
        "leases",
        lambda account: account.as_user("DROP TABLE RAYDP_LEASES"),
        "the table RAYDP_LEASES is not there",
        "CREATE TABLE IF NOT EXISTS RAYDP_LEASES",
    ),
    "image repository missing": Broken(
        "image repository",
        lambda account: account.as_user("DROP IMAGE REPOSITORY RAYDP_SIS_IMAGE_REPO"),
        "the image repository RAYDP_SIS_IMAGE_REPO is not in",
        "CREATE IMAGE REPOSITORY IF NOT EXISTS RAYDP_SIS_IMAGE_REPO;",
    ),
    "image missing": Broken(
        "images",
        lambda account: take_away(account, "raydp_worker"),
        "the image raydp_worker is not in the image repository",
        "raydp-spcs images push",
        lambda account: bring_back(account, "raydp_worker"),
    ),
    "image for monitoring missing": Broken(
        "images",
        lambda account: take_away(account, "grafana"),
        "the image grafana is not in the image repository; it is for monitoring",
        "raydp-spcs images push",
        lambda account: bring_back(account, "grafana"),
        severity="warning",
    ),
    "image of another version": Broken(
        "images",
        lambda account: label(account, "raydp_head", "0.0.9"),
        f"the image raydp_head is there as 0.0.9, and not in this package's version {__version__}",
        "raydp-spcs images build",
        lambda account: label(account, "raydp_head", ""),
    ),
    "warehouse missing": Broken(
        "warehouse",
        lambda account: account.run("DROP WAREHOUSE RAYDP_SIS_XSW"),
        "warehouse RAYDP_SIS_XSW is not there",
        "CREATE WAREHOUSE IF NOT EXISTS RAYDP_SIS_XSW",
    ),
    "warehouse asleep for ever": Broken(
        "warehouse",
        lambda account: account.run(
            "ALTER WAREHOUSE RAYDP_SIS_XSW SET AUTO_RESUME = FALSE", "ALTER WAREHOUSE RAYDP_SIS_XSW SUSPEND"
        ),
        "warehouse RAYDP_SIS_XSW is suspended and does not resume by itself",
        "ALTER WAREHOUSE RAYDP_SIS_XSW SET AUTO_RESUME = TRUE;",
    ),
    "integration missing": Broken(
        "integrations",
        lambda account: account.as_user("DROP INTEGRATION RAYDP_ACCESS_INTEGRATION"),
        "the integration RAYDP_ACCESS_INTEGRATION is not there",
        "CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION RAYDP_ACCESS_INTEGRATION",
        severity="warning",
    ),
    "integration switched off": Broken(
        "integrations",
        lambda account: account.as_user(
            "ALTER EXTERNAL ACCESS INTEGRATION RAYDP_ACCESS_INTEGRATION SET ENABLED = FALSE"
        ),
        "RAYDP_ACCESS_INTEGRATION is switched off",
        "ALTER EXTERNAL ACCESS INTEGRATION RAYDP_ACCESS_INTEGRATION SET ENABLED = TRUE;",
        severity="warning",
    ),
    "schema not named": Broken(
        "schema",
        lambda account: account.connect_with(database="NOWHERE"),
        "the session has no current database",
        'database = "RAYDP_SIS_DB"',
        lambda account: account.connect_with(database="RAYDP_SIS_DB"),
    ),
    "wrong role": Broken(
        "privileges",
        make_role,
        "the connection's role is ANALYST, which has not the role RAYDP_SIS_ROLE",
        "GRANT ROLE RAYDP_SIS_ROLE TO ROLE ANALYST;",
        lambda account: drop_role(account),
    ),
    "role of an administrator": Broken(
        "privileges",
        lambda account: account.connect_with(role="ACCOUNTADMIN"),
        "the connection's role is ACCOUNTADMIN",
        'role = "RAYDP_SIS_ROLE"',
        lambda account: account.connect_with(role="RAYDP_SIS_ROLE"),
        severity="warning",
    ),
    "role that is not there": Broken(
        "sign-in",
        lambda account: account.connect_with(role="NOBODYS"),
        "the role of connection env is not there, or not the user's",
        "raydp-spcs setup --admin",
        lambda account: account.connect_with(role="RAYDP_SIS_ROLE"),
    ),
    "wrong password": Broken(
        "sign-in",
        lambda account: account.connect_with(password="wrong"),
        "user or password of connection env are wrong",
        'eval "$(raydp-spcs local env)"',
        lambda account: account.connect_with(password=account.environment["SNOWFLAKE_PASSWORD"]),
    ),
    "host that does not answer": Broken(
        "sign-in",
        lambda account: account.connect_with(port=str(GCS)),
        "Snowflake does not answer at the host of connection env",
        "raydp-spcs local up",
        lambda account: account.connect_with(port=account.environment["SNOWFLAKE_PORT"]),
    ),
    "pool at its node limit": Broken(
        "compute pools",
        crowd,
        f"compute pool {NAME}_WORKER_POOL is at its limit of 1 nodes",
        f"ALTER COMPUTE POOL {NAME}_WORKER_POOL SET MAX_NODES = 2;",
    ),
    "cluster of another version": Broken(
        "versions",
        lambda account: (account.images / "version").write_text("0.0.8") and None,
        f"cluster {NAME} runs version 0.0.8 of the package",
        f"raydp-spcs cluster delete {NAME}",
        lambda account: (account.images / "version").write_text("") and None,
    ),
    "ingress refuses the role": Broken(
        "ingress",
        analyst_at_the_door,
        f"the endpoints of cluster {NAME} refuse role ANALYST (they answer 403)",
        f"GRANT SERVICE ROLE {SCHEMA}.{NAME}_HEAD!ALL_ENDPOINTS_USAGE TO ROLE ANALYST;",
    ),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=list(BROKEN))
def test_a_broken_set_up_is_named_and_mended(account: Account, broken: Broken) -> None:
    broken.breaks(account)
    try:
        code, found = account.examine()
        assert code == int(any(each["severity"] == "error" for each in found))
        causes = [each for each in found if each["check"] == broken.check and each["severity"] == broken.severity]
        assert len(causes) == 1, found
        (cause,) = causes
        assert broken.what in cause["what"]
        assert broken.mend in cause["mend"]
    finally:
        if broken.mends is not None:
            broken.mends(account)
    if broken.mends is None:
        mend(account, cause)
        if broken.check == "ingress":  # whose role lacks other things too, which stay
            until(lambda: broken.what not in str(account.complaints()))
            drop_role(account)
    until(lambda: account.complaints() == [])


def mend(account: Account, cause: dict[str, str]) -> None:
    """Run the statements of a finding as whoever it names."""
    assert cause["mend"].endswith(";")
    statements = [step.statement for step in steps(cause["mend"])]
    (account.run if cause["by"] == "an administrator" else account.as_user)(*statements)


def test_people_read_what_is_wrong_and_what_mends_it(account: Account) -> None:
    account.as_user("DROP STAGE RAYDP_YAMLSPECS")
    reply = CliRunner().invoke(app, ["doctor"])
    assert reply.exit_code == 1
    assert "error   stages: stage RAYDP_YAMLSPECS is not in" in reply.stdout
    assert "CREATE STAGE IF NOT EXISTS RAYDP_YAMLSPECS" in reply.stdout
    assert reply.stdout.rstrip().endswith("1 things are wrong.")
    account.as_user(Setup(SetupNames()).statement("CREATE STAGE IF NOT EXISTS RAYDP_YAMLSPECS"))


def test_this_machine_is_looked_at_too(account: Account, tmp_path: Path) -> None:
    account.monkeypatch.setenv("PATH", str(tmp_path))
    found = [each for each in account.examine("--local")[1] if each["check"] == "this machine"]
    assert [each["mend"] for each in found if each["severity"] == "warning"] == [
        "apt-get install prometheus",
        "apt-get install podman buildah",
    ]
    assert any(each["what"].startswith("Java is at") for each in found)
    assert set(IMAGES) == {path.name for path in account.images.iterdir() if path.is_dir()}
