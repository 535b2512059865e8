"""Snowflake tables in and out of Spark."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from airflow_provider_raydp_spcs.runtime.connecting import connection
from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.runtime.types import spark_schema
from airflow_provider_raydp_spcs.spcs import sql

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession
    from snowflake.connector import SnowflakeConnection

Mode = Literal["append", "overwrite", "replace_where"]


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
    chosen = ", ".join(sql.identifier(column, "column") for column in columns) if columns else "*"
    condition = f" WHERE {where}" if where else ""
    return read_query(spark, f"SELECT {chosen} FROM {sql.qualified(name, 'table')}{condition}", params)  # noqa: S608


def read_query(spark: SparkSession, query: str, params: Sequence[object] = ()) -> DataFrame:
    """The result of a query; types follow Snowflake's column types, also where there are no rows.

    The rows pass through the driver; meant for results of up to some hundred thousand rows.

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
    table = sql.qualified(name, "table")
    if (mode == "replace_where") != bool(where):
        msg = f"mode {mode!r} and where={where!r} do not fit: 'where' goes with mode='replace_where', and only with it"
        raise TableError(msg)
    for column in frame.columns:
        sql.identifier(column, "column")
    rows = frame.collect()
    with connection(autocommit=False) as snowflake, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{uuid.uuid4().hex}.parquet"
        _write_parquet(file, frame, rows)
        _replace(snowflake, table, file, delete=_delete(table, mode, where), params=params)
    return len(rows)


def _delete(table: str, mode: Mode, where: str | None) -> str | None:
    if mode == "append":
        return None
    return f"DELETE FROM {table}" + (f" WHERE {where}" if where else "")  # noqa: S608 - validated name, caller's SQL


def _replace(
    snowflake: SnowflakeConnection,
    table: str,
    file: Path,
    *,
    delete: str | None,
    params: Sequence[object],
) -> None:
    stage = f"RAYDP_WRITE_{file.stem.upper()}"
    with snowflake.cursor() as cursor:
        # DDL commits by itself, so the stage is made and filled before the transaction begins.
        cursor.execute(f"CREATE TEMPORARY STAGE {stage}")
        try:
            cursor.execute(f"PUT {sql.literal(f'file://{file}')} @{stage} AUTO_COMPRESS = FALSE")
            cursor.execute("BEGIN")
            try:
                if delete:
                    cursor.execute(delete, tuple(params) or None)
                cursor.execute(
                    f"COPY INTO {table} FROM @{stage}/{file.name} FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE) "
                    "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
                )
                cursor.execute("COMMIT")
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
        finally:
            cursor.execute(f"DROP STAGE IF EXISTS {stage}")


def _write_parquet(file: Path, frame: DataFrame, rows: Sequence[Row]) -> None:
    """The rows as one file with Spark's own types."""
    import pyarrow as pa
    import pyarrow.parquet as parquet
    from pyspark.sql.pandas.types import to_arrow_schema

    schema = to_arrow_schema(frame.schema)
    columns = [pa.array([row[index] for row in rows], field.type) for index, field in enumerate(schema)]
    parquet.write_table(pa.Table.from_arrays(columns, schema=schema), file)
