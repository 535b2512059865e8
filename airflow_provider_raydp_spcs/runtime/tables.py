"""Snowflake tables in and out of Spark."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_raydp_spcs.runtime.connecting import connection
from airflow_provider_raydp_spcs.runtime.loading import Mode, Target, load, stage_of_its_own
from airflow_provider_raydp_spcs.runtime.types import spark_schema
from airflow_provider_raydp_spcs.spcs import sql
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from airflow_provider_raydp_spcs.spcs.stages import Stages

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession


def read_table(
    spark: SparkSession,
    name: str,
    *,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    params: Sequence[object] = (),
) -> DataFrame:
    """A table, or part of it.

    :param name: ``[database.][schema.]table``, plain identifiers.
    :param columns: plain identifiers; all by default.
    :param where: a SQL condition, values as ``%s`` marks; it is SQL, so never build it from foreign text.
    :param params: the values for the marks, bound by the connector.
    """
    return read_query(spark, selection(name, columns, where), params)


def selection(name: str, columns: Sequence[str] | None, where: str | None) -> str:
    """The query for a table, or part of it; see :func:`read_table`."""
    chosen = ", ".join(sql.identifier(column, "column") for column in columns) if columns else "*"
    condition = f" WHERE {where}" if where else ""
    return f"SELECT {chosen} FROM {sql.qualified(name, 'table')}{condition}"  # noqa: S608 - validated names, caller's SQL


def read_query(spark: SparkSession, query: str, params: Sequence[object] = ()) -> DataFrame:
    """The result of a query; types follow Snowflake's column types, also where there are no rows.

    The rows pass through the driver; meant for results of up to some hundred thousand rows. For more, see
    :func:`~airflow_provider_raydp_spcs.runtime.datasets.read_dataset`.

    :raises TableError: a column type that has no Spark type, with a cast that helps.
    """
    with connection() as snowflake, snowflake.cursor() as cursor:
        cursor.execute(query, tuple(params) or None)
        schema = spark_schema(cursor.description)
        return spark.createDataFrame(cursor.fetchall(), schema, verifySchema=False)


def write_table(
    frame: DataFrame,
    name: str,
    *,
    mode: Mode = "append",
    where: str | None = None,
    params: Sequence[object] = (),
) -> int:
    """Write a DataFrame into an existing table in one transaction; answer the number of rows.

    Columns are matched by name, in any case. The rows are staged as one file first; then, in one transaction, rows of
    the table are deleted as ``mode`` says and the file is copied in. A failure at any point leaves the table as it was.

    :param mode: ``append``; ``overwrite`` replaces all rows; ``replace_where`` replaces those that ``where`` names.
    :param where: condition of ``replace_where``, values as ``%s`` marks.
    :raises TableError: ``mode`` and ``where`` do not fit together.
    """
    target = Target(name, mode, where, params)
    for column in frame.columns:
        sql.identifier(column, "column")
    rows = frame.collect()
    with (
        connection(autocommit=False) as snowflake,
        tempfile.TemporaryDirectory() as folder,
        stage_of_its_own(snowflake, temporary=True) as stage,
    ):
        file = Path(folder) / "rows.parquet"
        _write_parquet(file, frame, rows)
        Stages(ConnectorSession(snowflake)).put(file, stage)
        load(snowflake, target, stage, len(rows))
    return len(rows)


def _write_parquet(file: Path, frame: DataFrame, rows: Sequence[Row]) -> None:
    """The rows as one file with Spark's own types."""
    import pyarrow as pa
    import pyarrow.parquet as parquet
    from pyspark.sql.pandas.types import to_arrow_schema

    schema = to_arrow_schema(frame.schema)
    columns = [pa.array([row[index] for row in rows], field.type) for index, field in enumerate(schema)]
    parquet.write_table(pa.Table.from_arrays(columns, schema=schema), file)
