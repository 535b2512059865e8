"""Least privilege: what step 0 grants is enough for a cluster's whole life, and each grant of it is needed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect, run_script
from airflow_provider_raydp_spcs.cluster import leasing, power
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.logs import LogTarget, export_logs
from airflow_provider_raydp_spcs.cluster.target import Target
from airflow_provider_raydp_spcs.local.services.system_pools import SYSTEM_POOLS
from airflow_provider_raydp_spcs.shipped import shipped
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.errors import InsufficientPrivilegesError, ObjectDoesNotExistError, SpcsError
from airflow_provider_raydp_spcs.spcs.scripts import steps
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from airflow_provider_raydp_spcs.spcs.streamlit_apps import StreamlitApp
from tests.integration.light import light_snowflake

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
SCHEMA = ("RAYDP_SIS_DB", "RAYDP_SIS_CORE_SCHEMA")
ROLE = "RAYDP_SIS_ROLE"
STEP_0 = [step.statement for step in steps((shipped("sql") / "step0_admin_setup.sql").read_text())]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with light_snowflake(tmp_path_factory.mktemp("images")) as found:
        yield found


@pytest.fixture
def admin(environment: dict[str, str]) -> Iterator[ConnectorSession]:
    with connect(environment, role="ACCOUNTADMIN") as connection:
        yield ConnectorSession(connection)


def whole_life(environment: dict[str, str], folder: Path) -> None:
    """Every kind of statement that the package sends for a cluster, with the role of step 0 and no other."""
    set_up(environment)
    with connect(environment) as connection:
        client = client_of(connection)
        assert client.session.execute("SELECT CURRENT_ROLE() AS R") == [{"r": ROLE}]
        clusters = Clusters(client, *SCHEMA, sleep=lambda seconds: time.sleep(min(0.1, seconds)))
        config = ClusterConfig(
            "LIFE",
            head=HeadConfig("CPU_X64_XS", env={"A": "b"}),
            worker_groups=(WorkerGroup("CPU_X64_XS", count=1), WorkerGroup("CPU_X64_XS", name="extra", count=1)),
            query_warehouse="RAYDP_SIS_XSW",
            external_access_integrations=("RAYDP_ACCESS_INTEGRATION",),
            notebook=True,
            monitoring=True,
            max_life_seconds=3600,
            max_idle_seconds=3600,
        )
        app(client, folder)
        try:
            leasing.take(client, "LIFE", "a/b", "a", "b", 600, print)
            clusters.create(config, owner="a", run="b")
            wait(clusters, Target.READY)
            assert clusters.endpoints("LIFE")["dashboard"].startswith("https://")
            assert len(clusters.pages("LIFE")) >= 2
            service = clusters.status("LIFE").services[0].service.full_name
            assert "up" in client.services.logs(service, "0", "raydp")
            assert client.services.containers(service)
            assert client.services.instances(service)
            assert client.services.describe(service).spec
            assert client.compute_pools.describe("LIFE_HEAD_POOL").max_nodes == 1
            power.scale(clusters, "LIFE", "extra", 2)
            wait(clusters, Target.READY)
            power.suspend(clusters, "LIFE")
            wait(clusters, Target.SUSPENDED)
            power.resume(clusters, "LIFE")
            wait(clusters, Target.READY)
            assert export_logs(client, clusters, LogTarget("RAYDPLOGS", "LIFE", "d", "r", "t", 1), [], None).files
            stages(client, folder)
            assert leasing.may_delete(client, "LIFE", "a/b", print)
        finally:
            clusters.delete("LIFE")
        leasing.closed(client, "LIFE", "a/b")


def set_up(environment: dict[str, str]) -> None:
    run_script(environment, shipped("sql") / "step1_user_setup.sql")


def wait(clusters: Clusters, target: Target) -> None:
    clusters.wait_for("LIFE", target, deadline=time.time() + 60, poll=0.2)


def stages(client: SpcsClient, folder: Path) -> None:
    (folder / "a.txt").write_text("a")
    client.stages.put(folder / "a.txt", "@RAYDP_ARTIFACTS/life")
    client.stages.get("@RAYDP_ARTIFACTS/life", folder / "down")
    assert (folder / "down" / "a.txt").read_text() == "a"
    assert client.stages.remove("@RAYDP_ARTIFACTS/life") == ["raydp_artifacts/life/a.txt"]


def app(client: SpcsClient, folder: Path) -> None:
    (folder / "app.py").write_text("")
    client.stages.put(folder / "app.py", "@RAYDP_ARTIFACTS/app")
    name = ".".join([*SCHEMA, "LIFE_APP"])
    client.streamlit_apps.replace(StreamlitApp(name, "@RAYDP_ARTIFACTS/app", "app.py", "RAYDP_SIS_XSW", "Life"))
    client.streamlit_apps.add_live_version(name)
    assert [each.name for each in client.streamlit_apps.show("LIFE")] == ["LIFE_APP"]
    client.streamlit_apps.drop(name)


def test_the_role_of_step_0_is_enough_for_the_whole_life(environment: dict[str, str], tmp_path: Path) -> None:
    whole_life(environment, tmp_path)


BEYOND = (
    "GRANT CREATE VIEW, CREATE FILE FORMAT, CREATE SEQUENCE, CREATE FUNCTION "
    "ON SCHEMA RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA TO ROLE RAYDP_SIS_ROLE"
)
"""What README says that a notebook's Snowpark may want besides."""


def test_what_a_notebook_does_with_the_role_and_what_it_needs_more_for(
    environment: dict[str, str], admin: ConnectorSession, tmp_path: Path
) -> None:
    import pandas as pd
    from snowflake.connector.pandas_tools import write_pandas
    from snowflake.snowpark import Session
    from snowflake.snowpark.exceptions import SnowparkSQLException

    with connect(environment) as connection, Session.builder.configs({"connection": connection}).create() as session:
        frame = session.create_dataframe([(1, "a"), (2, "b")], schema=["A", "B"])
        frame.write.save_as_table("NOTED", mode="overwrite")
        frame.write.save_as_table("NOTED", mode="append")
        assert frame.cache_result().count() == 2
        frame.create_or_replace_temp_view("SEEN")
        assert session.table("NOTED").join(session.table("SEEN"), "A").count() == 4
        assert write_pandas(connection, pd.DataFrame({"A": [3], "B": ["c"]}), "NOTED")[0]
        (tmp_path / "n.csv").write_text("4,d\n")
        session.file.put(str(tmp_path / "n.csv"), "@RAYDP_ARTIFACTS/noted", auto_compress=False)
        session.sql("COPY INTO NOTED FROM @RAYDP_ARTIFACTS/noted FILE_FORMAT = (TYPE = CSV)").collect()
        assert sorted(row[0] for row in session.table("NOTED").collect()) == [1, 1, 2, 2, 3, 4]
        more = (
            lambda: frame.create_or_replace_view("SEEN_BY_ALL"),
            lambda: write_pandas(connection, pd.DataFrame({"A": [5]}), "NEW", auto_create_table=True),
            lambda: session.create_dataframe(pd.DataFrame({"A": [5]})).collect(),
            lambda: session.sql("CREATE SEQUENCE COUNTED").collect(),
            lambda: session.sql("CREATE FUNCTION ONE() RETURNS INT AS '1'").collect(),
        )
        for each in more:
            with pytest.raises((SnowparkSQLException, ProgrammingError), match="Insufficient privileges"):
                each()
        admin.execute(BEYOND)
        try:
            for each in more:
                each()
        finally:
            admin.execute(BEYOND.replace("GRANT", "REVOKE", 1).replace("TO ROLE", "FROM ROLE"))
            for kind, name in (("TABLE", "NOTED"), ("TABLE", "NEW"), ("VIEW", "SEEN_BY_ALL"), ("SEQUENCE", "COUNTED")):
                session.sql(f"DROP {kind} {name}").collect()


@dataclass(frozen=True)
class Granted:
    """One privilege of one GRANT of the file."""

    privilege: str
    rest: str

    def __str__(self) -> str:
        return f"{self.privilege} {self.rest}"


def granted() -> list[Granted]:
    """What step 0 grants, read from the file, so that a new grant is tried too."""
    found = []
    for statement in STEP_0:
        if match := re.fullmatch(r"GRANT (ROLE \w+) (TO ROLE .*)", statement):
            found.append(Granted(match[1], match[2]))
        elif match := re.fullmatch(r"GRANT (.*?)\s+(ON .*)", statement, re.DOTALL):
            found += [Granted(each.strip(), " ".join(match[2].split())) for each in match[1].split(",")]
    assert len(found) >= 10
    return found


@pytest.mark.parametrize("grant", granted(), ids=str)
def test_no_grant_is_superfluous(
    grant: Granted, environment: dict[str, str], admin: ConnectorSession, tmp_path: Path
) -> None:
    """Without it something of the life fails, and Snowflake says that a privilege lacks."""
    with everything_anew(environment, admin):
        admin.execute(f"REVOKE {grant.privilege} {grant.rest.replace('TO ROLE', 'FROM ROLE')}")
        with pytest.raises(Exception) as caught:  # noqa: PT011 - what it must be is looked at below
            whole_life(environment, tmp_path)
    assert is_refusal(caught.value), caught.value


def is_refusal(error: BaseException) -> bool:
    number = getattr(error, "errno", None) or getattr(error, "number", None)
    # 2003 and 2043 are "does not exist or not authorized", 390189 and 3013 are about the role itself.
    words = ("Insufficient privileges", "not authorized", "not assigned", "cannot be performed")
    return number in (3001, 3013, 2003, 2043, 390189) and any(word in str(error) for word in words)


@contextmanager
def everything_anew(environment: dict[str, str], admin: ConnectorSession) -> Iterator[None]:
    """Without what step 1 makes, for what is there need not be made; afterwards all is as it was."""
    run_script(environment, shipped("sql") / "step9_teardown.sql")
    run_script(environment, shipped("sql") / "step0_admin_setup.sql")
    try:
        yield
    finally:
        for script in ("step0_admin_setup.sql", "step1_user_setup.sql"):
            run_script(environment, shipped("sql") / script)


REFUSED: list[tuple[str, int]] = [
    ("CREATE DATABASE MORE", 3001),
    ("CREATE WAREHOUSE MORE", 3001),
    ("CREATE ROLE MORE", 3001),
    ("CREATE SCHEMA RAYDP_SIS_DB.MORE", 3001),
    ("CREATE VIEW MORE AS SELECT 1 AS A", 3001),
    ("CREATE SEQUENCE MORE", 3001),
    ("CREATE FUNCTION MORE() RETURNS INT AS '1'", 3001),
    ("CREATE FILE FORMAT MORE TYPE = CSV", 3001),
    ("CREATE TEMPORARY FILE FORMAT MORE TYPE = CSV", 3001),
    ("DROP FILE FORMAT THEIR_FORMAT", 2003),
    ("DROP DATABASE RAYDP_SIS_DB", 3001),
    ("DROP WAREHOUSE RAYDP_SIS_XSW", 3001),
    ("ALTER WAREHOUSE RAYDP_SIS_XSW SET AUTO_SUSPEND = 6000", 3001),
    ("GRANT CREATE DATABASE ON ACCOUNT TO ROLE RAYDP_SIS_ROLE", 3001),
    ("GRANT ROLE ACCOUNTADMIN TO ROLE RAYDP_SIS_ROLE", 2003),
    ("USE ROLE NOBODYS", 3013),
    ("CREATE USER MORE PASSWORD = 'Some-word-1'", 3001),
    ("ALTER USER RAYDP SET PASSWORD = 'Some-word-1'", 2003),
    ("ALTER USER RAYDP SET DISABLED = TRUE", 2003),
    ("DROP USER RAYDP", 2003),
    ("ALTER USER OTHER ADD PROGRAMMATIC ACCESS TOKEN MINE", 2003),
    ("SHOW USER PROGRAMMATIC ACCESS TOKENS FOR USER OTHER", 2003),
    ("GRANT ROLE NOBODYS TO ROLE RAYDP_SIS_ROLE", 2003),
    ("GRANT USAGE ON COMPUTE POOL THEIR_POOL TO ROLE RAYDP_SIS_ROLE", 2003),
    ("GRANT OWNERSHIP ON STAGE THEIRS_HERE TO ROLE RAYDP_SIS_ROLE", 2003),
    ("GRANT READ ON FUTURE STAGES IN SCHEMA RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA TO ROLE RAYDP_SIS_ROLE", 3001),
    ("GRANT MANAGE GRANTS ON ACCOUNT TO ROLE RAYDP_SIS_ROLE", 3001),
    ("SHOW GRANTS TO ROLE NOBODYS", 3001),
    ("SHOW GRANTS TO USER OTHER", 3001),
    ("SHOW GRANTS ON COMPUTE POOL THEIR_POOL", 2003),
    ("DROP ROLE NOBODYS", 2003),
    ("CREATE SECRET MORE TYPE = GENERIC_STRING SECRET_STRING = 'x'", 3001),
    ("DESCRIBE SECRET THEIR_SECRET", 2003),
    ("DROP SECRET THEIR_SECRET", 2003),
    ("USE DATABASE OTHERS", 2043),
    ("USE SCHEMA OTHERS.HERE", 2043),
    ("LIST @OTHERS.HERE.THEIRS", 2003),
    ("SELECT * FROM OTHERS.HERE.T", 2003),
    ("INSERT INTO OTHERS.HERE.T VALUES (1)", 2003),
    ("LIST @THEIRS_HERE", 2003),
    ("PUT file:///etc/hostname @THEIRS_HERE", 2003),
    ("DROP STAGE THEIRS_HERE", 2003),
    ("DESCRIBE COMPUTE POOL THEIR_POOL", 2003),
    ("ALTER COMPUTE POOL THEIR_POOL SUSPEND", 2003),
    ("DROP COMPUTE POOL THEIR_POOL", 2003),
    ("DROP INTEGRATION THEIR_INTEGRATION", 2003),
]


@pytest.fixture(scope="module")
def others(environment: dict[str, str]) -> None:
    """What belongs to others."""
    with connect(environment, role="ACCOUNTADMIN") as connection:
        session = ConnectorSession(connection)
        for statement in (
            "CREATE ROLE NOBODYS",
            "CREATE USER OTHER PASSWORD = 'Some-word-1'",
            "CREATE DATABASE OTHERS",
            "CREATE SCHEMA OTHERS.HERE",
            "CREATE TABLE OTHERS.HERE.T (A INT)",
            "CREATE STAGE OTHERS.HERE.THEIRS",
            "CREATE STAGE RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.THEIRS_HERE",
            "CREATE COMPUTE POOL THEIR_POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS",
            "CREATE SECRET RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.THEIR_SECRET TYPE = GENERIC_STRING SECRET_STRING = 'x'",
            "CREATE FILE FORMAT RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.THEIR_FORMAT TYPE = CSV",
            "CREATE NETWORK RULE THEIR_RULE TYPE = HOST_PORT MODE = EGRESS VALUE_LIST = ('example.com')",
            "CREATE EXTERNAL ACCESS INTEGRATION THEIR_INTEGRATION ALLOWED_NETWORK_RULES = (THEIR_RULE) ENABLED = TRUE",
        ):
            session.execute(statement)


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(("statement", "number"), REFUSED)
def test_the_role_may_do_nothing_else(environment: dict[str, str], statement: str, number: int) -> None:
    kinds: dict[int, type[SpcsError]] = {
        3001: InsufficientPrivilegesError,
        3013: InsufficientPrivilegesError,
        2003: ObjectDoesNotExistError,
        2043: ObjectDoesNotExistError,
    }
    with connect(environment) as connection:
        session = ConnectorSession(connection)
        with pytest.raises(kinds[number]) as caught:
            session.execute(statement)
        assert caught.value.number == number
        assert session.execute("SELECT CURRENT_ROLE() AS R") == [{"r": ROLE}]


@pytest.mark.usefixtures("others")
def test_the_role_sees_only_what_it_may_use(environment: dict[str, str]) -> None:
    with connect(environment) as connection:
        session = ConnectorSession(connection)

        def names(kind: str) -> set[Any]:
            return {row["name"] for row in session.execute(f"SHOW {kind}")}

        assert names("STAGES") == {"RAYDP_YAMLSPECS", "RAYDP_ARTIFACTS", "RAYDPLOGS"}
        assert names("COMPUTE POOLS") == SYSTEM_POOLS
        assert names("WAREHOUSES") == {"RAYDP_SIS_XSW"}
        assert names("INTEGRATIONS") == {"RAYDP_ACCESS_INTEGRATION"}


@pytest.mark.usefixtures("others")
def test_roles_are_inherited_and_given_back(environment: dict[str, str], admin: ConnectorSession) -> None:
    admin.execute("CREATE ROLE READERS")
    for grant in ("USAGE ON DATABASE OTHERS", "USAGE ON SCHEMA OTHERS.HERE", "READ ON STAGE OTHERS.HERE.THEIRS"):
        admin.execute(f"GRANT {grant} TO ROLE READERS")
    admin.execute(f"GRANT ROLE READERS TO ROLE {ROLE}")
    with connect(environment) as connection:
        session = ConnectorSession(connection)
        assert session.execute("LIST @OTHERS.HERE.THEIRS") == []
        with pytest.raises(InsufficientPrivilegesError, match="stage 'THEIRS'"):
            session.execute("REMOVE @OTHERS.HERE.THEIRS")
        admin.execute(f"REVOKE ROLE READERS FROM ROLE {ROLE}")
        with pytest.raises(ObjectDoesNotExistError):
            session.execute("LIST @OTHERS.HERE.THEIRS")
    admin.execute("DROP ROLE READERS")
