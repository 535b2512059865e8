"""Warm sessions on a real cluster: jobs share one Spark application, and nothing that one does to itself harms the next."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.jobs.application import Application
from airflow_provider_raydp_spcs.jobs.errors import JobNotFoundError
from airflow_provider_raydp_spcs.jobs.submission import TERMINAL, JobInfo, JobStatus
from tests.system.whole.conftest import WholeCluster

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

JOB = """
import json, os, sys, threading, time
from airflow_provider_raydp_spcs.runtime import set_result, spark_session

kind = sys.argv[1]
with spark_session(configs={"spark.sql.shuffle.partitions": sys.argv[2]}) as spark:
    found = {
        "application": spark.sparkContext.applicationId,
        "partitions": spark.conf.get("spark.sql.shuffle.partitions"),
        "views": [table.name for table in spark.catalog.listTables()],
        "secret": os.environ.get("SECRET"),
        "module": hasattr(sys.modules["json"], "MARK"),
        "pid": os.getpid(),
    }
    json.MARK = True
    spark.range(1000).createOrReplaceTempView(f"view_of_{kind}")
    found["sum"] = spark.sql(f"SELECT sum(id) FROM view_of_{kind}").collect()[0][0]
    print(f"out of {kind}")
    sys.stderr.write(f"error of {kind}\\n")
    thread = threading.Thread(target=lambda: print(f"thread of {kind}", spark.range(10).count()))
    thread.start()
    thread.join()
    os.system(f"echo child of {kind}")
    set_result(found)
    if kind == "abort":
        os.abort()
    if kind == "fail":
        raise RuntimeError("the job's own error")
    if kind == "wait":
        from pyspark.sql.functions import udf
        print("waiting now")
        slow = udf(lambda x: [time.sleep(0.2) for _ in range(3000)] and x, "long")
        spark.range(0, 8, 1, 8).select(slow("id")).collect()
    if kind == "kill":
        spark._jvm.java.lang.System.exit(3)
    if kind == "ray":
        import ray
        import ray.data
        rows = ray.data.range(100)
        found["to_spark"] = rows.to_spark(spark).count()
        found["to_ray"] = ray.data.from_spark(spark.range(50)).count()
        set_result(found)
"""


class Warm:
    """Submits jobs with ``session="warm"``."""

    def __init__(self, cluster: WholeCluster, folder: Path) -> None:
        self._cluster, self._number = cluster, 0
        file = folder / "warm.py"
        file.write_text(JOB)
        self._application = Application.read(file)
        self._application.upload(cluster.client.stages, "RAYDP_ARTIFACTS", cluster.name)

    def start(self, kind: str, partitions: int = 5, secret: str | None = None) -> str:
        self._number += 1
        job = f"warm-{kind}-{self._number}-{time.time_ns()}"
        asked = replace(self._application, arguments=(kind, str(partitions)), session="warm")
        env = {} if secret is None else {"env_vars": {"SECRET": secret}}
        with self._cluster.jobs() as ray:
            ray.submit(asked.request(self._cluster.name, job, env, {}))
        return job

    def end(self, job: str, until: Callable[[JobInfo, str], bool] | None = None) -> tuple[JobInfo, Any, str]:
        """Its state, result and log at its end, or when a condition is met."""
        deadline = time.monotonic() + 400
        with self._cluster.jobs() as ray:
            while True:
                info, log = ray.info(job), ""
                with suppress(JobNotFoundError):  # Ray says RUNNING a moment before it opens the log.
                    log = b"".join(ray.logs(job)).decode()
                if info.status in TERMINAL or (until is not None and until(info, log)):
                    break
                assert time.monotonic() < deadline, f"{job} does not end: {log}"
                time.sleep(0.5)
            log = b"".join(ray.logs(job)).decode() if info.status in TERMINAL else log
            found = ray.result(job)
        return info, found and found["value"], log

    def run(self, kind: str, partitions: int = 5, secret: str | None = None) -> tuple[JobInfo, Any, str]:
        return self.end(self.start(kind, partitions, secret))

    def good(self, kind: str, partitions: int = 5, secret: str | None = None) -> tuple[Any, str]:
        info, found, log = self.run(kind, partitions, secret)
        assert info.status == JobStatus.SUCCEEDED, log
        assert found["sum"] == 499_500
        return found, log


@pytest.fixture(scope="module")
def warm(whole_cluster: WholeCluster) -> Iterator[Warm]:
    with tempfile.TemporaryDirectory() as folder:
        yield Warm(whole_cluster, Path(folder))


@pytest.fixture(scope="module")
def first(warm: Warm) -> tuple[Any, str]:
    return warm.good("first", 5, "of the first")


def test_the_first_job_starts_the_application(first: tuple[Any, str]) -> None:
    found, log = first
    assert "is being started" in log
    assert "Spark session: warm, application raydp-warm-" in log
    assert (found["secret"], found["partitions"], found["views"]) == ("of the first", "5", [])


def test_the_next_shares_it_and_nothing_else(warm: Warm, first: tuple[Any, str]) -> None:
    found, log = warm.good("next", 7)
    assert found["application"] == first[0]["application"]
    assert found["pid"] != first[0]["pid"]
    assert (found["secret"], found["partitions"], found["views"], found["module"]) == (None, "7", [], False)
    assert "is being started" not in log


def test_a_job_has_its_own_log_whoever_writes(warm: Warm, first: tuple[Any, str]) -> None:
    with ThreadPoolExecutor() as pool:
        logs = dict(zip("ab", pool.map(lambda kind: warm.good(kind)[1], "ab"), strict=True))
    for kind, other in (("a", "b"), ("b", "a")):
        for writer in ("out", "error", "thread", "child"):
            assert f"{writer} of {kind}" in logs[kind]
            assert f"{writer} of {other}" not in logs[kind]


@pytest.mark.parametrize(("kind", "code", "words"), [("abort", 134, ""), ("fail", 1, "the job's own error")])
def test_a_job_that_ends_badly_does_not_harm_the_next(
    warm: Warm, first: tuple[Any, str], kind: str, code: int, words: str
) -> None:
    info, _, log = warm.run(kind)
    assert info.status == JobStatus.FAILED
    assert abs(info.driver_exit_code or 0) in (code, code - 128)
    assert words in log
    assert warm.good("after")[0]["application"] == first[0]["application"]


def test_a_stopped_job_lets_the_executors_go(warm: Warm, first: tuple[Any, str], whole_cluster: WholeCluster) -> None:
    job = warm.start("wait")
    warm.end(job, lambda info, log: "tasks" in log.partition("waiting now")[2])
    with whole_cluster.jobs() as ray:
        ray.stop(job)
    info, _, log = warm.end(job)
    assert info.status == JobStatus.STOPPED, log
    assert warm.good("after")[0]["application"] == first[0]["application"]


def test_rows_pass_between_ray_and_spark(warm: Warm, first: tuple[Any, str]) -> None:
    found, _ = warm.good("ray")
    assert (found["to_spark"], found["to_ray"]) == (100, 50)


def test_a_dead_application_is_replaced_and_told(warm: Warm, first: tuple[Any, str]) -> None:
    info, _, log = warm.run("kill")
    assert info.status == JobStatus.FAILED, log
    found, log = warm.good("after")
    assert found["application"] != first[0]["application"]
    assert "The warm session is replaced: " in log or "is being started" in log


def test_a_session_of_ones_own_gets_the_executors_of_an_idle_one(whole_cluster: WholeCluster, warm: Warm) -> None:
    script = """
import json
from airflow_provider_raydp_spcs.runtime import spark_session
with spark_session() as spark:
    print(json.dumps({"count": spark.range(5).count(), "name": spark.sparkContext.appName}))
"""
    found = whole_cluster.run(script, "own_session")
    assert found["count"] == 5
    assert not str(found["name"]).startswith("raydp-warm-")
