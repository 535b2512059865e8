"""A DataFrame's rows, kept by Spark's executors as Arrow, on their way into Ray.

RayDP prepares them: computed once, cached as Arrow batches, to be asked for by partition from the actors in which the
executors run. Its tasks that ask stay unused: they need CPUs to tell the sizes, which Spark may have taken all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray

from airflow_provider_raydp_spcs.runtime import held
from airflow_provider_raydp_spcs.runtime.exchange_few import limit_told
from airflow_provider_raydp_spcs.runtime.exchange_streams import in_turn
from airflow_provider_raydp_spcs.runtime.executors import await_executor

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
        await_executor(frame.sparkSession)  # RayDP gives each partition to one of those that are there
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

    @cached_property
    def _cached(self) -> list[tuple[int, str]]:
        """Bytes of each partition's batches, and the address of the executor that has them."""
        master = self._context._jsc.sc().env().blockManager().master()
        found = []
        for partition in range(len(self)):
            block = self._jvm.org.apache.spark.storage.RDDBlockId(self._info.rddId(), partition)
            states = master.getBlockStatus(block, False).toSeq()
            state = states.apply(0) if states.size() else None
            size = state._2().memSize() + state._2().diskSize() if state else 0
            found.append((size, str(state._1().host()) if state else ""))
        return found

    @property
    def size(self) -> int:
        """Bytes of all cached batches."""
        return sum(size for size, _ in self._cached)

    def collected(self) -> pa.Table:
        """All rows in this process.

        :raises ResultTooLargeError: they are more than Spark lets in; what is cached may be packed.
        """
        from pyspark.rdd import _load_from_socket
        from pyspark.serializers import NoOpSerializer

        cached = self._context._jsc.getPersistentRDDs()[self._info.rddId()]
        with limit_told():
            served = self._jvm.PythonRDD.collectAndServe(cached.rdd())
        batches = _load_from_socket(served, NoOpSerializer())
        return pa.Table.from_batches(
            [pa.ipc.read_record_batch(pa.py_buffer(batch), self._schema) for batch in batches], self._schema
        )

    def release(self) -> None:
        """Have Spark forget the cached batches."""
        self._writer.releaseRecoverableRDD(self._info.rddId())

    def dataset(self) -> Dataset:
        """All rows as a Dataset, one block for each partition, fetched by tasks; when this returns, Ray has them.

        After the loss of a node Ray fetches its blocks again, from Spark's cache, while the session lasts and anything is left
        that was derived from the Dataset.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        fetch = ray.remote(num_cpus=0, max_retries=-1, num_returns=2)(_fetch)
        nodes = {node["NodeManagerAddress"]: node["NodeID"] for node in ray.nodes() if node["Alive"]}
        rdd, schema, agent = self._info.rddId(), self._info.schemaJson(), self._info.driverAgentUrl()
        starts = []
        for partition, executor in enumerate(self._info.locations()):
            # Beside the executor: Ray would run what needs no CPU here, and all rows would come through the driver's node.
            node = nodes.get(self._cached[partition][1])
            task = fetch.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True)) if node else fetch
            name = f"raydp-executor-{executor}"
            starts.append(partial(task.remote, name, rdd, partition, schema, agent, self._schema))
        pairs = list(in_turn(starts))
        made = _dataset([table for table, _ in pairs], ray.get([metadata for _, metadata in pairs])).materialize()
        held.release_after(made._logical_plan.dag, self.release)
        return made


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
        from ray.data import DataContext
        from ray.data._internal.logical.interfaces import LogicalPlan
        from ray.data._internal.logical.operators import FromArrow
        from ray.data._internal.stats import DatasetStats
        from ray.data.dataset import MaterializedDataset

        context = DataContext.get_current().copy()
        plan = LogicalPlan(FromArrow(list(tables), list(metadata)), context)
        return MaterializedDataset(plan, context, DatasetStats(metadata={"FromArrow": list(metadata)}, parent=None))
    except (ImportError, TypeError):  # another Ray, whose insides are others
        return ray.data.from_arrow_refs(list(tables))
