"""A Spark session on the cluster, through RayDP."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.runtime.app_master import app_master_watched
from airflow_provider_raydp_spcs.runtime.errors import RuntimeRoomError
from airflow_provider_raydp_spcs.runtime.executor_deaths import deaths_told
from airflow_provider_raydp_spcs.runtime.executors import executors_awaited
from airflow_provider_raydp_spcs.runtime.jvm_errors import words_kept
from airflow_provider_raydp_spcs.runtime.metrics import is_monitored, metrics_settings, metrics_shown
from airflow_provider_raydp_spcs.runtime.progress import stages_shown
from airflow_provider_raydp_spcs.runtime.quick_start import QuickStart, hindrance
from airflow_provider_raydp_spcs.runtime.raydp_bridge import RaydpBridge
from airflow_provider_raydp_spcs.runtime.sizing import SparkSize, Wish, WorkerNode, size_spark, worker_nodes
from airflow_provider_raydp_spcs.runtime.telling import tell
from airflow_provider_raydp_spcs.runtime.warm.places import is_warm
from airflow_provider_raydp_spcs.runtime.warm.room import make_room

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

START_SECONDS: Final = 600.0
WORKER_SECONDS: Final = 90.0
"""How long the first worker node may take: after a head that was started anew they join it one after the other."""
LOOK_SECONDS: Final = 0.5
_EXECUTOR = "spark.ray.raydp_spark_executor.actor.resource"
_MASTER = "spark.ray.raydp_spark_master.actor.resource"


@contextmanager
def spark_session(
    app_name: str | None = None,
    *,
    executors: int | None = None,
    executor_cores: int | None = None,
    executor_memory_mib: int | None = None,
    share: float = 1.0,
    configs: Mapping[str, str] | None = None,
    start_timeout: float = START_SECONDS,
) -> Iterator[SparkSession]:
    """A Spark session sized from the cluster's real resources; stopped at the end of the block.

    It is there before its executors are: what the block computes first waits for them.

    In a job that was submitted with ``session="warm"`` it is a session of an application that other jobs use, too
    (:mod:`~airflow_provider_raydp_spcs.runtime.warm`), and goes on after the block.

    :param app_name: unique in the cluster; by default from the Ray job, so that jobs side by side do not collide.
    :param executors: how many; by default one on each worker node.
    :param executor_cores: task slots of each.
    :param executor_memory_mib: heap of each in MiB.
    :param share: of each node that this session may take, so that several jobs fit beside each other.
    :param configs: Spark settings that win over those made here; ``spark.executor.instances``, ``.cores`` and ``.memory``
        count as if they were given above.
    :param start_timeout: seconds until the first executor must be there; other sessions may hold the nodes meanwhile.
    :raises SparkSizeError: what is asked for fits on no node, or there is none.
    :raises SparkStartError: no executor came up in time.
    """
    if is_warm(os.environ):
        from airflow_provider_raydp_spcs.runtime.warm.attaching import attached_for

        sizes = (executors, executor_cores, executor_memory_mib, share)
        with attached_for(*sizes, configs or {}, start_timeout) as shared:
            yield shared
        return
    given = dict(configs or {})
    # First of all, for it takes as long as importing Ray.
    start, reason = begin(given)
    try:
        import ray

        if not ray.is_initialized():
            ray.init(address="auto", log_to_driver=False)
        nodes = await_worker(ray.nodes, min(start_timeout, WORKER_SECONDS))
        wish = Wish(executors, executor_cores, executor_memory_mib).or_settings(given)
        size = size_spark(nodes, executors=wish.executors, cores=wish.cores, memory_mib=wish.memory_mib, share=share)
        name = app_name or f"raydp-{ray.get_runtime_context().get_job_id()}"
        settings = {**spark_settings(size), **(metrics_settings() if is_monitored() else {}), **given}
        settings.update(executor_settings(size))  # which Spark's own settings have been asked for already
        tell(f"Spark session: {size}, {settings['spark.sql.shuffle.partitions']} shuffle partitions")
        cpus, workers = size.executors * size.actor_cpus, size.executors * size.actor_worker_resource
        make_room(cpus, workers, ray.available_resources)
        if start is not None:
            try:
                spark, stop = quickly(start, name, settings)
            except Exception as error:
                start.end()
                start, reason = None, f"the quick one failed with {type(error).__name__}: {error}"
        if start is None:
            tell(f"Spark session: started RayDP's own way, which takes longer: {reason}")
            spark, stop = by_raydp(name, settings, size)
    except BaseException:
        if start is not None:
            start.end()
        raise
    try:
        with (
            app_master_watched(spark),
            words_kept(),
            deaths_told(spark),
            executors_awaited(spark, size, start_timeout, ray.available_resources),
            metrics_shown(spark),
            stages_shown(spark),
        ):
            yield spark
    finally:
        stop()


def await_worker(nodes: Callable[[], Iterable[Mapping[str, Any]]], timeout: float) -> list[WorkerNode]:
    """The worker nodes, as soon as there is one; none where none has come in time.

    :param nodes: all of them, by Ray.
    """
    deadline, is_told = time.monotonic() + timeout, False
    while not (found := worker_nodes(nodes())) and time.monotonic() < deadline:
        if not is_told:
            tell(f"Spark session: no worker node has joined yet; waiting up to {timeout:g} s for one")
            is_told = True
        time.sleep(LOOK_SECONDS)
    return found


def begin(configs: Mapping[str, str]) -> tuple[QuickStart | None, str | None]:
    """A quick start that has begun, or why there is none.

    :param configs: Spark settings that the user gave.
    """
    if reason := hindrance(configs):
        return None, reason
    try:
        return QuickStart(configs), None
    except (RuntimeRoomError, OSError) as error:
        return None, str(error)


def quickly(start: QuickStart, app_name: str, settings: Mapping[str, str]) -> tuple[SparkSession, Callable[[], None]]:
    """The session of a quick start, and what ends it."""
    if not start.has_archive:
        tell(
            "Spark session: this node has no archive of class data, so its JVMs take longer to start; "
            "python -m airflow_provider_raydp_spcs.node.class_data makes it"
        )
    spark = start.session(app_name, settings)
    return spark, RaydpBridge(spark, settings, start.end).stop


def by_raydp(app_name: str, settings: Mapping[str, str], size: SparkSize) -> tuple[SparkSession, Callable[[], None]]:
    """A session as RayDP starts it itself, and what ends it."""
    import raydp

    memory = f"{size.memory_mib}m"
    spark = raydp.init_spark(app_name, size.executors, size.cores, memory, configs=dict(settings))
    return spark, raydp.stop_spark


def spark_settings(size: SparkSize) -> dict[str, str]:
    """Spark's settings for a size: executors on worker nodes only, every port pinned and declared.

    RayDP's master runs on the head, beside the driver; it takes none of the workers' CPUs.
    """
    return {
        f"{_EXECUTOR}.cpu": str(size.actor_cpus),
        f"{_EXECUTOR}.worker": str(size.actor_worker_resource),
        **executor_settings(size),
        f"{_MASTER}.CPU": "0",
        f"{_MASTER}.node:__internal_head__": "0.001",
        "spark.driver.port": str(ports.SPARK_DRIVER),
        "spark.blockManager.port": str(ports.SPARK_BLOCK_MANAGER),
        "spark.ui.port": str(ports.SPARK_UI),
        "spark.port.maxRetries": str(ports.SPARK_PORT_RETRIES),
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": str(size.shuffle_partitions),
        "spark.default.parallelism": str(size.shuffle_partitions),
        "spark.sql.adaptive.coalescePartitions.initialPartitionNum": str(size.initial_partitions),
        "spark.sql.session.timeZone": "UTC",
    }


def executor_settings(size: SparkSize) -> dict[str, str]:
    """How many executors of which size, as Spark calls it."""
    return {
        "spark.executor.instances": str(size.executors),
        "spark.executor.cores": str(size.cores),
        "spark.executor.memory": f"{size.memory_mib}m",
    }
