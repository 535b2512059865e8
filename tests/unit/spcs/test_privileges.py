"""A refusal says which privilege was lacking and which GRANT mends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.blueprint import draw
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.shipped import shipped
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePool
from airflow_provider_raydp_spcs.spcs.errors import (
    CapacityError,
    InsufficientPrivilegesError,
    ObjectDoesNotExistError,
    SpcsError,
)

CONFIG = ClusterConfig("C", external_access_integrations=["EAI_1", "EAI_2"], query_warehouse="WH")
SERVICE = draw(CONFIG, "D", "S").services[0]


class Refusing:
    """A session that refuses everything but the question for its role."""

    def __init__(self, error: SpcsError, role: str | None = "ETL_ROLE") -> None:
        self.error, self.role = error, role
        self.sent: list[str] = []

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        del params
        self.sent.append(sql)
        if "CURRENT_ROLE()" in sql and self.role != "unknown":
            return [{"r": self.role}]
        raise self.error


def no_privilege(what: str) -> InsufficientPrivilegesError:
    return InsufficientPrivilegesError(
        f"SQL access control error:\nInsufficient privileges to operate on {what}", 3001, "42501"
    )


def missing(what: str) -> ObjectDoesNotExistError:
    return ObjectDoesNotExistError(f"SQL compilation error:\n{what} does not exist or not authorized.", 2003, "02000")


def grants(error: SpcsError, act: Callable[[SpcsClient], object], role: str | None = "ETL_ROLE") -> list[str]:
    """The statements that the message gives, below Snowflake's own words."""
    with pytest.raises(type(error)) as caught:
        act(SpcsClient(Refusing(error, role)))
    text = str(caught.value)
    assert text.startswith(str(error)), "Snowflake's own words come first"
    assert (caught.value.number, caught.value.sqlstate) == (error.number, error.sqlstate)
    return [line for line in text.splitlines() if line.startswith(("GRANT", "--", "CREATE"))]


@pytest.mark.parametrize(
    ("what", "act", "wanted"),
    [
        (
            "account 'A'",
            lambda client: client.compute_pools.create(ComputePool("P", "CPU_X64_S")),
            ["GRANT CREATE COMPUTE POOL ON ACCOUNT TO ROLE ETL_ROLE;"],
        ),
        (
            "account 'A'",
            lambda client: client.services.create(SERVICE),
            ["GRANT BIND SERVICE ENDPOINT ON ACCOUNT TO ROLE ETL_ROLE;"],
        ),
        (
            "schema 'S'",
            lambda client: client.services.create(SERVICE),
            ["GRANT CREATE SERVICE ON SCHEMA D.S TO ROLE ETL_ROLE;", "GRANT USAGE ON SCHEMA D.S TO ROLE ETL_ROLE;"],
        ),
        (
            "database 'D'",
            lambda client: client.services.create(SERVICE),
            ["GRANT USAGE ON DATABASE D TO ROLE ETL_ROLE;"],
        ),
        (
            "compute pool 'C_HEAD_POOL'",
            lambda client: client.services.create(SERVICE),
            ["GRANT USAGE ON COMPUTE POOL C_HEAD_POOL TO ROLE ETL_ROLE;"],
        ),
        (
            "image repository 'D.S.RAYDP_SIS_IMAGE_REPO'",
            lambda client: client.services.create(SERVICE),
            ["GRANT READ ON IMAGE REPOSITORY D.S.RAYDP_SIS_IMAGE_REPO TO ROLE ETL_ROLE;"],
        ),
        (
            "stage 'RAYDP_ARTIFACTS'",
            lambda client: client.services.create(SERVICE),
            ["GRANT READ, WRITE ON STAGE D.S.RAYDP_ARTIFACTS TO ROLE ETL_ROLE;"],
        ),
        (
            "integration 'EAI_2'",
            lambda client: client.services.create(SERVICE),
            ["GRANT USAGE ON INTEGRATION EAI_2 TO ROLE ETL_ROLE;"],
        ),
        (
            "warehouse 'WH'",
            lambda client: client.services.create(SERVICE),
            ["GRANT USAGE ON WAREHOUSE WH TO ROLE ETL_ROLE;"],
        ),
        (
            "compute pool 'P'",
            lambda client: client.compute_pools.alter("P", max_nodes=2),
            ["GRANT MODIFY ON COMPUTE POOL P TO ROLE ETL_ROLE;"],
        ),
        (
            "compute pool 'P'",
            lambda client: client.compute_pools.suspend("P"),
            ["GRANT OPERATE ON COMPUTE POOL P TO ROLE ETL_ROLE;"],
        ),
        (
            "compute pool 'P'",
            lambda client: client.compute_pools.stop_all("P"),
            ["GRANT OPERATE ON COMPUTE POOL P TO ROLE ETL_ROLE;"],
        ),
        (
            "compute pool 'P'",
            lambda client: client.compute_pools.drop("P"),
            ["GRANT OWNERSHIP ON COMPUTE POOL P TO ROLE ETL_ROLE COPY CURRENT GRANTS;"],
        ),
        (
            "compute pool 'P'",
            lambda client: client.compute_pools.describe("P"),
            ["GRANT MONITOR ON COMPUTE POOL P TO ROLE ETL_ROLE;"],
        ),
        (
            "service 'D.S.C'",
            lambda client: client.services.resume("D.S.C"),
            ["GRANT OPERATE ON SERVICE D.S.C TO ROLE ETL_ROLE;"],
        ),
        (
            "service 'D.S.C'",
            lambda client: client.services.containers("D.S.C"),
            ["GRANT MONITOR ON SERVICE D.S.C TO ROLE ETL_ROLE;"],
        ),
        (
            "service 'D.S.C'",
            lambda client: client.services.logs("D.S.C", "0", "c"),
            ["GRANT MONITOR ON SERVICE D.S.C TO ROLE ETL_ROLE;"],
        ),
        (
            "service 'D.S.C'",
            lambda client: client.services.endpoints("D.S.C"),
            ["GRANT USAGE ON SERVICE D.S.C TO ROLE ETL_ROLE;"],
        ),
        (
            "service 'D.S.C'",
            lambda client: client.services.drop("D.S.C", force=True),
            ["-- only the role that owns service D.S.C may do this; name it in the connection"],
        ),
        (
            "service 'D.S.C'",
            lambda client: client.services.alter("D.S.C", instances=2),
            ["-- only the role that owns service D.S.C may do this; name it in the connection"],
        ),
        (
            "stage 'ST'",
            lambda client: client.stages.put(shipped("sql") / "step1_user_setup.sql", "@D.S.ST/folder"),
            ["GRANT READ, WRITE ON STAGE D.S.ST TO ROLE ETL_ROLE;"],
        ),
        (
            "stage 'ST'",
            lambda client: client.stages.remove("@ST"),
            ["GRANT READ, WRITE ON STAGE ST TO ROLE ETL_ROLE;"],
        ),
        ("stage 'ST'", lambda client: client.stages.files("@ST/a"), ["GRANT READ ON STAGE ST TO ROLE ETL_ROLE;"]),
        ("schema 'S'", lambda client: client.services.show(schema="D.S"), ["GRANT USAGE ON SCHEMA D.S TO ROLE ETL_ROLE;"]),
    ],
)  # fmt: skip
def test_each_statement_names_what_it_needs(what: str, act: Callable[[SpcsClient], object], wanted: list[str]) -> None:
    assert grants(no_privilege(what), act) == wanted


def test_where_snowflake_names_nothing_everything_is_named_that_it_may_be() -> None:
    found = grants(no_privilege("something"), lambda client: client.services.create(SERVICE))
    assert found == [
        "GRANT CREATE SERVICE ON SCHEMA D.S TO ROLE ETL_ROLE;",
        "GRANT USAGE ON SCHEMA D.S TO ROLE ETL_ROLE;",
        "GRANT USAGE ON DATABASE D TO ROLE ETL_ROLE;",
        "GRANT USAGE ON COMPUTE POOL C_HEAD_POOL TO ROLE ETL_ROLE;",
        "GRANT BIND SERVICE ENDPOINT ON ACCOUNT TO ROLE ETL_ROLE;",
        "GRANT READ ON IMAGE REPOSITORY D.S.RAYDP_SIS_IMAGE_REPO TO ROLE ETL_ROLE;",
        "GRANT READ, WRITE ON STAGE D.S.RAYDPLOGS TO ROLE ETL_ROLE;",
        "GRANT READ, WRITE ON STAGE D.S.RAYDP_ARTIFACTS TO ROLE ETL_ROLE;",
        "GRANT USAGE ON INTEGRATION EAI_1 TO ROLE ETL_ROLE;",
        "GRANT USAGE ON INTEGRATION EAI_2 TO ROLE ETL_ROLE;",
        "GRANT USAGE ON WAREHOUSE WH TO ROLE ETL_ROLE;",
    ]


@pytest.mark.parametrize("role", ["unknown", None])
def test_without_a_role_there_is_a_place_for_it(role: str | None) -> None:
    found = grants(
        no_privilege("account"), lambda client: client.compute_pools.create(ComputePool("P", "CPU_X64_S")), role
    )
    assert found == ["GRANT CREATE COMPUTE POOL ON ACCOUNT TO ROLE <role>;"]


def test_the_role_is_asked_for_once() -> None:
    session = Refusing(no_privilege("account"))
    client = SpcsClient(session)
    for _ in range(3):
        with pytest.raises(InsufficientPrivilegesError):
            client.compute_pools.drop("P")
    assert len([sql for sql in session.sent if "CURRENT_ROLE()" in sql]) == 1


def test_a_stage_that_is_not_there_can_be_made_or_granted() -> None:
    found = grants(missing("Stage 'D.S.ST'"), lambda client: client.stages.files("@D.S.ST"))
    made = "CREATE STAGE IF NOT EXISTS D.S.ST ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE') DIRECTORY = (ENABLE = TRUE);"
    assert found == [made, "GRANT READ ON STAGE D.S.ST TO ROLE ETL_ROLE;"]


def test_an_image_repository_too() -> None:
    error = missing("Image repository 'D.S.RAYDP_SIS_IMAGE_REPO'")
    assert grants(error, lambda client: client.services.create(SERVICE)) == [
        "CREATE IMAGE REPOSITORY IF NOT EXISTS D.S.RAYDP_SIS_IMAGE_REPO;",
        "GRANT READ ON IMAGE REPOSITORY D.S.RAYDP_SIS_IMAGE_REPO TO ROLE ETL_ROLE;",
    ]


def test_what_is_not_seen_may_be_there() -> None:
    found = grants(missing("Integration 'EAI_1'"), lambda client: client.services.create(SERVICE))
    assert found == ["GRANT USAGE ON INTEGRATION EAI_1 TO ROLE ETL_ROLE;"]


@pytest.mark.parametrize(
    ("error", "act"),
    [
        # A service that is not there is an answer; it costs no further statement.
        (missing("Service 'D.S.C'"), lambda client: client.services.endpoints("D.S.C")),
        (missing("Service 'D.S.C'"), lambda client: client.services.containers("D.S.C")),
        (CapacityError("no nodes", 392507), lambda client: client.services.create(SERVICE)),
        (no_privilege("table 'T'"), lambda client: client.session.execute("SELECT * FROM T")),
    ],
)
def test_other_refusals_are_left_as_they_are(error: SpcsError, act: Callable[[SpcsClient], object]) -> None:
    session = Refusing(error)
    with pytest.raises(type(error)) as caught:
        act(SpcsClient(session))
    assert caught.value is error
    assert len(session.sent) == 1


def test_the_privileges_of_the_setup_script_are_those_that_are_named() -> None:
    """What step 0 grants is what a creation says it lacks."""
    script = " ".join((shipped("sql") / "step0_admin_setup.sql").read_text().split())
    for privilege in ("CREATE COMPUTE POOL ON ACCOUNT", "BIND SERVICE ENDPOINT ON ACCOUNT", "CREATE SERVICE"):
        assert privilege in script
