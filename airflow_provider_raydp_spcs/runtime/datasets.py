"""Snowflake tables in and out of Ray Datasets, by Ray tasks side by side: for more rows than a driver holds.

Ray's own ``read_snowflake`` and ``write_snowflake`` are not used: they hand one token to all tasks, which ends while they
run, and insert block by block, so that a failure leaves half a table.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import ray
from ray.data import Datasink
from ray.data.block import BlockAccessor

from airflow_provider_raydp_spcs.runtime.connecting import connection
from airflow_provider_raydp_spcs.runtime.fetching import ResultParts, connected, execute
from airflow_provider_raydp_spcs.runtime.loading import Mode, Target, write_staged
from airflow_provider_raydp_spcs.runtime.refusals import explained
from airflow_provider_raydp_spcs.runtime.staging import Staged
from airflow_provider_raydp_spcs.runtime.types import WideNumbers, arrow_names, arrow_schema
from airflow_provider_raydp_spcs.spcs import table_loads
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from airflow_provider_raydp_spcs.spcs.stages import Stages


def read_dataset(
    name: str,
    *,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    params: Sequence[object] = (),
    wide_numbers: WideNumbers = "long",
) -> ray.data.Dataset:
    """A table, or part of it, as a Ray Dataset.

    Snowflake hands a large result out in batches; a Ray task fetches each, so that no row passes through the driver. The
    rows then lie in the cluster's object store. ``.to_spark(spark)`` makes a DataFrame of them, with a partition for each
    batch. The tasks need CPUs, and a Spark session may have taken them all; so read first and start the session afterwards.

    :param name: ``[database.][schema.]table``, each part plain or between double quotes.
    :param columns: plain or between double quotes; all by default.
    :param where: a SQL condition, values as ``%s`` marks; it is SQL, so never build it from foreign text.
    :param params: the values for the marks, bound by the connector.
    :param wide_numbers: what whole numbers of more than 18 digits become: ``long``, where a greater value than 64 bits hold
        fails, or ``decimal``.
    :raises TableError: a column type that has no Spark type, with a cast that helps; or the table may not be read.
    """
    query = table_loads.select(name, columns, where, is_marked=bool(params))
    with connected() as snowflake, explained(snowflake, name, ["SELECT"]), snowflake.cursor() as cursor:
        execute(cursor, query, params)
        schema = arrow_schema(cursor.description, wide_numbers)
        parts = ray.put(found := ResultParts.of(cursor, schema))
        fetch = ray.remote(fetch_part)
        if not found.batches:
            return ray.data.from_arrow(schema.empty_table())
        return ray.data.from_arrow_refs([fetch.remote(parts, number) for number in range(len(found.batches))])


def fetch_part(parts: ResultParts, number: int) -> bytes:
    """The rows of one part of a result as an Arrow stream, which Ray Data takes as a block.

    Bytes, and not a table, so that Spark's executors read them as they are: RayDP sends tables through pandas, where a
    column of whole numbers with a NULL in it becomes one of floats and loses digits.
    """
    table = parts.fetch(number)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def write_dataset(
    dataset: ray.data.Dataset,
    name: str,
    *,
    mode: Mode = "append",
    where: str | None = None,
    params: Sequence[object] = (),
    partition_by: Sequence[str] = (),
    keys: Sequence[str] = (),
    run: str | None = None,
) -> int:
    """Write a Ray Dataset into an existing table in one transaction; answer the number of rows.

    The tasks that make the dataset's blocks put them on a stage, as one Parquet file each; a task that runs again writes the
    same file again. When all are there, one transaction deletes or replaces rows as ``mode`` says and loads the files. A
    failure at any point leaves the table as it was, and either way the stage is dropped. Columns are matched by name, in any
    case.

    The parameters are those of :func:`~airflow_provider_raydp_spcs.runtime.tables.write_table`.

    :raises TableError: table and data do not fit, or Snowflake loaded another number of rows.
    """
    target = Target(name, mode, where, params, partition_by, keys, run)

    def fill(stage: str) -> Staged:
        sink = _StageSink(stage)
        dataset.write_datasink(sink)
        return sink.staged

    # What columns there are, only the tasks know that make them.
    return write_staged(target, None, fill)


class _StageSink(Datasink):  # type: ignore[misc]
    """Puts what each task writes on a stage, as one file.

    :ivar staged: what there is, once all is there.
    """

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self.staged = Staged([], 0, 0)

    def write(self, blocks: Iterable[Any], ctx: Any) -> Staged:
        """Runs in a Ray task."""
        tables = [BlockAccessor.for_block(block).to_arrow() for block in blocks]
        if not any(table.num_rows for table in tables):
            return Staged([], 0, 0)
        with tempfile.TemporaryDirectory() as folder, connection() as snowflake:
            file = Path(folder) / f"{ctx.task_idx:06}.parquet"
            whole = write_parquet(file, tables)
            Stages(ConnectorSession(snowflake)).put(file, self._stage)
            return Staged([file.name], whole.num_rows, file.stat().st_size, arrow_names(whole.schema))

    def on_write_complete(self, write_result: Any) -> None:
        """Runs in the driver."""
        for part in write_result.write_returns:
            # A column without a value in one block may have some in another.
            known = {name: kind for name, kind in self.staged.columns.items() if kind != "void"}
            columns = {**self.staged.columns, **part.columns, **known}
            self.staged = Staged(
                [*self.staged.files, *part.files],
                self.staged.rows + part.rows,
                self.staged.nbytes + part.nbytes,
                columns,
            )


def write_parquet(file: Path, tables: Sequence[pa.Table]) -> pa.Table:
    """Tables with the same columns as one file, lists and structures in them as JSON. Answer what is in it."""
    whole = pa.concat_tables(tables, promote_options="default")
    for index, field in enumerate(whole.schema):
        if pa.types.is_nested(field.type):
            texts = [
                None if value is None else json.dumps(value, default=str)
                for value in whole[index].to_pylist(maps_as_pydicts="strict")
            ]
            whole = whole.set_column(index, field.name, pa.array(texts, pa.string()))
    parquet.write_table(whole, file)
    return whole
