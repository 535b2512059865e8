"""Waiting for a session's first executor, which takes longer to start than the driver: beside the job's own work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.runtime.beside import looking
from airflow_provider_raydp_spcs.runtime.errors import SparkStartError
from airflow_provider_raydp_spcs.runtime.sizing import WORKER_RESOURCE, SparkSize
from airflow_provider_raydp_spcs.runtime.telling import tell

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOOK_SECONDS: Final = 0.1


@contextmanager
def executors_awaited(
    spark: SparkSession, size: SparkSize, timeout: float, available: Callable[[], Mapping[str, float]]
) -> Iterator[None]:
    """Give the first executor its time while the block already works.

    Spark itself would wait for ever, with nothing but a warning. Here it is stopped when the time is over, so that whatever
    waits for it in the block fails; the error of the block is then this one.

    :param timeout: seconds.
    :param available: resources that nobody uses, by Ray.
    :raises SparkStartError: no executor came up in time, and the block wanted one.
    """
    overdue: list[SparkStartError] = []
    began = time.monotonic()

    def look() -> bool:
        try:
            if has_no_executor(spark):
                if time.monotonic() - began < timeout:
                    return True
                overdue.append(_too_late(size, timeout, available()))
                spark.sparkContext._jsc.sc().stop()
            else:
                tell(f"Spark session: the first executor was there {time.monotonic() - began:.1f} s after the session")
        except Exception as error:
            if not overdue:
                tell(f"Spark session: its executors cannot be counted any more: {type(error).__name__}")
        return False

    with looking(look, LOOK_SECONDS, "spark-executors"):
        try:
            yield
        except Exception as error:
            if overdue:
                raise overdue[0] from error
            raise


def has_no_executor(spark: SparkSession) -> bool:
    """Whether the driver is still alone: Spark counts it among those that hold blocks."""
    return int(spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size()) < 2


def await_executor(spark: SparkSession) -> None:
    """Wait for the first executor, for what must not begin sooner; within a block of :func:`executors_awaited` not for ever.

    :raises Exception: the session was stopped meanwhile.
    """
    while has_no_executor(spark):
        time.sleep(LOOK_SECONDS)


def _too_late(size: SparkSize, timeout: float, available: Mapping[str, float]) -> SparkStartError:
    free = {name: amount for name, amount in available.items() if name in ("CPU", WORKER_RESOURCE)}
    msg = (
        f"no Spark executor came up in {timeout:g} s. Asked of Ray: {size.executors} with {size.actor_cpus} CPUs "
        f"and {size.actor_worker_resource:g} of {WORKER_RESOURCE!r} each; free now: {free}. Let fewer jobs run "
        "side by side, give each a smaller share, or add workers; if all that is free, read executors/ in the "
        "exported logs"
    )
    return SparkStartError(msg)
