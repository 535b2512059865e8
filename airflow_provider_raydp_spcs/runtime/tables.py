"""Snowflake tables in and out of Spark."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.runtime.fetching import ResultParts, connected, execute
from airflow_provider_raydp_spcs.runtime.loading import Mode, Target, write_staged
from airflow_provider_raydp_spcs.runtime.refusals import explained, tasks_explained
from airflow_provider_raydp_spcs.runtime.staging import Staged, stage_frame
from airflow_provider_raydp_spcs.runtime.types import WideNumbers, arrow_schema, spark_schema
from airflow_provider_raydp_spcs.spcs import table_loads

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

SMALL_ROWS: Final = 10_000
"""Up to so many rows come by way of the driver, which is sooner than asking the executors for Python workers."""


def read_table(
    spark: SparkSession,
    name: str,
    *,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    params: Sequence[object] = (),
    wide_numbers: WideNumbers = "long",
) -> DataFrame:
    """A table, or part of it.

    :param name: ``[database.][schema.]table``, each part plain or between double quotes.
    :param columns: plain or between double quotes; all by default.
    :param where: a SQL condition, values as ``%s`` marks; it is SQL, so never build it from foreign text.
    :param params: the values for the marks, bound by the connector.
    :param wide_numbers: what whole numbers of more than 18 digits become; see :func:`read_query`.
    :raises TableError: there is no such table, or it may not be read; see :func:`read_query` too.
    """
    query = table_loads.select(name, columns, where, is_marked=bool(params))
    return _read(spark, query, params, wide_numbers, name)


def read_query(
    spark: SparkSession, query: str, params: Sequence[object] = (), *, wide_numbers: WideNumbers = "long"
) -> DataFrame:
    """The result of a query; types follow Snowflake's column types, also where there are no rows.

    The query runs now, and once, however often the DataFrame is used. Snowflake keeps its result for a day, in parts that
    Spark's executors fetch when they need them; only small results come by way of the driver.

    :param wide_numbers: ``INT`` and ``NUMBER`` without a precision may have 38 digits. ``long`` makes 64-bit integers of
        them, and a greater value fails; ``decimal`` makes ``decimal(38,0)`` and holds all.
    :raises TableError: a column type that has no Spark type, with a cast that helps; or Snowflake refuses the query.
    """
    return _read(spark, query, params, wide_numbers, "the query")


def _read(spark: SparkSession, query: str, params: Sequence[object], wide_numbers: WideNumbers, name: str) -> DataFrame:
    begin = time.monotonic()
    with connected() as snowflake, explained(snowflake, name, ["SELECT"]), snowflake.cursor() as cursor:
        execute(cursor, query, params)
        schema = spark_schema(cursor.description, wide_numbers)
        if not _is_arrow(cursor):  # SHOW and the like
            return spark.createDataFrame(cursor.fetchall(), schema, verifySchema=False)
        parts = ResultParts.of(cursor, arrow_schema(cursor.description, wide_numbers))
    seconds = time.monotonic() - begin
    print(f"{name}: {parts.rows:,} rows in {len(parts.batches)} parts; query {parts.key}, {seconds:.1f} s", flush=True)  # noqa: T201
    return small_frame(spark, parts, schema) if parts.rows <= SMALL_ROWS else large_frame(spark, parts, schema)


def _is_arrow(cursor: object) -> bool:
    from snowflake.connector.result_batch import ArrowResultBatch

    batches = getattr(cursor, "get_result_batches")() or ()  # noqa: B009
    return all(isinstance(batch, ArrowResultBatch) for batch in batches)


def small_frame(spark: SparkSession, parts: ResultParts, schema: StructType) -> DataFrame:
    """The rows by way of the driver."""
    rows: list[tuple[object, ...]] = []
    for number in range(len(parts.batches)):
        table = parts.fetch(number)
        rows += zip(*(column.to_pylist() for column in table.columns), strict=True)
    return spark.createDataFrame(rows, schema, verifySchema=False)


def large_frame(spark: SparkSession, parts: ResultParts, schema: StructType) -> DataFrame:
    """The rows by way of the executors: a task for each part."""
    count = len(parts.batches)
    return spark.range(0, count, 1, count).mapInArrow(parts, schema)


def write_table(
    frame: DataFrame,
    name: str,
    *,
    mode: Mode = "append",
    where: str | None = None,
    params: Sequence[object] = (),
    partition_by: Sequence[str] = (),
    keys: Sequence[str] = (),
    run: str | None = None,
) -> int:
    """Write a DataFrame into an existing table in one transaction; answer the number of rows.

    Columns are matched by name, and where no name is the same, in any case. Each executor puts its rows on a stage; when
    all are there, one transaction deletes or replaces rows as ``mode`` says and loads the files of those tasks that Spark
    counted, each once. A failure at any point leaves the table as it was, and either way the stage is dropped.
    Texts become what a VARIANT, OBJECT or ARRAY column holds by PARSE_JSON; structures, arrays and maps become JSON.

    :param mode: ``append``; ``overwrite`` replaces all rows; ``replace_where`` replaces those that ``where`` names;
        ``overwrite_partition`` those with the same values in ``partition_by`` as a row of the data; ``merge`` those with the
        same ``keys`` as a row of the data, and adds the others.
    :param where: condition of ``replace_where``, values as ``%s`` marks.
    :param partition_by: columns of ``overwrite_partition``.
    :param keys: columns of ``merge``; together they are another in each row of the data.
    :param run: a name for what is written, such as the day; where a write of the same name to this table has been committed,
        nothing is written again. So an ``append`` may be repeated after a failure. The notes are in the table RAYDP_WRITES.
    :raises TableError: table and data do not fit, with the change that helps; it is not there, or may not be written, with
        the GRANT; ``mode`` and the other parameters do not fit; a disk is full; Snowflake refuses the rows.
    """
    target = Target(name, mode, where, params, partition_by, keys, run)
    twice = {column for column in frame.columns if frame.columns.count(column) > 1}
    if twice:
        msg = f"the data has more than one column {min(twice)}; rename or drop one"
        raise TableError(msg)

    def fill(stage: str) -> Staged:
        with tasks_explained(target.name):
            return stage_frame(frame, stage)

    return write_staged(target, {field.name: field.dataType.simpleString() for field in frame.schema}, fill)
