"""Rows in Ray, or in this process, as Arrow streams in Ray's object store that Spark's executors can read."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pyarrow as pa
import ray

from airflow_provider_raydp_spcs.runtime.errors import ExchangeError
from airflow_provider_raydp_spcs.runtime.exchange_types import conformed, surely_conforms, to_spark_form

STREAM_BYTES: Final = 32 * 1024**2
"""Of one Spark partition. An executor holds a whole one in its heap while it reads it."""
MIN_STREAM_BYTES: Final = 1024**2
"""Less in a partition costs more in scheduling than it gains."""


@dataclass(frozen=True)
class Blocks:
    """What is given, in one form.

    :param tables: in this process.
    :param refs: to blocks in Ray.
    :param sizes: of these, in bytes; 0 where unknown.
    """

    tables: Sequence[pa.Table] = ()
    refs: Sequence[ray.ObjectRef] = ()
    sizes: Sequence[int] = ()

    @property
    def size(self) -> int:
        """Bytes of all together."""
        return int(sum(table.nbytes for table in self.tables) + sum(self.sizes))


def blocks_of(data: Any) -> Blocks:
    """What :func:`~airflow_provider_raydp_spcs.runtime.exchange.to_spark` takes; a Dataset is computed.

    :raises ExchangeError: anything else.
    """
    if isinstance(data, pa.Table) or _is_a(data, "pandas", "DataFrame"):
        return Blocks(tables=[as_table(data)])
    if _is_a(data, "ray.data", "Dataset"):
        return _blocks_of_dataset(data)
    if isinstance(data, Sequence) and data and not isinstance(data, str | bytes):
        if all(isinstance(each, pa.Table) for each in data):
            return Blocks(tables=data)
        if all(isinstance(each, ray.ObjectRef) for each in data):
            return Blocks(refs=data, sizes=_sizes(data))
    msg = (
        f"to_spark was given {type(data).__name__}; it takes a Ray Dataset, an Arrow table, a pandas DataFrame, or a list of "
        "Arrow tables or of Ray's references to them, with one at least"
    )
    raise ExchangeError(msg)


def _is_a(data: object, module: str, name: str) -> bool:
    """Whether it is of a class, without importing its module: who has an instance has imported it."""
    found = getattr(sys.modules.get(module), name, None)
    return found is not None and isinstance(data, found)


def _blocks_of_dataset(dataset: Any) -> Blocks:
    there = dataset.materialize()
    entries = [entry for bundle in there.iter_internal_ref_bundles() for entry in bundle.blocks]
    schema = getattr(there.schema(), "base_schema", None)
    # Of no block at all, Ray still may know the columns.
    tables = [schema.empty_table()] if not entries and isinstance(schema, pa.Schema) else []
    return Blocks(tables, [entry.ref for entry in entries], [entry.metadata.size_bytes or 0 for entry in entries])


def _sizes(refs: Sequence[ray.ObjectRef]) -> list[int]:
    from ray.experimental import get_object_locations

    each = list(dict.fromkeys(refs))
    ray.wait(each, num_returns=len(each), fetch_local=False)  # the size of what is yet to come is unknown
    known = get_object_locations(each)
    return [int(known.get(ref, {}).get("object_size") or 0) for ref in refs]


def as_table(block: Any) -> pa.Table:
    """A block as an Arrow table; Ray has blocks of pandas and of Arrow streams too.

    :raises ExchangeError: it is none of them.
    """
    if isinstance(block, pa.Table):
        return block
    if isinstance(block, bytes):
        return pa.ipc.open_stream(block).read_all()
    if _is_a(block, "pandas", "DataFrame"):
        return pa.Table.from_pandas(block, preserve_index=False).replace_schema_metadata()
    msg = f"a reference leads to {type(block).__name__}; it must be an Arrow table"
    raise ExchangeError(msg)


def common(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """One schema for all blocks, in Spark's form. A block that has only NULLs in a column does not know its type.

    :raises ExchangeError: there is none.
    """
    forms = [to_spark_form(schema) for schema in schemas]
    if not forms:
        return pa.schema([])
    if all(form == forms[0] for form in forms):
        return forms[0]
    try:
        return pa.unify_schemas(forms, promote_options="default")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        msg = f"the blocks do not have the same types: {error}. Give all the same, by a cast before"
        raise ExchangeError(msg) from error


def cut(tables: Sequence[pa.Table], schema: pa.Schema, parts: int, rows_per_batch: int) -> Iterator[bytes]:
    """The rows as about so many streams, if that makes them large enough, or as more where they would be too large.

    :param schema: of :func:`common`.
    """
    filled = [conformed(table, schema) for table in tables if table.num_rows]
    if filled and len(schema):  # of tables without a column, one alone would not know its number of rows
        filled = [pa.concat_tables(filled)]
    for table in filled:
        target = min(STREAM_BYTES, max(MIN_STREAM_BYTES, -(-table.nbytes // max(1, parts))))
        yield from _cut_one(table, schema, max(1, -(-table.nbytes // target)), rows_per_batch)


def _cut_one(table: pa.Table, schema: pa.Schema, parts: int, rows_per_batch: int) -> Iterator[bytes]:
    """As exactly so many streams of about as many rows; some may be empty."""
    rows = -(-table.num_rows // parts)
    for part in range(parts):
        piece = conformed(table.slice(part * rows, rows), schema).combine_chunks()
        sink = io.BytesIO()  # which gives its bytes away without a copy, as Arrow's own does not
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_table(piece, max_chunksize=rows_per_batch)
        yield sink.getvalue()


def cut_by_tasks(blocks: Blocks, rows_per_batch: int) -> tuple[pa.Schema, list[ray.ObjectRef]]:
    """The same by tasks, each where its block is. They need no CPU: Spark may have taken them all.

    Streams may be read while others are yet to be made. All are there when this returns only where values may be such that
    Spark has no place for them.

    :raises ExchangeError: told here, by the column's name, and not by a query of Spark's some time later.
    """
    refs = [*blocks.refs, *(ray.put(table) for table in blocks.tables)]
    sizes = [*blocks.sizes, *(table.nbytes for table in blocks.tables)]
    ask = ray.remote(num_cpus=0, max_retries=-1)(_schema)
    make = ray.remote(num_cpus=0, max_retries=-1)(_streams_of_block)
    schemas = got([last for (last,) in in_turn([partial(_only, ask, ref) for ref in refs])])
    schema = common(schemas)
    made: list[list[ray.ObjectRef]] = []
    limit = _tasks_at_a_time()
    for ref, size in zip(refs, sizes, strict=True):
        parts = max(1, -(-size // STREAM_BYTES))
        # Its turn comes in Ray, and not here as with in_turn: Spark can begin to read.
        turn = made[-limit][-1] if len(made) >= limit else None
        made.append(make.options(num_returns=parts + 1).remote(ref, schema, parts, rows_per_batch, turn))
    if not all(surely_conforms(each, schema) for each in schemas):
        got([end for *_, end in made])
    return schema, [stream for *streams, _ in made for stream in streams]


def _only(task: Any, block: ray.ObjectRef) -> list[ray.ObjectRef]:
    return [task.remote(block)]


def in_turn(starts: Sequence[Callable[[], list[ray.ObjectRef]]]) -> Iterator[list[ray.ObjectRef]]:
    """Start tasks that need no CPU, each when one before it is done and it is its turn.

    :param starts: each starts a task and answers its references, of which the last is there when the task is done.
    """
    limit = _tasks_at_a_time()
    running: list[ray.ObjectRef] = []
    for start in starts:
        if len(running) >= limit:
            _, running = ray.wait(running, num_returns=1, fetch_local=False)
        refs = start()
        running.append(refs[-1])
        yield refs


def _tasks_at_a_time() -> int:
    """Of those that need no CPU; Ray itself would start them all at once.

    Half as many as the cluster has CPUs: Spark works beside them, and Ray ends idle workers where a node has more of them and of
    actors than CPUs, so that the next exchange would wait for new ones to start.
    """
    return max(2, int(ray.cluster_resources().get("CPU", 0)) // 2)


def got(refs: list[ray.ObjectRef]) -> list[Any]:
    """What tasks return, or an error of this package as it was raised."""
    try:
        return list(ray.get(refs))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ExchangeError):
            raise error.cause from None
        raise


def _schema(block: Any) -> pa.Schema:
    """Runs in a Ray task."""
    return as_table(block).schema


def _streams_of_block(block: Any, schema: pa.Schema, parts: int, rows_per_batch: int, turn: None) -> Iterator[Any]:
    """Runs in a Ray task; after the streams comes None, which tells that all went well.

    :param turn: of another task, without which this one does not begin.
    """
    del turn
    yield from _cut_one(as_table(block), schema, parts, rows_per_batch)
    yield None
