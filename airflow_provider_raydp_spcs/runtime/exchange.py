"""Rows from Ray to Spark and back: the same as by RayDP, sooner.

RayDP's ``Dataset.to_spark`` starts Python workers in Spark's executors, each of which connects to Ray, and
``from_spark_recoverable`` starts Ray tasks even for a handful of rows. Here the executors' JVMs read Arrow streams out of
Ray's object store themselves, by RayDP's own reader; and what is small goes through the driver.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import ray

from airflow_provider_raydp_spcs.runtime import held
from airflow_provider_raydp_spcs.runtime.exchange_few import ResultTooLargeError, collected, estimated_bytes
from airflow_provider_raydp_spcs.runtime.exchange_partitions import Partitions
from airflow_provider_raydp_spcs.runtime.exchange_streams import (
    MIN_STREAM_BYTES,
    as_table,
    blocks_of,
    common,
    cut,
    cut_by_tasks,
)
from airflow_provider_raydp_spcs.runtime.exchange_types import check_for_ray, spark_schema_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pandas import DataFrame as PandasFrame
    from pyspark.sql import DataFrame, SparkSession
    from ray.data import Dataset

SMALL_BYTES: Final = 64 * 1024**2
"""Up to here rows go through the driver, where they are sooner than a Python worker of Ray's has started."""
SURELY_SMALL_BYTES: Final = 8 * 1024**2
"""What Spark estimates to be no more is not cached on its way: even packed ten times as tight as Spark thinks it is small."""
BATCH_ROWS: Final = 10_000
"""Rows that Spark takes out of a stream at once, by its own rule for Arrow."""


def to_spark(
    spark: SparkSession, data: Dataset | pa.Table | PandasFrame | Sequence[pa.Table] | Sequence[ray.ObjectRef]
) -> DataFrame:
    """Rows that Ray or this process has, as a DataFrame.

    Blocks stay where they are: tasks beside them, which need no CPU of their own, make streams of them that Spark's executors
    read. Only what is small passes through the driver. The DataFrame may be read as often as you like while the session
    lasts, also when ``data`` is gone. After the loss of a node Ray makes its streams anew from a Dataset's blocks, where those can
    be made anew; what came out of this process is lost with the node that holds it.

    A timestamp without a zone stays one (``TIMESTAMP_NTZ``); RayDP's own ``to_spark`` takes it for an instant.

    :param data: a Ray Dataset; or an Arrow table or some, or a pandas DataFrame; or references to Arrow tables in Ray.
        A Dataset that is yet to be computed needs CPUs for that, as ever: compute it before the session takes them all.
    :raises ExchangeError: a column of a type that Spark does not have, with a cast that helps; or blocks that do not fit
        together.
    """
    held.let_go()
    blocks = blocks_of(data)
    if blocks.size > SMALL_BYTES:
        schema, streams = cut_by_tasks(blocks, BATCH_ROWS)
    else:
        tables = [*blocks.tables, *map(as_table, ray.get(list(blocks.refs)))]
        schema = common(table.schema for table in tables)
        parts = spark.sparkContext.defaultParallelism
        streams = [ray.put(stream) for stream in cut(tables, schema, parts, BATCH_ROWS)]
    return _read(spark, streams, schema, blocks.size)


def _read(spark: SparkSession, streams: list[ray.ObjectRef], schema: pa.Schema, size: int) -> DataFrame:
    """RayDP's reader over the streams, which are kept for it."""
    from pyspark.sql import DataFrame
    from ray._private.worker import global_worker

    context = spark.sparkContext
    jvm: Any = context._jvm
    identifiers = [stream.binary() for stream in streams]
    owners = [global_worker.core_worker.get_owner_address(stream) for stream in streams]
    reader = jvm.org.apache.spark.rdd.RayDatasetRDD(context._jsc, identifiers, owners)
    frame = jvm.org.apache.spark.sql.raydp.ObjectStoreReader.RayDatasetToDataFrame(
        spark._jsparkSession, reader, spark_schema_of(schema).json()
    )
    held.hold(context, reader, streams, size)
    return DataFrame(frame, spark)


def to_ray(frame: DataFrame) -> Dataset:
    """A DataFrame's rows as a Ray Dataset, computed once and ready when this returns.

    Few rows come through the driver, in one query where Spark's own estimate says that they are few. Many go from the executors to Ray's object store, one block for each of Spark's
    partitions, by tasks that need no CPU. Either way the Dataset outlives the session; while both last, blocks that are lost
    with a node are fetched again from Spark, which keeps them (in memory, else on disk) for that.

    :raises ExchangeError: a column of a type that Ray's datasets do not have, with a cast that helps.
    """
    held.let_go()
    check_for_ray(json.loads(frame._jdf.schema().json()))
    if estimated_bytes(frame) <= SURELY_SMALL_BYTES:
        with suppress(ResultTooLargeError):
            return _dataset(collected(frame), frame.sparkSession.sparkContext.defaultParallelism)
    partitions = Partitions(frame)
    try:
        if partitions.size <= SMALL_BYTES:
            with suppress(ResultTooLargeError):
                made = _dataset(partitions.collected(), len(partitions))
                partitions.release()
                return made
        return partitions.dataset()
    except BaseException:
        with suppress(Exception):  # the application may have ended, and why it is not done is the news
            partitions.release()
        raise


def _dataset(table: pa.Table, parts: int) -> Dataset:
    """Of so many blocks, or fewer where they would be too small."""
    parts = max(1, min(parts, table.nbytes // MIN_STREAM_BYTES))
    rows = -(-table.num_rows // parts)
    blocks = [table.slice(part * rows, rows).combine_chunks() for part in range(parts)]
    return ray.data.from_blocks(blocks).materialize()  # which starts nothing here, and spares its readers a start
