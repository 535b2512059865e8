"""The parts of the engine for tables: bind variables, file formats, faults, types, many statements, kept results."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.tables import bindings as marks
from airflow_provider_raydp_spcs.local.tables.engine import Engine
from airflow_provider_raydp_spcs.local.tables.file_formats import FileFormat, strptime
from airflow_provider_raydp_spcs.local.tables.inference import snowflake_type
from airflow_provider_raydp_spcs.local.tables.results import TableResult, column, plain
from airflow_provider_raydp_spcs.local.tables.session import TableSession
from airflow_provider_raydp_spcs.local.tables.sources import arrow
from airflow_provider_raydp_spcs.local.wire import history as kept
from airflow_provider_raydp_spcs.local.wire.answers import Column, RowsAnswer, SessionFacts
from airflow_provider_raydp_spcs.local.wire.splitting import shares, statements


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[TableSession]:
    engine = Engine(tmp_path)
    engine.open_session("token", None, None)
    session = engine.session("token")
    for statement in ("CREATE DATABASE D", "USE DATABASE D", "CREATE SCHEMA S"):
        session.execute(statement)
    yield session
    engine.close_session(["token"])


def rows(session: TableSession, sql: str, **given: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in session.execute(sql, **given).table.to_pylist()]


@pytest.mark.parametrize(
    ("kind", "sent", "meant"),
    [
        ("FIXED", "12", 12),
        ("FIXED", "12.50", Decimal("12.50")),
        ("FIXED", str(10**37), 10**37),
        ("REAL", "1.5", 1.5),
        ("TEXT", "1", "1"),
        ("BOOLEAN", "true", True),
        ("BINARY", "00ff", b"\x00\xff"),
        ("DATE", "1582934400000", dt.date(2020, 2, 29)),
        ("TIMESTAMP_NTZ", "1582934400000001000", dt.datetime.fromisoformat("2020-02-29T00:00:00.000001")),
        ("FIXED", None, None),
    ],
)
def test_values_of_marks(kind: str, sent: str | None, meant: object) -> None:
    assert marks.values({"1": {"type": kind, "value": sent}}) == (meant,)
    assert marks.values({"name": {"type": kind, "value": sent}}) == {"name": meant}


def test_a_batch_is_one_insert(tables: TableSession) -> None:
    tables.execute("CREATE TABLE T (A INT, B VARCHAR, V VARIANT)")
    given: dict[str, dict[str, Any]] = {
        "1": {"type": "FIXED", "value": ["1", None]},
        "2": {"type": "TEXT", "value": ["x", "[1]"]},
    }
    assert marks.is_batch(given)
    assert tables.execute("INSERT INTO T (A, B) VALUES (?, ?)", given).affected == 2
    assert rows(tables, "SELECT A, B FROM T ORDER BY A") == [(1, "x"), (None, "[1]")]
    json = {"1": {"type": "TEXT", "value": ['{"k": 1}', "[2]"]}}
    tables.execute("INSERT INTO T (V) SELECT PARSE_JSON(?)", json)
    assert rows(tables, "SELECT V:k::INT FROM T WHERE V:k IS NOT NULL") == [(1,)]
    assert marks.insert_of_all("UPDATE T SET A = ? WHERE B = ?") is None


@pytest.mark.parametrize(
    ("duckdb", "kind", "precision", "scale"),
    [
        ("INTEGER", "fixed", 38, 0),
        ("HUGEINT", "fixed", 38, 0),
        ("DECIMAL(10,2)", "fixed", 10, 2),
        ("DOUBLE", "real", None, None),
        ("INTEGER[]", "array", None, None),
        ("STRUCT(a INTEGER)", "object", None, None),
        ("MAP(VARCHAR, INTEGER)", "object", None, None),
        ("JSON", "variant", None, None),
        ("UUID", "text", None, None),
        ("TIMESTAMP WITH TIME ZONE", "timestamp_tz", 0, 9),
    ],
)
def test_types_of_columns(duckdb: str, kind: str, precision: int | None, scale: int | None) -> None:
    found = column("C", duckdb)
    assert (found["type"], found["precision"], found["scale"]) == (kind, precision, scale)


def test_every_column_gets_a_type_that_clients_read() -> None:
    table = pa.table(
        {
            "l": pa.array([[1], None]),
            "s": pa.array([{"a": "x"}, None]),
            "f": pa.array([1.5, None], pa.float32()),
            "u": pa.array([2**64 - 1, None], pa.uint64()),
            "t": pa.array([dt.datetime.fromisoformat("2020-01-01"), None], pa.timestamp("ns")),
        }
    )
    found = plain(table)
    kinds = [str(kind) for kind in found.schema.types]
    assert kinds == ["string", "string", "double", "decimal128(20, 0)", "timestamp[us]"]
    assert [column.null_count for column in found.columns] == [1] * 5


def test_file_formats_refuse_what_they_do_not_have() -> None:
    assert FileFormat.of({"TYPE": "csv", "SKIP_HEADER": "1"}).kind == "CSV"
    for options, number in (
        ({"TYPE": "NONSENSE"}, 1420),
        ({"TYPE": "PARQUET", "SKIP_HEADER": "1"}, 1420),
        ({"PARSE_HEADER": "TRUE", "SKIP_HEADER": "1"}, 1420),
        ({"TYPE": "ORC"}, 2),
        ({"RECORD_DELIMITER": "|"}, 2),
        ({"ENCODING": "LATIN1"}, 2),
    ):
        with pytest.raises(SnowflakeFault) as caught:
            FileFormat.of(options)
        assert caught.value.number == number, options
    with pytest.raises(SnowflakeFault, match="COMPRESSION = BZ2"):
        FileFormat.of({"COMPRESSION": "BZ2"}).csv(["x"], None)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("YYYY-MM-DD", "%Y-%m-%d"),
        ("DD.MM.YY HH24:MI:SS.FF3", "%d.%m.%y %H:%M:%S.%f"),
        ("MON DD, YYYY HH12:MI AM", "%b %d, %Y %I:%M %p"),
        ("100% YYYY", "100%% %Y"),
    ],
)
def test_formats_of_times(given: str, meant: str) -> None:
    assert strptime(given) == meant


def test_inferred_types() -> None:
    kinds = [
        "BIGINT",
        "DECIMAL(4,1)",
        "VARCHAR",
        "INTEGER[]",
        "STRUCT(a INTEGER)",
        "TIMESTAMP_NS",
        "TIMESTAMP WITH TIME ZONE",
    ]
    meant = ["NUMBER(38, 0)", "NUMBER(4, 1)", "TEXT", "ARRAY", "OBJECT", "TIMESTAMP_NTZ", "TIMESTAMP_TZ"]
    assert [snowflake_type(kind) for kind in kinds] == meant


@pytest.mark.parametrize(
    ("sql", "number", "state", "words"),
    [
        ("SELECT * FROM NOWHERE", 2003, "42S02", "Object 'NOWHERE' does not exist or not authorized"),
        ("SELECT NOTHING FROM T", 904, "42000", "invalid identifier 'NOTHING'"),
        ("SELECT NO_FUNCTION(1)", 2140, "42601", "Unknown function NO_FUNCTION"),
        ("SELECT 'x'::INT", 100038, "22018", "Numeric value 'x' is not recognized"),
        ("SELECT 1 / (A - A) FROM VALUES (1) AS V (A)", 100051, "22012", "Division by zero"),
        ("SELECT 1 % 0", 100051, "22012", "Division by zero"),
        ("INSERT INTO T VALUES (NULL)", 100072, "22000", "NULL result in a non-nullable column 'A'"),
        ("CREATE TABLE T (A INT)", 2002, "42710", "already exists"),
        ("SELEC 1", 1003, "42000", ""),
    ],
)
def test_failures_in_snowflakes_words(tables: TableSession, sql: str, number: int, state: str, words: str) -> None:
    tables.execute("CREATE TABLE T (A INT NOT NULL)")
    with pytest.raises(SnowflakeFault) as caught:
        tables.execute(sql)
    assert (caught.value.number, caught.value.sqlstate) == (number, state)
    assert words in caught.value.message


def test_temporary_tables_have_their_whole_names(tables: TableSession) -> None:
    tables.execute("CREATE SCOPED TEMPORARY TABLE D.S.MINE (A INT)")
    tables.execute("INSERT INTO S.MINE VALUES (1)")
    tables.execute("CREATE TABLE COPIED AS SELECT * FROM D.S.MINE")
    assert rows(tables, "SELECT * FROM COPIED") == [(1,)]
    tables.execute("DROP TABLE D.S.MINE")
    with pytest.raises(SnowflakeFault, match="does not exist"):
        tables.execute("SELECT * FROM D.S.MINE")


def test_columns_of_values_and_keys_of_objects(tables: TableSession) -> None:
    assert rows(tables, "SELECT $2, $1 FROM VALUES (1, 'a'), (2, NULL)") == [("a", 1), (None, 2)]
    assert rows(tables, "SELECT {'Key': 1}:Key::INT") == [(1,)]
    assert rows(tables, "SELECT 6 / 4, A / 2, 7 % A FROM VALUES (3) AS T (A)") == [(1.5, 1.5, 1)]


def test_a_statement_is_described_without_running(tables: TableSession) -> None:
    tables.execute("CREATE TABLE T (A INT, B VARCHAR)")
    found = tables.execute("SELECT * FROM T WHERE A = ?", describe_only=True)
    assert (found.described, [each["name"] for each in found.rowtype]) == (True, ["A", "B"])
    tables.execute("DELETE FROM T", describe_only=True)
    assert tables.execute("INSERT INTO T VALUES (1, 'x')").affected == 1


def test_a_transaction_begun_twice_is_one(tables: TableSession) -> None:
    tables.execute("CREATE TABLE T (A INT)")
    for statement in ("BEGIN", "BEGIN", "INSERT INTO T VALUES (1)", "ROLLBACK", "ROLLBACK"):
        tables.execute(statement)
    assert rows(tables, "SELECT COUNT(*) FROM T") == [(0,)]

    def insert_and_fail() -> None:
        with tables.transaction():
            tables.duck.execute("INSERT INTO T VALUES (1)")
            raise ValueError("undone")

    with pytest.raises(ValueError, match="undone"):
        insert_and_fail()
    assert rows(tables, "SELECT COUNT(*) FROM T") == [(0,)]


def test_statements_of_a_request() -> None:
    assert statements("SELECT 1;", 1) == ["SELECT 1;"]
    text = "SELECT ';' ; -- nothing; here\nSELECT $$a;b$$; /* x; */"
    assert [each.strip().rstrip(";").strip() for each in statements(text, 2)] == ["SELECT ';'", "SELECT $$a;b$$"]
    for wanted in (1, 3):
        with pytest.raises(
            SnowflakeFault, match=f"Actual statement count 2 did not match the desired statement count {wanted}"
        ):
            statements(text, wanted)
    given = {str(number): {"type": "FIXED", "value": str(number)} for number in (1, 2, 3)}
    found = shares(given, ["SELECT ?", "SELECT '?', ?, ?", "SELECT 1"])
    assert [[each["value"] for each in share.values()] for share in found] == [["1"], ["2", "3"], []]


def test_results_are_kept_within_limits_and_for_their_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MAX_KEPT", 3)
    history, facts = kept.History(), SessionFacts("A", "R", None, None)
    queries = [history.start("A", f"request {number}", "SELECT 1", facts) for number in range(3)]
    for query in queries:
        history.end(query, RowsAnswer([Column("C")], [["x"]]))
    newest = history.start("A", "request 3", "SELECT 1", facts)
    assert history.find(queries[0].id, "A") is None
    assert history.of_request("request 0", "A") is None
    assert history.find(queries[1].id, "A") is queries[1]
    assert history.find(queries[1].id, "B") is None
    assert history.running(facts) == [newest]
    assert facts.finished == [query.id for query in queries]


def test_old_results_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"a": list(range(1000))})
    monkeypatch.setattr(kept, "MAX_BYTES", int(table.nbytes * 2.5))
    history, facts = kept.History(), SessionFacts("A", "R", None, None)
    queries = [history.start("A", "", "SELECT 1", facts) for _ in range(4)]
    for query in queries:
        history.end(query, TableResult(table, [column("A", "BIGINT")], 0x1000))
    assert [history.find(query.id, "A") is not None for query in queries] == [False, False, True, True]


def test_answers_of_the_server_can_be_read_as_tables() -> None:
    columns = [Column("t"), Column("n", "FIXED"), Column("b", "BOOLEAN"), Column("m", "TIMESTAMP_LTZ")]
    moment = "2020-01-01T00:00:00.000+00:00"
    found = arrow(RowsAnswer(columns, [["x", 1, "true", moment], ["", None, None, ""]])).to_pylist()
    assert found[0] == {"t": "x", "n": 1, "b": True, "m": dt.datetime.fromisoformat(moment)}
    assert found[1] == {"t": "", "n": None, "b": None, "m": None}


def test_the_engine_leaves_no_temporary_folder(tmp_path: Path) -> None:
    """fakesnow makes one as it is imported, so a process of its own imports it."""
    folders = [tmp_path / "databases", tmp_path / "temporary"]
    for folder in folders:
        folder.mkdir()
    program = "import sys, pathlib; from airflow_provider_raydp_spcs.local.tables.engine import Engine; "
    program += "Engine(pathlib.Path(sys.argv[1]))"
    environment = {**os.environ, "TMPDIR": str(folders[1])}
    subprocess.run([sys.executable, "-c", program, str(folders[0])], env=environment, check=True, timeout=120)
    assert list(folders[1].iterdir()) == []
