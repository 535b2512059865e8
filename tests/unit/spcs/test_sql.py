"""Rendered SQL: names are refused or plain, values cannot end their quotes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlglot.dialects.snowflake import Snowflake

from airflow_provider_raydp_spcs.spcs import sql
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePool, ComputePoolState
from airflow_provider_raydp_spcs.spcs.errors import (
    AuthenticationError,
    CapacityError,
    InsufficientPrivilegesError,
    InvalidIdentifierError,
    InvalidValueError,
    ObjectDoesNotExistError,
    SnowflakeUnreachableError,
    StatementFailedError,
    UnknownInstanceFamilyError,
    translate,
)
from airflow_provider_raydp_spcs.spcs.ingress import IngressTokens, programmatic_access_token
from airflow_provider_raydp_spcs.spcs.instance_families import INSTANCE_FAMILIES, instance_family
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from airflow_provider_raydp_spcs.spcs.services import Service
from airflow_provider_raydp_spcs.spcs.session import SnowparkSession
from airflow_provider_raydp_spcs.spcs.specification import Container, ServiceSpecification

NASTY = [
    "'",
    "''",
    "\\",
    "\\'",
    "$$",
    "$$; DROP TABLE T; --",
    "a'; --",
    "/*",
    "*/",
    ";",
    "\n",
    "é ü 漢",
    "{{ x }}",
    "%s",
    "?",
    '"',
]
SPEC = ServiceSpecification((Container("main", "/d/s/r/i:1"),))


class Recorder:
    """A session that remembers what it was given, and answers what it was told to."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.sql: list[str] = []
        self.rows = list(rows)

    def execute(self, text: str, params: object = ()) -> list[dict[str, Any]]:
        assert params == ()
        self.sql.append(" ".join(text.split()))
        return self.rows


@pytest.mark.parametrize("text", NASTY)
def test_a_literal_is_one_text_token_with_the_same_value(text: str) -> None:
    (token,) = Snowflake().tokenize(sql.literal(text))
    assert token.text == text


@pytest.mark.parametrize("name", [*NASTY, "", "1a", "a b", "a-b", "a.b.c.d", "x" * 256, "ä", "a\n", None, 3])
def test_what_is_no_plain_name_is_refused(name: Any) -> None:
    with pytest.raises(InvalidIdentifierError, match="name"):
        sql.qualified(name)


@pytest.mark.parametrize("name", ["a$b", "x" * 64, "_a", "a_"])
def test_services_must_make_a_dns_label(name: str) -> None:
    """SPCS reference 2.1."""
    assert sql.identifier(name) == name.upper()
    with pytest.raises(InvalidIdentifierError, match="DNS label"):
        Service(name, "P", SPEC)


@pytest.mark.parametrize("path", ["stage", "@", "@a b/x", "@s/../x", "@s/a\nb", "@a'b"])
def test_stage_paths_are_checked(path: str) -> None:
    with pytest.raises(InvalidIdentifierError):
        sql.stage_path(path)


@pytest.mark.parametrize("text", NASTY)
def test_no_value_makes_another_statement(text: str) -> None:
    session = Recorder()
    client = SpcsClient(session)
    client.compute_pools.create(ComputePool("P", "CPU_X64_S", comment=text, tags={"T": text}))
    spec = ServiceSpecification((Container("main", "/d/s/r/i:1", env={"X": text}, args=(text,)),))
    client.services.create(Service("S", "P", spec, comment=text))
    for statement in session.sql:
        tokens = Snowflake().tokenize(statement)
        assert [token.text for token in tokens].count("CREATE") == 1
        assert not [token for token in tokens if token.token_type.name == "SEMICOLON"]


def test_statements_read_as_they_should() -> None:
    session = Recorder()
    client = SpcsClient(session)
    client.compute_pools.create(ComputePool("p", "cpu_x64_s", 1, 2, comment="it's"))
    client.services.create(Service("d.s.a", "p", SPEC, 2, external_access_integrations=["e"], query_warehouse="w"))
    client.services.drop("a", force=True)
    client.services.alter("a", instances=3)
    client.stages.files("@d.s.st/x", pattern=".*'")
    client.services.show("a_", schema="d.s")
    assert session.sql == [
        (
            "CREATE COMPUTE POOL IF NOT EXISTS P MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = CPU_X64_S AUTO_RESUME = TRUE "
            "AUTO_SUSPEND_SECS = 3600 COMMENT = 'it''s'"
        ),
        (
            "CREATE SERVICE IF NOT EXISTS D.S.A IN COMPUTE POOL P FROM SPECIFICATION 'spec: containers: - name: main image: "
            "/d/s/r/i:1 ' MIN_INSTANCES = 2 MAX_INSTANCES = 2 AUTO_RESUME = TRUE EXTERNAL_ACCESS_INTEGRATIONS = (E) "
            "QUERY_WAREHOUSE = W"
        ),
        "DROP SERVICE IF EXISTS A FORCE",
        "ALTER SERVICE A SET MIN_INSTANCES = 3 MAX_INSTANCES = 3",
        "LIST '@D.S.ST/x' PATTERN = '.*'''",
        "SHOW SERVICES LIKE 'A\\\\_%' IN SCHEMA D.S",
    ]  # fmt: skip


def test_rows_are_read_whatever_snowflake_sends() -> None:
    session = Recorder({"name": "P", "state": "BRAND_NEW", "min_nodes": "2", "active_nodes": None, "comment": None})
    (pool,) = SpcsClient(session).compute_pools.show()
    assert (pool.state, pool.min_nodes, pool.active_nodes, pool.comment) == (ComputePoolState.UNKNOWN, 2, 0, "")
    session = Recorder({"name": "S", "status": "READY"}, {"name": "SX", "status": "ODD"})
    assert [each.status for each in SpcsClient(session).services.show("S")] == [
        ServiceStatus.READY,
        ServiceStatus.UNKNOWN,
    ]
    moment = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    session = Recorder(
        {"name": "S1", "created_on": moment},
        {"name": "S2", "created_on": moment.replace(tzinfo=None)},
        {"name": "S3", "created_on": "2030-01-01T00:00:00Z"},
        {"name": "S4", "created_on": None},
    )
    services = SpcsClient(session).services.show()
    assert [each.created_on for each in services] == [moment, moment, moment, None]
    told = "Endpoints provisioning in progress... check back in a few minutes"
    session = Recorder(
        {"name": "e", "port": "80", "is_public": "true", "ingress_url": told}, {"name": "f", "is_public": "false"}
    )
    first, second = SpcsClient(session).services.endpoints("S")
    assert (first.is_public, first.ingress_host, second.is_public, second.port) == (True, None, False, None)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"min_nodes": 0}, "from 1"),
        ({"max_nodes": 10**6}, "to 500"),
        ({"min_nodes": 3, "max_nodes": 2}, "from 3"),
        ({"auto_suspend_secs": -1}, "from 0"),
    ],
)
def test_absurd_pools_are_refused(change: dict[str, Any], part: str) -> None:
    with pytest.raises(InvalidValueError, match=part):
        ComputePool("P", "CPU_X64_S", **change)


@pytest.mark.parametrize(
    ("name", "vcpus", "memory", "gpus"),
    [
        ("CPU_X64_XS", 1, 6, 0),
        ("cpu_x64_s", 3, 13, 0),
        ("HIGHMEM_X64_M", 28, 240, 0),
        ("GPU_NV_M", 44, 178, 4),
        ("GEN_ARM_G1_8", 6, 28, 0),
    ],
)
def test_families_have_the_figures_of_the_reference(name: str, vcpus: int, memory: int, gpus: int) -> None:
    """SPCS reference 1.6."""
    family = instance_family(name)
    assert (family.vcpus, family.memory_gib, family.gpus) == (vcpus, memory, gpus)


def test_unknown_families_name_near_ones() -> None:
    assert len(INSTANCE_FAMILIES) > 45
    with pytest.raises(UnknownInstanceFamilyError, match="CPU_X64_M"):
        instance_family("CPU_X64_MM")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (2003, ObjectDoesNotExistError),
        (3001, InsufficientPrivilegesError),
        (392508, CapacityError),
        (251001, SnowflakeUnreachableError),
        (1, StatementFailedError),
    ],
)
def test_errors_by_number(number: int, kind: type[Exception]) -> None:
    """SPCS reference 2.9."""
    from snowflake.connector.errors import ProgrammingError

    found = translate(ProgrammingError(msg="m", errno=number, sqlstate="42000"))
    assert type(found) is kind
    assert (found.number, found.sqlstate) == (number, "42000")


def test_nobody_there_is_told_from_not_let_in() -> None:
    from snowflake.connector.errors import DatabaseError, OperationalError

    nobody = OperationalError(msg="250001: Could not connect to Snowflake backend after 2 attempt(s).", errno=250001)
    refused = DatabaseError(msg="Incorrect username or password was specified.", errno=250001)
    assert type(translate(nobody)) is SnowflakeUnreachableError
    assert "raydp-spcs local env" in str(translate(nobody))
    assert type(translate(refused)) is AuthenticationError


def test_tokens_are_renewed_and_never_shown() -> None:
    issued = iter(["canary-1", "canary-2", "canary-3"])
    tokens = IngressTokens(lambda: next(issued), renew_after=1000)
    assert tokens.headers() == tokens.headers() == {"Authorization": 'Snowflake Token="canary-1"'}
    tokens.forget()
    assert "canary-2" in tokens.headers()["Authorization"]
    assert "canary" not in repr(tokens._token)
    assert next(iter(programmatic_access_token("p").headers().values())) == 'Snowflake Token="p"'


def test_snowpark_gets_its_own_marks() -> None:
    class Row:
        def as_dict(self) -> dict[str, Any]:
            return {'"name"': 1, "UPPER": 2}

    class Snowpark:
        def sql(self, text: str, params: object = None) -> Any:
            self.got = (text, params)
            return self

        def collect(self) -> list[Row]:
            return [Row()]

    snowpark = Snowpark()
    rows = SnowparkSession(snowpark).execute("SELECT %s WHERE A LIKE 'x%%' AND B = %s", ["a", 2])  # type: ignore[arg-type]
    assert snowpark.got == ("SELECT ? WHERE A LIKE 'x%' AND B = ?", ["a", 2])
    assert rows == [{"name": 1, "upper": 2}]
