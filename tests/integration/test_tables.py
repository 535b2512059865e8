"""Snowflake tables in and out of a real Spark (without a cluster), whose Python workers connect with a service's own token."""

from __future__ import annotations

import datetime as dt
import json
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from airflow_provider_raydp_spcs.local.paths import Paths
from airflow_provider_raydp_spcs.node.java import find_java
from airflow_provider_raydp_spcs.runtime import staging, tables
from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.runtime.fetching import ResultParts, connected
from airflow_provider_raydp_spcs.runtime.loading import Target, write_staged
from airflow_provider_raydp_spcs.runtime.types import arrow_schema
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
at = dt.datetime.fromisoformat
DDL = (
    "I NUMBER(9), W NUMBER(38, 0), D NUMBER(38, 10), F FLOAT, T VARCHAR, DAY DATE, MOMENT TIMESTAMP_NTZ, L TIMESTAMP_LTZ, "
    "Z TIMESTAMP_TZ, B BOOLEAN, BYTES BINARY, V VARIANT, O OBJECT, A ARRAY"
)
SPARK = (
    "I long, W decimal(38,0), D decimal(38,10), F double, T string, DAY date, MOMENT timestamp_ntz, L timestamp, Z timestamp, "
    "B boolean, BYTES binary, V string, O string, A string"
)
FIRST = (
    1, Decimal(10**37 + 1), Decimal("1234567890123456789012345678.0123456789"), 0.1, "it's; $$ 漢", dt.date(2013, 1, 1),
    at("2013-01-01T12:30:00.000001"), at("2013-01-01T12:30:00.000002"), at("1600-02-29T23:59:59.999999"),
    True, b"\x00\xff'", '{"a":[1,"é",null]}', '{"b":{"c":true}}', '[1,"x"]',
)  # fmt: skip
SECOND = (
    2, Decimal(-1), Decimal("-0.0000000001"), -1e300, "", dt.date(1969, 12, 31), at("1600-12-31T23:59:59"),
    at("1969-12-31T00:00:00"), at("2262-05-01T00:00:00"), False, b"", "12345678901234567890123456789", "{}", "[]",
)  # fmt: skip
THIRD = (3, *[None] * 13)
ROWS = [FIRST, SECOND, THIRD]


@pytest.fixture(scope="module", autouse=True)
def job(inside: dict[str, str]) -> Iterator[None]:
    """This process, and the workers of its Spark, have the environment of a job."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in inside.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def spark(job: None) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_HOME", str(find_java()))
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        made = SparkSession.builder.master("local[2,3]").config("spark.sql.session.timeZone", "UTC")
        made = made.config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "2")
        session = made.getOrCreate()
        yield session
        session.stop()


@pytest.fixture
def table(session: ConnectorSession) -> str:
    session.execute(f"CREATE OR REPLACE TABLE ROUND_TRIP ({DDL})")
    return "ROUND_TRIP"


@pytest.fixture(autouse=True)
def nothing_is_left(session: ConnectorSession, home: Path) -> Iterator[None]:
    yield
    assert session.execute("SHOW STAGES LIKE 'RAYDP_WRITE%'") == []
    assert not list(Paths(home).stages.rglob("*.parquet"))
    assert session.execute("SHOW TABLES LIKE 'RAYDP_LOAD%'") == []


def found(spark: Any, table: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in tables.read_table(spark, table, wide_numbers="decimal").orderBy("I").collect()]


def frame(spark: Any, rows: Any = ROWS) -> Any:
    return spark.createDataFrame(rows, SPARK)


def pairs(spark: Any, *rows: tuple[int, str]) -> Any:
    return spark.createDataFrame(list(rows), "I long, T string")


def in_table(session: ConnectorSession, table: str) -> list[tuple[int, str]]:
    return [(row["i"], row["t"]) for row in session.execute(f"SELECT I, T FROM {table} ORDER BY I, T")]


def test_values_come_back_as_they_went(spark: Any, table: str, capfd: pytest.CaptureFixture[str]) -> None:
    written = tables.write_table(frame(spark), table)
    assert json.dumps(written) == "3", "a job can hand it over as its result"
    assert found(spark, table) == ROWS
    read = tables.read_table(spark, table, wide_numbers="decimal")
    assert read.schema.simpleString() == frame(spark).schema.simpleString()
    told = capfd.readouterr().out
    assert "ROUND_TRIP: 3 rows, " in told
    assert "ROUND_TRIP: 3 rows in 1 parts" in told


def test_large_and_small_ways_give_the_same(spark: Any, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing small, every row goes through files of the executors' and comes back by them."""
    monkeypatch.setattr(staging, "PIECE_BYTES", 0)
    monkeypatch.setattr(tables, "SMALL_ROWS", 0)
    # The workers import the room anew, where the constant is as it was: so there must be enough in each partition.
    many = [(number, *ROWS[number % 3][1:]) for number in range(3000)]
    assert tables.write_table(frame(spark, many).repartition(2), table) == 3000
    assert found(spark, table) == many


LISTS = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.decimals(-(10**27), 10**27, places=10, allow_nan=False),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
        st.none() | st.dates(dt.date(1, 1, 1)),
        st.none() | st.datetimes(at("0001-01-02T00:00:00"), at("9999-12-30T00:00:00")),
        st.none() | st.binary(),
        st.none() | st.booleans(),
    ),
    max_size=20,
)
FAST = {
    "ID": ("NUMBER(9)", "bigint", pa.int64()),
    "N": ("NUMBER(38, 0)", "bigint", pa.int64()),
    "D": ("NUMBER(38, 10)", "decimal(38,10)", pa.decimal128(38, 10)),
    "F": ("FLOAT", "double", pa.float64()),
    "T": ("VARCHAR", "string", pa.string()),
    "DAY": ("DATE", "date", pa.date32()),
    "M": ("TIMESTAMP_NTZ", "timestamp_ntz", pa.timestamp("us")),
    "B": ("BINARY", "binary", pa.binary()),
    "Q": ("BOOLEAN", "boolean", pa.bool_()),
}


def one_by_one(session: ConnectorSession) -> list[tuple[Any, ...]]:
    """The slow way: rows that the connector fetches."""
    return [plain(row.values()) for row in session.execute("SELECT * FROM FAST ORDER BY ID")]


def plain(row: Any) -> tuple[Any, ...]:
    return tuple(bytes(each) if isinstance(each, bytearray) else each for each in row)


def fast_table(session: ConnectorSession, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    session.execute(f"CREATE OR REPLACE TABLE FAST ({', '.join(f'{name} {kind[0]}' for name, kind in FAST.items())})")
    return [(number, *row) for number, row in enumerate(rows)]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(LISTS, st.booleans())
def test_files_and_parts_hold_what_rows_one_by_one_hold(
    session: ConnectorSession, rows: list[tuple[Any, ...]], as_file: bool
) -> None:
    """What tasks do with a partition and with a part of a result, without a Spark around it."""
    numbered = fast_table(session, rows)
    schema = pa.schema([(name, kind[2]) for name, kind in FAST.items()])
    arrays = [pa.array([row[index] for row in numbered], field.type) for index, field in enumerate(schema)]

    def fill(stage: str) -> staging.Staged:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(staging, "PIECE_BYTES", 0 if as_file else 10**9)
            batches = [pa.RecordBatch.from_arrays(arrays, schema=schema)]
            told = [row for each in staging._StagePartition(stage)(batches) for row in each.to_pylist()]
        files = [row["file"] for row in told if row["file"]]
        files += [staging._stage_pieces([row["piece"]], stage)[0] for row in told if row["piece"]]
        return staging.Staged(files, sum(row["row_count"] for row in told), 0)

    write_staged(Target("FAST"), {name: kind[1] for name, kind in FAST.items()}, fill)
    assert one_by_one(session) == numbered
    with connected() as snowflake, snowflake.cursor() as cursor:
        cursor.execute("SELECT * FROM FAST ORDER BY ID")
        found = arrow_schema(cursor.description)
        parts = ResultParts.of(cursor, found)
    assert found.types == schema.types
    assert [
        row
        for number in range(len(parts.batches))
        for row in zip(*parts.fetch(number).to_pydict().values(), strict=True)
    ] == numbered


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(LISTS)
def test_the_fast_ways_equal_the_slow_one(spark: Any, session: ConnectorSession, rows: list[tuple[Any, ...]]) -> None:
    numbered = fast_table(session, rows)
    schema = ", ".join(f"{name} {kind[1]}" for name, kind in FAST.items())
    tables.write_table(spark.createDataFrame(numbered, schema), "FAST")
    assert one_by_one(session) == numbered
    with pytest.MonkeyPatch.context() as patch:
        for limit in (0, 10_000):
            patch.setattr(tables, "SMALL_ROWS", limit)
            fast = tables.read_query(spark, "SELECT * FROM FAST").orderBy("ID").collect()
            assert [plain(row) for row in fast] == numbered


def test_a_large_result_is_fetched_by_the_executors(spark: Any, session: ConnectorSession) -> None:
    session.execute(
        "CREATE OR REPLACE TABLE LARGE AS SELECT SEQ8() AS N, SEQ8()::VARCHAR AS T FROM TABLE(GENERATOR(ROWCOUNT => 300000))"
    )
    read = tables.read_table(spark, "LARGE")
    assert read.rdd.getNumPartitions() > 1
    assert read.selectExpr("count(*)", "count(distinct N)", "sum(N)", "sum(cast(T as long))").collect()[0][:] == (
        300_000, 300_000, 44_999_850_000, 44_999_850_000,
    )  # fmt: skip
    session.execute("DELETE FROM LARGE")
    assert read.count() == 300_000, "the query ran once, when it was asked"


def test_addresses_that_grew_old_are_renewed(session: ConnectorSession) -> None:
    session.execute("CREATE OR REPLACE TABLE OLD AS SELECT SEQ8() AS N FROM TABLE(GENERATOR(ROWCOUNT => 200000))")
    with connected() as snowflake, snowflake.cursor() as cursor:
        cursor.execute("SELECT * FROM OLD")
        parts = ResultParts.of(cursor, arrow_schema(cursor.description))
    before, parts.until = parts.batches, 0.0
    session.execute("DELETE FROM OLD")
    assert sum(parts.fetch(number).num_rows for number in range(len(before))) == 200_000
    assert parts.batches is not before


def test_columns_conditions_and_empty_results(spark: Any, table: str) -> None:
    tables.write_table(frame(spark), table)
    read = tables.read_table(spark, table, columns=["t", "i"], where="DAY = %s", params=["2013-01-01"])
    assert [tuple(row) for row in read.collect()] == [("it's; $$ 漢", 1)]
    empty = tables.read_table(spark, table, where="I > %s", params=[100])
    assert empty.count() == 0
    assert len(empty.columns) == 14
    shown = tables.read_query(spark, f"SHOW TABLES LIKE '{table}'")
    assert [row["name"] for row in shown.collect()] == [table]


def test_numbers_that_no_long_holds_are_not_cut(spark: Any, table: str) -> None:
    tables.write_table(frame(spark), table)
    with pytest.raises(TableError, match=r"column W .* wide_numbers='decimal'"):
        tables.read_table(spark, table, columns=["W"])


def test_modes(spark: Any, table: str) -> None:
    for _ in range(2):  # a rerun gives the same rows
        tables.write_table(frame(spark), table, mode="overwrite")
        assert found(spark, table) == ROWS
    for _ in range(2):
        tables.write_table(frame(spark, ROWS[:1]), table, mode="replace_where", where="I = %s", params=[1])
        assert found(spark, table) == ROWS
    tables.write_table(frame(spark, ROWS[2:]), table, mode="append")
    assert len(found(spark, table)) == 4
    assert tables.write_table(frame(spark).where("I > 9"), table, mode="overwrite") == 0
    assert found(spark, table) == []


def test_partitions_are_overwritten(spark: Any, table: str, session: ConnectorSession) -> None:
    session.execute(f"INSERT INTO {table} (I, T) VALUES (1, 'a'), (1, 'b'), (2, 'c'), (NULL, 'd')")
    for _ in range(2):
        rows = spark.createDataFrame([(1, "new"), (None, "null")], "I long, T string")
        assert tables.write_table(rows, table, mode="overwrite_partition", partition_by=["i"]) == 2
        assert in_table(session, table) == [(1, "new"), (2, "c"), (None, "null")]
    assert (
        tables.write_table(pairs(spark, (1, "x")).where("false"), table, mode="overwrite_partition", partition_by=["I"])
        == 0
    )
    assert len(in_table(session, table)) == 3


def test_rows_are_merged_by_keys(spark: Any, table: str, session: ConnectorSession) -> None:
    session.execute(f"INSERT INTO {table} (I, T, F) VALUES (1, 'a', 0.5), (2, 'b', 0.5), (NULL, 'n', 0.5)")
    rows = spark.createDataFrame([(2, "B"), (3, "C"), (None, "N")], "I long, T string")
    for _ in range(2):
        assert tables.write_table(rows, table, mode="merge", keys=["I"]) == 3
        assert in_table(session, table) == [(1, "a"), (2, "B"), (3, "C"), (None, "N")]
    assert session.execute(f"SELECT COUNT(F) AS N FROM {table}") == [{"n": 3}], "columns that the data lacks stay"
    with pytest.raises(TableError, match=r"1 keys .* more than one row"):
        tables.write_table(pairs(spark, (9, "x"), (9, "y")), table, mode="merge", keys=["I"])
    assert len(in_table(session, table)) == 4


def test_a_run_writes_once(
    spark: Any, table: str, session: ConnectorSession, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert tables.write_table(pairs(spark, (1, "a")), table, run="2013-01-01") == 1
    assert in_table(session, table) == [(1, "a")]
    assert "run 2013-01-01 has written 1 rows before" in capfd.readouterr().out
    with pytest.raises(TableError):
        tables.write_table(pairs(spark, (2, "b"), (2, "c")), table, mode="merge", keys=["I"], run="fails")
    assert tables.write_table(pairs(spark, (2, "b")), table, run="fails") == 1, "what failed is not noted"
    assert in_table(session, table) == [(1, "a"), (2, "b")]


def test_attempts_of_a_run_that_meet_write_once(spark: Any, table: str, session: ConnectorSession) -> None:
    written: list[int] = []
    rows = pairs(spark, (1, "a"))
    threads = [
        threading.Thread(target=lambda: written.append(tables.write_table(rows, table, run="both"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert written == [1, 1, 1]
    assert in_table(session, table) == [(1, "a")]


def test_a_task_that_is_tried_again_adds_nothing(
    spark: Any, table: str, session: ConnectorSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt of each task fails when its file is on the stage."""
    marks, whole = str(tmp_path), staging._StagePartition

    def failing(stage: str) -> Any:
        def work(batches: Any) -> Any:
            from pyspark import TaskContext

            yield from whole(stage)(batches)
            mark = Path(marks) / str(TaskContext.get().partitionId())
            if not mark.exists():
                mark.touch()
                raise ArithmeticError("on purpose")

        return work

    monkeypatch.setattr(staging, "_StagePartition", failing)
    rows = spark.range(0, 40_000, 1, 2).selectExpr("id as I", "repeat(cast(id as string), 5) as T")
    assert tables.write_table(rows, table) == 40_000
    assert len(list(tmp_path.iterdir())) == 2, "they did fail"
    assert session.execute(f"SELECT COUNT(*) AS N, COUNT(DISTINCT I) AS D FROM {table}") == [{"n": 40_000, "d": 40_000}]


def test_a_failing_write_leaves_the_table_as_it_was(spark: Any, table: str) -> None:
    tables.write_table(frame(spark), table)
    wrong = spark.createDataFrame([("no number",)], "I string")
    for mode in ("append", "overwrite"):
        with pytest.raises(TableError, match="no number"):
            tables.write_table(wrong, table, mode=mode)
    with pytest.raises(TableError, match="no number"):
        tables.write_table(wrong, table, mode="merge", keys=["I"])
    with pytest.raises(Exception, match="on purpose"):
        tables.write_table(
            spark.range(5).selectExpr("id as I", "raise_error('on purpose') as T"), table, mode="overwrite"
        )
    assert found(spark, table) == ROWS


def test_names_between_quotes(spark: Any, session: ConnectorSession) -> None:
    session.execute('CREATE OR REPLACE TABLE "odd; ""T" ("a b" NUMBER(9), "c D" NUMBER(9), "é ""x" VARCHAR)')
    name = '"odd; ""T"'
    rows = spark.createDataFrame([(1, 2, "x")], ["a b", "c D", 'é "x'])
    assert tables.write_table(rows, name) == 1
    assert tables.write_table(rows, name, mode="overwrite_partition", partition_by=['é "x']) == 1
    read = tables.read_table(spark, name, columns=['"c D"', '"é ""x"'])
    assert [tuple(row) for row in read.collect()] == [(2, "x")]
    session.execute('CREATE OR REPLACE TABLE ODD_COLUMNS ("a b" NUMBER(9), "c D" NUMBER(9), "é ""x" VARCHAR)')
    for number in (2, 3):
        changed = spark.createDataFrame([(1, number, "x")], rows.columns)
        assert tables.write_table(changed, "ODD_COLUMNS", mode="merge", keys=["a b"]) == 1
    assert [tuple(row.values()) for row in session.execute("SELECT * FROM ODD_COLUMNS")] == [(1, 3, "x")]


def test_structures_become_json_documents(spark: Any, table: str, session: ConnectorSession) -> None:
    rows = spark.sql(
        "SELECT 1 AS I, named_struct('x', 1, 'y', cast(null as int)) AS O, array(1, 2) AS A, map('k', 'v') AS V"
    )
    tables.write_table(rows, table)
    ((read),) = tables.read_table(spark, table, columns=["O", "A", "V"]).collect()
    assert [json.loads(each) for each in read] == [{"x": 1, "y": None}, [1, 2], {"k": "v"}]
    assert session.execute(f"SELECT O:x::INT AS X, A[1]::INT AS SECOND, V:k::VARCHAR AS K FROM {table}") == [
        {"x": 1, "second": 2, "k": "v"}
    ]


def test_drift_is_told_before_anything_is_moved(spark: Any, table: str, session: ConnectorSession) -> None:
    with pytest.raises(TableError, match=r'ALTER TABLE ROUND_TRIP ADD COLUMN "NEW" NUMBER\(38, 0\)'):
        tables.write_table(spark.sql("SELECT 1 AS I, raise_error('not to be run') AS T, 2 AS NEW"), table)
    with pytest.raises(TableError, match=r"column DAY .* cast\(DAY as date\)"):
        tables.write_table(spark.sql("SELECT current_timestamp() AS DAY"), table)
    with pytest.raises(
        TableError, match=r"ROUND_TRIP2 is not there, or the role \w+ may not .* GRANT SELECT, INSERT ON TABLE"
    ):
        tables.write_table(pairs(spark, (1, "x")), "ROUND_TRIP2")
    with pytest.raises(TableError, match=r"GRANT SELECT ON TABLE NOWHERE TO ROLE \w+"):
        tables.read_table(spark, "NOWHERE")
    assert in_table(session, table) == []
