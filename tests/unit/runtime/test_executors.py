"""The wait for the first executor, beside what the job does."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.runtime.errors import SparkStartError
from airflow_provider_raydp_spcs.runtime.executors import await_executor, executors_awaited
from airflow_provider_raydp_spcs.runtime.sizing import WorkerNode, size_spark

SIZE = size_spark([WorkerNode("a", 2, 4 * 1024**3, 1.0), WorkerNode("b", 2, 4 * 1024**3, 1.0)])


class Context:
    """Spark's context in its JVM: the driver is counted among those that hold blocks."""

    def __init__(self) -> None:
        self.holders, self.stopped = 1, threading.Event()

    def getExecutorMemoryStatus(self) -> Any:  # noqa: N802 - Spark's own name
        if self.stopped.is_set():
            msg = "SparkContext was shut down"
            raise ValueError(msg)
        return SimpleNamespace(size=lambda: self.holders)

    def stop(self) -> None:
        self.stopped.set()


def session_of(context: Context) -> Any:
    return SimpleNamespace(sparkContext=SimpleNamespace(_jsc=SimpleNamespace(sc=lambda: context)))


def test_the_block_works_before_an_executor_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    context = Context()
    spark = session_of(context)
    with executors_awaited(spark, SIZE, 60, dict):
        assert context.holders == 1
        context.holders = 2
        await_executor(spark)
        while "the first executor was there" not in capsys.readouterr().out:
            time.sleep(0.01)
    assert not context.stopped.is_set()


def test_none_in_time_ends_what_waits_and_says_why() -> None:
    spark = session_of(Context())
    told = r"in 0\.2 s. Asked of Ray: 2 with 1 CPUs and 1 of 'worker' each; free now: \{'CPU': 1\.0\}"
    with (
        pytest.raises(SparkStartError, match=told) as caught,
        executors_awaited(spark, SIZE, 0.2, lambda: {"CPU": 1.0, "memory": 5.0}),
    ):
        await_executor(spark)
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_block_that_wants_none_is_left_alone() -> None:
    context = Context()
    with executors_awaited(session_of(context), SIZE, 0.05, dict):
        assert context.stopped.wait(30)


def test_errors_of_the_block_stay_what_they_are() -> None:
    context = Context()
    with pytest.raises(KeyError, match="own"), executors_awaited(session_of(context), SIZE, 60, dict):
        raise KeyError("own")
    assert not context.stopped.is_set()
