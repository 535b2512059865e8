"""Spark sessions on a real cluster: the quick start, what RayDP makes of it, and that nothing is left behind."""

from __future__ import annotations

import re
import shlex
import time

import psutil
import pytest

from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.submission import TERMINAL, JobRequest, JobStatus
from tests.system.whole.conftest import WholeCluster

# A dead executor is started again by Ray, and its work done again by Spark: that is RayDP's, and must stay so.
WHOLE = """
import json, os, signal, subprocess, sys, time
import psutil
from airflow_provider_raydp_spcs.runtime import spark_session

def jvms():
    return [child.pid for child in psutil.Process().children(recursive=True) if "java" in child.name()]

found = {}
with spark_session(executors=2, executor_cores=1, executor_memory_mib=600) as spark:
    found["early"] = sorted({"raydp", "ray.data"} & set(sys.modules))
    found["sum"] = spark.range(1000).selectExpr("sum(id)").collect()[0][0]
    found["jvms"] = len(jvms())
    import ray.data
    ray.data.DataContext.get_current().enable_progress_bars = False
    import raydp
    found["to_ray"] = raydp.spark.from_spark_recoverable(spark.range(100), parallelism=2).count()
    found["to_spark"] = ray.data.range(50).to_spark(spark).count()
    victim = spark.sparkContext.parallelize([0], 1).map(lambda _: os.getppid()).collect()[0]
    while "java" not in psutil.Process(victim).name():
        victim = psutil.Process(victim).ppid()
    os.kill(victim, signal.SIGKILL)
    found["after a death"] = spark.range(500, numPartitions=4).count()
found["left"] = len(jvms())
with spark_session("second", executors=1, executor_cores=1, executor_memory_mib=600) as spark:
    found["to Ray at once"] = raydp.spark.from_spark_recoverable(spark.range(20)).count()
    found["second"] = spark.range(10).count()
    raydp.stop_spark()
    found["left by raydp"] = len(jvms())
print(json.dumps(found))
"""
LONG = """
import os, time
from airflow_provider_raydp_spcs.runtime import spark_session
with spark_session("long", executors=1, executor_cores=1, executor_memory_mib=600) as spark:
    spark.range(1).collect()
    print(f"driver-pid={os.getpid()}.", flush=True)
    time.sleep(600)
"""
ACTORS = ("RayAppMaster", "RayDPExecutor")


def test_raydp_goes_on_working_on_a_session_that_it_has_not_started(whole_cluster: WholeCluster) -> None:
    found = whole_cluster.run(WHOLE, "spark_session")
    assert found == {
        "early": [],
        "sum": 499500,
        "jvms": 1,
        "to_ray": 100,
        "to_spark": 50,
        "after a death": 500,
        "left": 0,
        "to Ray at once": 20,
        "second": 10,
        "left by raydp": 0,
    }


@pytest.mark.parametrize("by_ray", [False, True], ids=["killed", "stopped"])
def test_nothing_of_a_session_outlives_its_job(by_ray: bool, whole_cluster: WholeCluster) -> None:
    """Of a driver that is killed, and of a job that is stopped."""
    job = f"long-{by_ray}-{time.time_ns()}"
    with whole_cluster.jobs() as ray:
        before = _actors(ray)
        ray.submit(JobRequest(job, f"python -c {shlex.quote(LONG)}"))
        deadline = time.monotonic() + 240
        while not (told := re.search(r"driver-pid=(\d+)\.", log := ray.new_log(job, 0).text)):
            assert time.monotonic() < deadline, log[-3000:]
            assert ray.info(job).status not in TERMINAL, log[-3000:]
            time.sleep(0.5)
        driver = psutil.Process(int(told[1]))
        jvms = {child.pid for child in driver.children() if "java" in child.name()} | _actors(ray) - before
        assert len(jvms) >= 3, "driver, app master and executor run"
        if by_ray:
            ray.stop(job)
        else:
            driver.kill()
        while left := {pid for pid in jvms if _runs(pid)}:
            assert time.monotonic() < deadline, f"{left} have outlived their job"
            time.sleep(0.5)
        while (status := ray.info(job).status) not in TERMINAL:
            assert time.monotonic() < deadline
            time.sleep(0.5)
    assert status == (JobStatus.STOPPED if by_ray else JobStatus.FAILED)


def _actors(ray: RayJobsClient) -> set[int]:
    """Processes of app masters and executors."""
    return {
        actor["pid"]
        for actor in ray.actors()
        if actor["state"] == "ALIVE" and any(name in actor["class_name"] for name in ACTORS)
    }


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
