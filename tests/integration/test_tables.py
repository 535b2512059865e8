"""Snowflake tables in and out of a real Spark (without a cluster), against the local Snowflake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.node.java import find_java
from airflow_provider_raydp_spcs.runtime import tables

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
ROWS = [
    (
        1,
        Decimal("12.34"),
        0.5,
        "it's; $$ 漢",
        dt.date(2013, 1, 1),
        dt.datetime.fromisoformat("2013-01-01T12:30:00"),
        True,
    ),
    (2, Decimal("-0.01"), -1e300, "", dt.date(1969, 12, 31), dt.datetime.fromisoformat("1969-12-31T23:59:59"), False),
    (3, None, None, None, None, None, None),
]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_HOME", str(find_java()))
        made = SparkSession.builder.master("local[2]").config("spark.sql.session.timeZone", "UTC")
        session = made.config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "2").getOrCreate()
        yield session
        session.stop()


@pytest.fixture(autouse=True)
def as_the_user(local_snowflake: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a service there is no token; everything else is as inside."""
    monkeypatch.setattr(tables, "connection", lambda **more: connect(local_snowflake, **more))


@pytest.fixture
def table(local_snowflake: dict[str, str]) -> str:
    with connect(local_snowflake) as connection:
        connection.cursor().execute(
            "CREATE OR REPLACE TABLE ROUND_TRIP (I NUMBER(9), D NUMBER(10, 2), F FLOAT, T VARCHAR, DAY DATE, MOMENT TIMESTAMP_NTZ, B BOOLEAN)"
        )
    return "ROUND_TRIP"


def found(spark: Any, table: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in tables.read_table(spark, table).orderBy("I").collect()]


def frame(spark: Any, rows: list[tuple[Any, ...]] = ROWS) -> Any:
    return spark.createDataFrame(
        rows, "I long, D decimal(10,2), F double, T string, DAY date, MOMENT timestamp_ntz, B boolean"
    )


def test_values_come_back_as_they_went(spark: Any, table: str) -> None:
    assert tables.write_table(frame(spark), table) == 3
    assert found(spark, table) == ROWS
    assert tables.read_table(spark, table).schema.simpleString() == (
        "struct<I:bigint,D:decimal(10,2),F:double,T:string,DAY:date,MOMENT:timestamp_ntz,B:boolean>"
    )


def test_columns_conditions_and_empty_results(spark: Any, table: str) -> None:
    tables.write_table(frame(spark), table)
    read = tables.read_table(spark, table, columns=["t", "i"], where="DAY = %s", params=["2013-01-01"])
    assert [tuple(row) for row in read.collect()] == [("it's; $$ 漢", 1)]
    empty = tables.read_table(spark, table, where="I > %s", params=[100])
    assert empty.count() == 0
    assert len(empty.columns) == 7


def test_modes(spark: Any, table: str) -> None:
    for _ in range(2):  # a rerun gives the same rows
        tables.write_table(frame(spark), table, mode="overwrite")
        assert found(spark, table) == ROWS
    for _ in range(2):
        tables.write_table(frame(spark, ROWS[:1]), table, mode="replace_where", where="I = %s", params=[1])
        assert found(spark, table) == ROWS
    tables.write_table(frame(spark, ROWS[2:]), table, mode="append")
    assert len(found(spark, table)) == 4


def test_a_failing_write_leaves_the_table_as_it_was(spark: Any, table: str, local_snowflake: dict[str, str]) -> None:
    tables.write_table(frame(spark), table)
    wrong = spark.createDataFrame([("no number",)], "I string")
    with pytest.raises(Exception, match="no number"):
        tables.write_table(wrong, table, mode="overwrite")
    assert found(spark, table) == ROWS
    with connect(local_snowflake) as connection:
        stages = [row[1] for row in connection.cursor().execute("SHOW STAGES").fetchall()]
    assert not [stage for stage in stages if stage.startswith("RAYDP_WRITE")]
