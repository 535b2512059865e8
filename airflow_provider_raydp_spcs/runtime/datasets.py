"""Snowflake tables in and out of Ray Datasets, by Ray tasks side by side: for more rows than a driver holds.

Ray's own ``read_snowflake`` and ``write_snowflake`` are not used: they hand one token to all tasks, which ends while they
run, and insert block by block, so that a failure leaves half a table.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as parquet
import ray
from ray.data import Datasink
from ray.data.block import BlockAccessor

from airflow_provider_raydp_spcs.runtime.connecting import connection
from airflow_provider_raydp_spcs.runtime.loading import Mode, Target, load, stage_of_its_own
from airflow_provider_raydp_spcs.runtime.tables import selection
from airflow_provider_raydp_spcs.runtime.types import arrow_schema
from airflow_provider_raydp_spcs.spcs import sql
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from airflow_provider_raydp_spcs.spcs.stages import Stages

if TYPE_CHECKING:
    from snowflake.connector.result_batch import ResultBatch


def read_dataset(
    name: str,
    *,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    params: Sequence[object] = (),
) -> ray.data.Dataset:
    """A table, or part of it, as a Ray Dataset.

    Snowflake hands a large result out in batches; a Ray task fetches each, so that no row passes through the driver. The
    rows then lie in the cluster's object store. ``.to_spark(spark)`` makes a DataFrame of them. The tasks need CPUs, and a
    Spark session may have taken them all; so read first and start the session afterwards.

    :param name: ``[database.][schema.]table``, plain identifiers.
    :param columns: plain identifiers; all by default.
    :param where: a SQL condition, values as ``%s`` marks; it is SQL, so never build it from foreign text.
    :param params: the values for the marks, bound by the connector.
    :raises TableError: a column type that has no Spark type, with a cast that helps.
    """
    query = selection(name, columns, where)
    # Batches are Arrow only if the session asks for it, and have decimals only if the connection does.
    arrow = {"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "ARROW"}
    with (
        connection(arrow_number_to_decimal=True, session_parameters=arrow) as snowflake,
        snowflake.cursor() as cursor,
    ):
        cursor.execute(query, tuple(params) or None)
        schema = arrow_schema(cursor.description)
        fetch = ray.remote(fetch_batch)
        tables = [fetch.remote(batch, schema) for batch in cursor.get_result_batches() or ()]
        return ray.data.from_arrow_refs(tables)


def fetch_batch(batch: ResultBatch, schema: pa.Schema) -> pa.Table:
    """The rows of a batch.

    :param schema: that of the whole result; a batch by itself has whole numbers as narrow as its own values allow.
    """
    table = batch.to_arrow(force_microsecond_precision=True)
    return table.rename_columns(schema.names).cast(schema)


def write_dataset(
    dataset: ray.data.Dataset,
    name: str,
    *,
    mode: Mode = "append",
    where: str | None = None,
    params: Sequence[object] = (),
) -> int:
    """Write a Ray Dataset into an existing table in one transaction; answer the number of rows.

    The tasks that make the dataset's blocks put them on a stage, as one Parquet file each; a task that runs again writes the
    same file again. When all are there, one transaction deletes rows as ``mode`` says and copies the files in. A failure at
    any point leaves the table as it was, and either way the stage is dropped. Columns are matched by name, in any case. A
    DataFrame is written with ``write_dataset(raydp.spark.from_spark_recoverable(frame), …)``.

    :param name: ``[database.][schema.]table``, plain identifiers.
    :param mode: ``append``; ``overwrite`` replaces all rows; ``replace_where`` replaces those that ``where`` names.
    :param where: condition of ``replace_where``, values as ``%s`` marks.
    :param params: the values for the marks, bound by the connector.
    :raises TableError: ``mode`` and ``where`` do not fit together, or Snowflake loaded another number of rows.
    """
    target = Target(name, mode, where, params)
    # Tasks have sessions of their own, to which a temporary stage would not exist.
    with connection(autocommit=False) as snowflake, stage_of_its_own(snowflake, temporary=False) as stage:
        sink = _StageSink(stage)
        dataset.write_datasink(sink)
        load(snowflake, target, stage, sink.rows)
    return sink.rows


class _StageSink(Datasink):  # type: ignore[misc]
    """Puts what each task writes on a stage, as one file.

    :ivar rows: how many there are, once all are there.
    """

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self.rows = 0

    def write(self, blocks: Iterable[Any], ctx: Any) -> int:
        """Runs in a Ray task."""
        tables = [BlockAccessor.for_block(block).to_arrow() for block in blocks]
        rows: int = sum(table.num_rows for table in tables)
        if rows:
            with tempfile.TemporaryDirectory() as folder, connection() as snowflake:
                file = Path(folder) / f"{ctx.task_idx:06}.parquet"
                write_parquet(file, tables)
                Stages(ConnectorSession(snowflake)).put(file, self._stage)
        return rows

    def on_write_complete(self, write_result: Any) -> None:
        """Runs in the driver."""
        # They come through a pandas column, which makes them numbers of numpy's.
        self.rows = int(sum(write_result.write_returns))


def write_parquet(file: Path, tables: Sequence[pa.Table]) -> None:
    """Tables with the same columns as one file.

    :raises InvalidIdentifierError: a column's name is no plain identifier.
    """
    whole = pa.concat_tables(tables, promote_options="default")
    for column in whole.column_names:
        sql.identifier(column, "column")
    parquet.write_table(whole, file)
