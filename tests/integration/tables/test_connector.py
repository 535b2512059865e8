"""The unmodified connector: pandas in and out, Arrow, async and many statements, binds, earlier results (SPCS reference 9.3)."""

from __future__ import annotations

import datetime as dt
import json
import pickle
from decimal import Decimal
from typing import Any

import httpx
import pandas as pd
import pytest
from snowflake.connector.constants import QueryStatus
from snowflake.connector.errors import ProgrammingError
from snowflake.connector.pandas_tools import write_pandas

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from tests.integration.containers import until
from tests.integration.tables.conftest import Sql

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
FRAME = pd.DataFrame(
    {
        "A": [1, 2, 3],
        "B": ["x", None, 'it\'s; "$1" 漢'],
        "C": [0.5, None, 1e300],
        "D": pd.to_datetime(["2020-01-01 10:00:00.123456", None, "1969-12-31 00:00:00.000000"]),
        "E": [True, False, True],
    }
)
WRITTEN = [
    (1, "x", 0.5, dt.datetime.fromisoformat("2020-01-01T10:00:00.123456"), True),
    (2, None, None, None, False),
    (3, 'it\'s; "$1" 漢', 1e300, dt.datetime.fromisoformat("1969-12-31T00:00:00"), True),
]


def test_pandas_go_into_a_table_that_there_is(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE WP (A INT, B VARCHAR, C DOUBLE, D TIMESTAMP_NTZ, E BOOLEAN)")
    assert write_pandas(sql.connection, FRAME, "WP")[:3] == (True, 1, 3)
    assert sql("SELECT * FROM WP ORDER BY A") == WRITTEN
    assert write_pandas(sql.connection, FRAME, "WP", chunk_size=2)[:3] == (True, 2, 3)
    assert sql("SELECT COUNT(*) FROM WP") == [(6,)]
    write_pandas(sql.connection, FRAME, "WP", overwrite=True, quote_identifiers=False)
    assert sql("SELECT * FROM WP ORDER BY A") == WRITTEN


def test_pandas_make_their_own_table(sql: Sql) -> None:
    for _ in range(2):
        assert write_pandas(sql.connection, FRAME, "MADE", auto_create_table=True, overwrite=True)[0]
        assert sql("SELECT * FROM MADE ORDER BY A") == WRITTEN
    described = {row[0]: row[1].partition("(")[0] for row in sql("DESCRIBE TABLE MADE")}
    assert described == {"A": "NUMBER", "B": "VARCHAR", "C": "FLOAT", "D": "TIMESTAMP_NTZ", "E": "BOOLEAN"}
    assert write_pandas(sql.connection, FRAME, "TEMPORARY", auto_create_table=True, table_type="temporary")[0]
    assert sql("SELECT COUNT(*) FROM TEMPORARY") == [(3,)]


def test_arrow_and_pandas_come_back_with_their_types(sql: Sql) -> None:
    cursor = sql.connection.cursor()
    cursor.execute("SELECT 1 AS N, 1.50::NUMBER(10, 2) AS D, 'x' AS T, NULL AS E, TRUE AS B, '2020-02-29'::DATE AS DAY")
    table = cursor.fetch_arrow_all()
    assert table is not None
    assert table.column_names == ["N", "D", "T", "E", "B", "DAY"]
    cursor.execute("SELECT 1 AS N, 1.50::NUMBER(10, 2) AS D, [1, 2] AS L, {'a': 1} AS O")
    assert [column.name for column in cursor.description] == ["N", "D", "L", "O"]
    ((number, decimal, array, structure),) = cursor.fetchall()
    assert (number, decimal, json.loads(array), json.loads(structure)) == (1, Decimal("1.50"), [1, 2], {"a": 1})
    frame = cursor.execute("SELECT * FROM VALUES (1, 'a'), (2, NULL) AS T (N, S)").fetch_pandas_all()
    assert frame["N"].tolist() == [1, 2]
    batches = cursor.execute("SELECT * FROM VALUES (1), (2)").get_result_batches()
    assert sum(batch.rowcount for batch in batches) == 2


def test_whole_numbers_stay_whole(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE S (A INT, T VARCHAR)")
    sql("INSERT INTO S VALUES (9007199254740993, '1'), (1, '2')")
    assert sql("SELECT SUM(A) FROM S") == [(9007199254740994,)]
    assert sql("SELECT SUM(T) FROM S") == [(3.0,)]


def test_a_statement_runs_on_its_own(sql: Sql) -> None:
    cursor = sql.connection.cursor()
    cursor.execute_async("SELECT SYSTEM$WAIT(2)")
    waiting = cursor.sfqid
    assert waiting is not None
    assert sql.connection.get_query_status(waiting) is QueryStatus.RUNNING
    assert sql.connection.is_still_running(QueryStatus.RUNNING)
    other = sql.connection.cursor()
    other.execute_async("SELECT COUNT(*) FROM RAYDP_LEASES")
    other.get_results_from_sfqid(other.sfqid)
    assert other.fetchall() == [(0,)]
    until(lambda: sql.connection.get_query_status(waiting) is QueryStatus.SUCCESS)
    cursor.get_results_from_sfqid(waiting)
    assert cursor.fetchall() == [("waited 2 seconds",)]
    cursor.execute_async("SELECT * FROM NOWHERE")
    until(lambda: not sql.connection.is_still_running(sql.connection.get_query_status(cursor.sfqid)))
    assert sql.connection.get_query_status(cursor.sfqid) is QueryStatus.FAILED_WITH_ERROR
    with pytest.raises(ProgrammingError, match="NOWHERE"):
        sql.connection.get_query_status_throw_if_error(cursor.sfqid)


def test_another_users_and_unknown_results_are_not_there(sql: Sql) -> None:
    with pytest.raises(ProgrammingError) as caught:
        sql("SELECT * FROM TABLE(RESULT_SCAN('01b2c3d4-0000-0000-0000-000000000000'))")
    assert (caught.value.errno, caught.value.sqlstate) == (709, "02000")


def test_many_statements_in_one_request(sql: Sql) -> None:
    cursor = sql.connection.cursor()
    text = "CREATE OR REPLACE TABLE M (A INT); -- a comment; with a semicolon\nINSERT INTO M VALUES (1), (2); SELECT ';' || COUNT(*) FROM M;"
    cursor.execute(text, num_statements=3)
    results = [cursor.fetchall()]
    while cursor.nextset():
        results.append(cursor.fetchall())
    assert results == [[("Table M successfully created.",)], [(2,)], [(";2",)]]
    cursor.execute("SELECT 1; SELECT 2", num_statements=0)
    assert cursor.fetchall() == [(1,)]
    with pytest.raises(
        ProgrammingError, match="Actual statement count 2 did not match the desired statement count 1"
    ) as caught:
        cursor.execute("SELECT 1; SELECT 2")
    assert (caught.value.errno, caught.value.sqlstate) == (8, "0A000")
    with pytest.raises(ProgrammingError, match="NOWHERE"):
        cursor.execute("INSERT INTO M VALUES (3); SELECT * FROM NOWHERE; INSERT INTO M VALUES (4)", num_statements=3)
    assert sql("SELECT MAX(A) FROM M") == [(3,)]


def same(found: Any, value: Any) -> bool:
    """Whether a value came back; some go as texts, for so the connector itself binds them."""
    if isinstance(value, float):
        return float(found) == value
    return bytes(found) == value if isinstance(value, bytes) else found == value or str(found) == str(value)


@pytest.mark.parametrize(
    "value", [1, -(10**20), 1.5, Decimal("12.34"), "it's; ? %s", None, True, dt.date(2020, 2, 29), b"\x00\xff"]
)
def test_binds_in_both_styles(sql: Sql, environment: dict[str, str], value: Any) -> None:
    with connect(environment, paramstyle="qmark") as marks:
        (found,) = marks.cursor().execute("SELECT ?", (value,)).fetchone()
        assert same(found, value)
    (found,) = sql("SELECT %s", (value,))[0]
    assert same(found, value)


def test_names_and_rows_are_bound(environment: dict[str, str]) -> None:
    with connect(environment, paramstyle="qmark") as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE OR REPLACE TABLE IDENTIFIER(?) (A INT, B VARCHAR)", ("RAYDP_SIS_CORE_SCHEMA.BOUND",))
        rows = [(number, f"row {number}" if number % 2 else None) for number in range(3000)]
        cursor.executemany("INSERT INTO BOUND VALUES (?, ?)", rows)
        assert cursor.rowcount == 3000
        cursor.execute("SELECT * FROM IDENTIFIER(?) WHERE A >= ? ORDER BY A", ("BOUND", 2998))
        assert cursor.fetchall() == rows[2998:]
        cursor.executemany("UPDATE BOUND SET B = ? WHERE A = ?", [("x", 0), ("y", 1)])
        assert cursor.execute("SELECT B FROM BOUND WHERE A < 2 ORDER BY A").fetchall() == [("x",), ("y",)]


def test_earlier_results_are_tables(sql: Sql) -> None:
    cursor = sql.connection.cursor()
    cursor.execute("SHOW COMPUTE POOLS")
    cursor.execute("SHOW STAGES LIKE 'RAYDP_ARTIFACTS'")
    shown = cursor.sfqid
    assert sql("SELECT LAST_QUERY_ID()") == [(shown,)]
    assert sql('SELECT "name" FROM TABLE(RESULT_SCAN(LAST_QUERY_ID(-2)))') == [("RAYDP_ARTIFACTS",)]
    sql('CREATE OR REPLACE TABLE KEPT AS SELECT "name" AS NAME FROM TABLE(RESULT_SCAN(%s))', (shown,))
    assert sql("SELECT NAME FROM KEPT") == [("RAYDP_ARTIFACTS",)]


def test_statements_are_chained(sql: Sql) -> None:
    assert sql("SHOW STAGES LIKE 'RAYDP_ARTIFACTS' ->> SELECT \"name\" FROM $1") == [("RAYDP_ARTIFACTS",)]
    chain = "SELECT 1 AS A ->> SELECT A + 1 AS B FROM $1 ->> SELECT A, B FROM $2 JOIN $1 ON TRUE"
    assert sql(chain) == [(1, 2)]
    with pytest.raises(ProgrammingError, match=r"no statement \$2"):
        sql("SELECT 1 AS A ->> SELECT * FROM $2")


def test_a_statement_that_takes_too_long_is_stopped(sql: Sql) -> None:
    endless = "SELECT COUNT(*) FROM RANGE(100000) A, RANGE(100000) B, RANGE(100000) C WHERE A.RANGE + B.RANGE < C.RANGE - 100000"
    sql("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 1")
    with pytest.raises(ProgrammingError, match="timeout of 1 second") as caught:
        sql(endless)
    assert (caught.value.errno, caught.value.sqlstate) == (630, "57014")
    sql("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 0")
    with pytest.raises(ProgrammingError, match="canceled"):
        sql.connection.cursor().execute(endless, timeout=1)
    cursor = sql.connection.cursor()
    cursor.execute_async(endless)
    assert "terminated" in sql(f"SELECT SYSTEM$CANCEL_QUERY('{cursor.sfqid}')")[0][0]
    until(lambda: sql.connection.get_query_status(cursor.sfqid) is QueryStatus.FAILED_WITH_ERROR)
    cursor.execute_async(endless)
    sql(f"ALTER USER {sql.connection.user} ABORT ALL QUERIES")
    until(lambda: sql.connection.get_query_status(cursor.sfqid) is QueryStatus.FAILED_WITH_ERROR)
    assert sql("SELECT 1") == [(1,)], "the session goes on"


def test_large_results_come_in_parts_that_anybody_with_the_address_may_fetch(sql: Sql) -> None:
    cursor = sql.connection.cursor()
    cursor.execute("SELECT SEQ8() AS N, SEQ8()::VARCHAR AS T FROM TABLE(GENERATOR(ROWCOUNT => 300000))")
    first, *others = cursor.get_result_batches() or []
    assert others
    assert first.rowcount + sum(batch.rowcount for batch in others) == 300_000
    copies = pickle.loads(pickle.dumps(others))
    numbers = [number for batch in [first, *copies] for number in batch.to_arrow()["N"].to_pylist()]
    assert sorted(numbers) == list(range(300_000))
    assert cursor.fetch_arrow_all()["T"].to_pylist() == [str(number) for number in numbers]
    url = others[0]._remote_chunk_info.url
    assert httpx.get(url).status_code == 200
    assert httpx.get(url.partition("Signature=")[0] + "Signature=x").status_code == 403
    other = sql.connection.cursor().execute("SELECT SEQ8() AS N FROM TABLE(GENERATOR(ROWCOUNT => 300000))")
    foreign = other.get_result_batches()[1]._remote_chunk_info.url
    assert httpx.get(url.partition("?")[0] + "?" + foreign.partition("?")[2]).status_code == 403


def test_a_merge_from_a_temporary_table_is_part_of_its_transaction(sql: Sql) -> None:
    sql("CREATE OR REPLACE TABLE MERGED (K NUMBER(38, 0), V VARCHAR)")
    sql("INSERT INTO MERGED VALUES (1, 'a'), (12345678901234567890123456789012345678, 'wide')")
    sql("CREATE OR REPLACE TEMPORARY TABLE COMING AS SELECT * FROM MERGED WHERE FALSE")
    sql("INSERT INTO COMING VALUES (1, 'A'), (2, 'B')")
    merge = (
        "MERGE INTO MERGED USING (SELECT K AS NEW_K, V AS NEW_V FROM COMING) AS S ON K IS NOT DISTINCT FROM S.NEW_K "
        "WHEN MATCHED THEN UPDATE SET V = S.NEW_V WHEN NOT MATCHED THEN INSERT (K, V) VALUES (S.NEW_K, S.NEW_V)"
    )
    for end, rows in (("ROLLBACK", [(1, "a")]), ("COMMIT", [(1, "A"), (2, "B")])):
        sql("BEGIN TRANSACTION")
        assert sql(merge) == [(1, 1)]
        sql(end)
        assert sql("SELECT * FROM MERGED ORDER BY K") == [*rows, (12345678901234567890123456789012345678, "wide")]
