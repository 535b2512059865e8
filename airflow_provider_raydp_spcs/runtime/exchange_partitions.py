"""A DataFrame's rows, kept by Spark's executors as Arrow, on their way into Ray.

RayDP prepares them: computed once, cached as Arrow batches, to be asked for by partition from the actors in which the
executors run. Its tasks that ask stay unused: they need CPUs to tell the sizes, which Spark may have taken all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import DataFrame
    from ray.data import Dataset


class Partitions:
    """The rows of a DataFrame, computed and cached."""

    def __init__(self, frame: DataFrame) -> None:
        from pyspark import StorageLevel
        from pyspark.sql.pandas.types import to_arrow_schema

        self._context: SparkContext = frame.sparkSession.sparkContext
        self._jvm: Any = self._context._jvm
        self._schema = to_arrow_schema(frame.schema)
        self._writer = self._jvm.org.apache.spark.sql.raydp.ObjectStoreWriter
        self._have_agent()
        level = self._context._getJavaStorageLevel(StorageLevel.MEMORY_AND_DISK)
        self._info = self._writer.prepareRecoverableRDD(frame._jdf, level)

    def _have_agent(self) -> None:
        """Executors ask an agent in the driver to cache a partition again that was lost; RayDP's own start makes one."""
        if not self._writer.driverAgentUrl():
            agent = self._jvm.org.apache.spark.deploy.raydp.RayDPDriverAgent()
            getattr(self._writer, "driverAgent_$eq")(agent)
            getattr(self._writer, "driverAgentUrl_$eq")(agent.getDriverAgentEndpointUrl())

    def __len__(self) -> int:
        return int(self._info.numPartitions())

    def is_larger_than(self, limit: int) -> bool:
        """Whether the cached batches have more bytes."""
        master = self._context._jsc.sc().env().blockManager().master()
        size = 0
        for partition in range(len(self)):
            block = self._jvm.org.apache.spark.storage.RDDBlockId(self._info.rddId(), partition)
            states = master.getBlockStatus(block, False).values().toSeq()
            size += max(
                (states.apply(i).memSize() + states.apply(i).diskSize() for i in range(states.size())), default=0
            )
            if size > limit:
                return True
        return False

    def collected(self) -> pa.Table:
        """All rows in this process."""
        from pyspark.rdd import _load_from_socket
        from pyspark.serializers import NoOpSerializer

        cached = self._context._jsc.getPersistentRDDs()[self._info.rddId()]
        batches = _load_from_socket(self._jvm.PythonRDD.collectAndServe(cached.rdd()), NoOpSerializer())
        return pa.Table.from_batches(
            [pa.ipc.read_record_batch(pa.py_buffer(batch), self._schema) for batch in batches], self._schema
        )

    def release(self) -> None:
        """Have Spark forget the cached batches."""
        self._writer.releaseRecoverableRDD(self._info.rddId())

    def dataset(self) -> Dataset:
        """All rows as a Dataset, one block for each partition, fetched by tasks; when this returns, Ray has them.

        After the loss of a node Ray fetches its blocks again, from Spark's cache, while the session lasts.
        """
        fetch = ray.remote(num_cpus=0, max_retries=-1, num_returns=2)(_fetch)
        locations = list(self._info.locations())
        rdd, schema, agent = self._info.rddId(), self._info.schemaJson(), self._info.driverAgentUrl()
        pairs = [
            fetch.remote(f"raydp-executor-{executor}", rdd, partition, schema, agent, self._schema)
            for partition, executor in enumerate(locations)
        ]
        return _dataset([table for table, _ in pairs], ray.get([metadata for _, metadata in pairs])).materialize()


def _fetch(executor: str, rdd: int, partition: int, schema_json: str, agent: str, schema: pa.Schema) -> Iterator[Any]:
    """Runs in a Ray task: a partition, then what Ray Data wants to know of it."""
    from ray._private.worker import global_worker
    from ray.data.block import BlockMetadataWithSchema

    # Ray lets Python call Java's actors only so; tasks that come to this worker later must find it as it was.
    before = global_worker.load_code_from_local
    global_worker.set_load_code_from_local(True)
    try:
        actor = ray.get_actor(executor)
        stream = ray.get(actor.getRDDPartition.remote(rdd, partition, schema_json, agent))
    finally:
        global_worker.set_load_code_from_local(before)
    table = pa.ipc.open_stream(stream).read_all().cast(schema)
    yield table
    yield BlockMetadataWithSchema.from_block(table)


def _dataset(tables: Sequence[ray.ObjectRef], metadata: Sequence[Any]) -> Dataset:
    """``ray.data.from_arrow_refs`` without its tasks, which need CPUs, only to learn what is known here."""
    try:
        from ray.data import DataContext, MaterializedDataset
        from ray.data._internal.logical.interfaces import LogicalPlan
        from ray.data._internal.logical.operators import FromArrow
        from ray.data._internal.stats import DatasetStats

        context = DataContext.get_current().copy()
        plan = LogicalPlan(FromArrow(list(tables), list(metadata)), context)
        return MaterializedDataset(plan, context, DatasetStats(metadata={"FromArrow": list(metadata)}, parent=None))
    except (ImportError, TypeError):  # another Ray, whose insides are others
        return ray.data.from_arrow_refs(list(tables))
