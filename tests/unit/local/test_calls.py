"""Functions about services anywhere in a statement (SPCS reference 2.2, 2.7)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.services import supervisor
from airflow_provider_raydp_spcs.local.wire.answers import RewriteAnswer
from tests.unit.local.played import Account, spec


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    made = Account(tmp_path)
    made.rows("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = CPU_X64_S")
    monitor = {"metricConfig": {"groups": ["system", "system_limits", "status"]}}
    made.rows(f"CREATE SERVICE A IN COMPUTE POOL P FROM SPECIFICATION $${spec(platformMonitor=monitor)}$$")
    made.step(2)
    yield made
    made.store.close()


def rewritten(account: Account, text: str, *bindings: object) -> str:
    answer = account.dispatcher.answer(text, bindings, account.session)
    assert isinstance(answer, RewriteAnswer), answer
    return answer.sql


def rows_in(sql: str) -> list[dict[str, Any]]:
    """The rows of the one JSON text in a rewritten statement."""
    start = sql.index("PARSE_JSON('") + len("PARSE_JSON('")
    text = sql[start : sql.index("')))", start)].replace("''", "'").replace("\\\\", "\\")
    found: list[dict[str, Any]] = json.loads(text)
    return found


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("SELECT SYSTEM$GET_COMPUTE_POOL_STATUS('p')", "SYSTEM$GET_COMPUTE_POOL_STATUS"),
        ("CALL system$get_compute_pool_status('p');", "SYSTEM$GET_COMPUTE_POOL_STATUS"),
        ("SELECT SYSTEM$GET_COMPUTE_POOL_STATUS('p') AS x", "X"),
        ("SELECT SYSTEM$GET_COMPUTE_POOL_STATUS('p') \"x\"", "x"),
        ("SELECT /* c */ SYSTEM$GET_COMPUTE_POOL_STATUS($$p$$) -- end", "SYSTEM$GET_COMPUTE_POOL_STATUS"),
        ("select a!spcs_wait_for('RUNNING', 1)", "SPCS_WAIT_FOR"),
        ("CALL db.s.a!SPCS_WAIT_FOR('running', 1)", "SPCS_WAIT_FOR"),
        ('CALL "DB".S."A"!SPCS_WAIT_FOR(\'RUNNING\', 1)', "SPCS_WAIT_FOR"),
    ],
)
def test_a_call_alone_is_one_value(account: Account, text: str, column: str) -> None:
    assert list(account.one(text)) == [column]


def test_binds_are_arguments(account: Account) -> None:
    (state,) = json.loads(account.one("SELECT SYSTEM$GET_SERVICE_STATUS(?, ?) AS S", "a", 0)["S"])
    assert state["status"] == "READY"
    sql = rewritten(account, "SELECT PARSE_JSON(SYSTEM$GET_SERVICE_STATUS(?))[0] AS S", "A")
    assert "?" not in sql
    with pytest.raises(SnowflakeFault, match="binds both inside and outside"):
        rewritten(account, "SELECT PARSE_JSON(SYSTEM$GET_SERVICE_STATUS(?)), ?", "A", 1)


def test_a_scalar_inside_a_statement_becomes_a_literal(account: Account) -> None:
    sql = rewritten(
        account, "SELECT LENGTH(SYSTEM$GET_COMPUTE_POOL_STATUS('P')), 'SYSTEM$GET_COMPUTE_POOL_STATUS(1)', X FROM T"
    )
    assert sql == 'SELECT LENGTH(\'{"status":"ACTIVE","message":""}\'), \'SYSTEM$GET_COMPUTE_POOL_STATUS(1)\', X FROM T'


def test_a_log_is_split_into_rows(account: Account) -> None:
    text = "SELECT value AS log_line FROM TABLE( SPLIT_TO_TABLE(SYSTEM$GET_SERVICE_LOGS('A', 0, 'main'), '\\n')) WHERE 1 = 1"
    assert rewritten(account, text) == (
        "SELECT value AS log_line FROM (SELECT 1 AS SEQ, INDEX + 1 AS INDEX, VALUE::VARCHAR AS VALUE "
        "FROM TABLE(FLATTEN(INPUT => SPLIT('run 1', '\\n')))) WHERE 1 = 1"
    )
    alone = rewritten(account, "SELECT * FROM TABLE(SPLIT_TO_TABLE(?, '.')) T", "a.b")
    assert alone.endswith("FROM TABLE(FLATTEN(INPUT => SPLIT(?, '.')))) T")


def test_what_is_named_beside_a_call_must_be_the_roles_to_use(account: Account) -> None:
    account.catalogue.create("Database", "DB", {"owner": "ACCOUNTADMIN"}, if_not_exists=True)
    for text in ("CREATE ROLE OTHER", "GRANT MONITOR ON COMPUTE POOL P TO ROLE OTHER"):
        account.rows(text)
    account.session.role = "OTHER"
    assert "ACTIVE" in account.one("SELECT SYSTEM$GET_COMPUTE_POOL_STATUS('P') AS S")["S"]
    with pytest.raises(SnowflakeFault, match="Database 'DB' does not exist or not authorized"):
        rewritten(account, "SELECT UPPER(SYSTEM$GET_COMPUTE_POOL_STATUS('P')), X FROM T")


def test_logs_and_events_become_rows(account: Account) -> None:
    account.running[0].code = 1
    account.step()
    sql = rewritten(
        account,
        "SELECT log FROM TABLE(A!SPCS_GET_LOGS(START_TIME => DATEADD('day', -3, CURRENT_TIMESTAMP()))) L WHERE L.instance_id = 0",
    )
    assert sql.startswith("SELECT log FROM (SELECT value:TIMESTAMP::TIMESTAMP_NTZ AS TIMESTAMP, ")
    assert sql.endswith(">= (DATEADD('day', -3, CURRENT_TIMESTAMP()))) L WHERE L.instance_id = 0")
    (row,) = rows_in(sql)
    assert (row["INSTANCE_ID"], row["CONTAINER_NAME"], row["LOG"]) == (0, "main", "run 1")
    events = rows_in(rewritten(account, "SELECT * FROM TABLE(DB.S.A!SPCS_GET_EVENTS(END_TIME => '2999-01-01'))"))
    told = [(row["EVENT_NAME"], row["EVENT_DETAILS"], row["SEVERITY"]) for row in events]
    failed = {"message": "Encountered fatal error while running, check container logs", "status": "FAILED"}
    assert ("CONTAINER.STATUS_CHANGE", failed, "ERROR") in told
    assert ("SERVICE.STATUS_CHANGE", {"message": "Service is running", "status": "RUNNING"}, "INFO") in told


def test_measurements_become_rows(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SAMPLE_SECONDS", 0.0)
    account.running[0].cpu_seconds = 4.0
    account.step()
    rows = rows_in(rewritten(account, "SELECT * FROM TABLE(A!SPCS_GET_METRICS())"))
    told = {row["METRIC_NAME"]: (row["VALUE"], row["UNIT"]) for row in rows}
    assert told["container.memory.usage"] == (str(5 * 1024**2), "bytes")
    assert told["container.cpu.limit"] == ("3", "cpu cores")
    assert told["container.memory.requested"] == (str(1024**3), "bytes")
    assert told["container.restarts"] == ("0", "restarts")
    assert told["container.state.running"] == ("1", "boolean")
    assert float(told["container.cpu.usage"][0]) > 0


def test_the_event_table_has_what_the_role_sees(account: Account) -> None:
    text = "SELECT * FROM snowflake.telemetry.events E WHERE E.RECORD_TYPE = 'EVENT'"
    rows = rows_in(rewritten(account, text))
    assert {row["RECORD_TYPE"] for row in rows} == {"EVENT", "LOG"}
    about = next(row for row in rows if row["RECORD_TYPE"] == "LOG")["RESOURCE_ATTRIBUTES"]
    assert about["snow.service.name"] == "A"
    assert (about["snow.service.instance"], about["snow.service.container.name"]) == ("0", "main")
    account.rows("CREATE ROLE OTHER")
    account.session.role = "OTHER"
    assert rows_in(rewritten(account, text)) == []


@pytest.mark.parametrize(
    ("text", "number", "part"),
    [
        ("SELECT SYSTEM$GET_SERVICE_STATUS()", 1044, "got 0, expected 1 to 2"),
        ("SELECT SYSTEM$GET_SERVICE_STATUS('A', 1, 2)", 1044, "got 3, expected 1 to 2"),
        ("SELECT SYSTEM$GET_SERVICE_STATUS('A', 'x')", 1044, "it must be a number of seconds"),
        ("SELECT SYSTEM$GET_SERVICE_STATUS(NULL)", 1044, "it must be the name of a service"),
        ("SELECT SYSTEM$GET_SERVICE_STATUS('A' || 'B')", 2, "an expression as argument"),
        ("SELECT SYSTEM$GET_SERVICE_STATUS('A',)", 1003, "unexpected ')'"),
        ("SELECT SYSTEM$GET_SERVICE_STATUS('A'", 1003, "unexpected '<EOF>'"),
        ("SELECT SYSTEM$GET_SERVICE_STATUS(?)", 1003, "unexpected '?'"),
        ("SELECT SYSTEM$GET_SERVICE_STATUS('nope')", 2003, "Service 'DB.S.NOPE'"),
        ("CALL A!SPCS_WAIT_FOR('SLEEPING', 1)", 1044, "allowed are PENDING, RUNNING"),
        ("CALL A!SPCS_WAIT_FOR('DONE', -1)", 1044, "it must be a number of seconds"),
        ("CALL A!SPCS_CANCEL_JOB()", 2043, "is not a job service"),
        ("SELECT SYSTEM$CANCEL_JOB('A')", 2043, "is not a job service"),
        ("SELECT SYSTEM$GET_SERVICE_LOGS('A', 0, 'main', 'x')", 1044, "number of lines"),
        ("SELECT SYSTEM$GET_SERVICE_LOGS('A', 0, 'main', 1, 'perhaps')", 1044, "TRUE or FALSE"),
        ("SELECT SYSTEM$GET_SERVICE_LOGS('A', 0, 'main', 1, FALSE, 'then')", 1044, "it must be a time"),
        ("SELECT SYSTEM$REGISTRY_LIST_IMAGES('x')", 1044, "/database/schema/repository"),
        ("SELECT SYSTEM$REGISTRY_LIST_IMAGES('/d/s/r')", 2003, "Image repository 'D.S.R'"),
        ("SELECT SYSTEM$GET_COMPUTE_POOL_STATUS('nope')", 2003, "Compute pool 'NOPE'"),
        ("SELECT * FROM A!SPCS_GET_LOGS()", 1003, "unexpected 'A'"),
        ("SELECT * FROM TABLE(A!SPCS_GET_LOGS(NONSENSE => 1))", 1003, "unexpected 'NONSENSE'"),
        ("SELECT * FROM TABLE(A!SPCS_GET_LOGS('2020-01-01'))", 1003, "unexpected"),
        ("SELECT * FROM TABLE(B!SPCS_GET_EVENTS())", 2003, "Service 'DB.S.B'"),
    ],
)  # fmt: skip
def test_what_is_no_call(account: Account, text: str, number: int, part: str) -> None:
    with pytest.raises(SnowflakeFault) as caught:
        account.dispatcher.answer(text, (), account.session)
    assert caught.value.number == number, caught.value.message
    assert part in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'A!SPCS_GET_LOGS()'",
        "SELECT X.SYSTEM$GET_SERVICE_STATUS('A')",
        "SELECT GET_JOB_HISTORY(1)",
        "SELECT A != SPCS_GET_LOGS(1)",
    ],
)
def test_what_only_looks_like_one_is_left_alone(account: Account, text: str) -> None:
    assert account.dispatcher.answer(text, (), account.session) is None


def test_functions_need_rights_on_their_service(account: Account) -> None:
    account.catalogue.create("Database", "DB", {"owner": "ACCOUNTADMIN"}, if_not_exists=True)
    account.catalogue.create("Schema", "DB.S", {"owner": "ACCOUNTADMIN"}, if_not_exists=True)
    for text in (
        "CREATE ROLE OTHER", "GRANT USAGE ON DATABASE DB TO ROLE OTHER", "GRANT USAGE ON SCHEMA DB.S TO ROLE OTHER",
        "GRANT USAGE ON SERVICE DB.S.A TO ROLE OTHER",
    ):  # fmt: skip
        account.rows(text)
    account.session.role = "OTHER"
    assert "RUNNING" in account.one("CALL A!SPCS_WAIT_FOR('RUNNING', 1)")["SPCS_WAIT_FOR"]
    for text in (
        "SELECT SYSTEM$GET_SERVICE_STATUS('A')", "SELECT SYSTEM$GET_SERVICE_LOGS('A', 0, 'main')", "CALL A!SPCS_CANCEL_JOB()",
        "SELECT * FROM TABLE(A!SPCS_GET_LOGS())", "SELECT SYSTEM$WAIT_FOR_SERVICES(0, 'A')",
    ):  # fmt: skip
        with pytest.raises(SnowflakeFault) as caught:
            account.dispatcher.answer(text, (), account.session)
        assert (caught.value.number, caught.value.sqlstate) == (3001, "42501")
