"""The errors of executors that were lost are told from their logs."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.runtime.executor_deaths import deaths_told

LOST = (
    "Job aborted due to stage failure: Task 1 in stage 0.0 failed 4 times, most recent failure: Lost task 1.3 in stage 0.0 "
    "(TID 4) (10.0.0.2 executor 2): ExecutorLostFailure (executor 2 exited caused by one of the running tasks)"
)
LOG = """2026-11-26 18:54:01,150 ERROR Executor [Executor task launch worker]: Exception in task 1.0 in stage 0.0 (TID 1)
java.lang.OutOfMemoryError: Java heap space
\tat org.apache.spark.unsafe.types.UTF8String.repeat(UTF8String.java:735)
"""
runtime = SimpleNamespace(getCurrentJobId=lambda: "03000000")
ray = SimpleNamespace(io=SimpleNamespace(ray=SimpleNamespace(api=SimpleNamespace(Ray=SimpleNamespace(getRuntimeContext=lambda: runtime)))))  # fmt: skip
SPARK: Any = SimpleNamespace(sparkContext=SimpleNamespace(_jvm=ray))


def logs(address: str, job: str) -> Iterator[tuple[str, str]]:
    assert (address, job) == ("10.0.0.2", "03000000")
    yield "raydp-java-worker-03000000-7.log", LOG
    yield "raydp-java-worker-03000000-8.log", "nothing went wrong in org.apache.spark.Exceptional\n"


def broken(address: str, job: str) -> Iterator[tuple[str, str]]:
    raise ConnectionError(address, job)


def test_the_last_error_in_the_log_of_a_lost_executor_is_told() -> None:
    with pytest.raises(RuntimeError, match="Job aborted") as met, deaths_told(SPARK, logs):
        raise RuntimeError(LOST)
    (note,) = met.value.__notes__
    assert note.startswith(
        "Spark executor on 10.0.0.2: java.lang.OutOfMemoryError: Java heap space (the last error in raydp-"
    )


@pytest.mark.parametrize(("words", "found"), [(LOST, broken), ("another (10.0.0.2 executor 2)", logs)])
def test_without_logs_or_lost_executors_nothing_is(words: str, found: Any) -> None:
    with pytest.raises(RuntimeError, match="executor 2") as met, deaths_told(SPARK, found):
        raise RuntimeError(words)
    assert not hasattr(met.value, "__notes__")
