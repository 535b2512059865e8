"""Parts of a cluster die, stand still or run full while a Spark job runs on it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.submission import JobStatus
from tests.faults.belongings import processes
from tests.faults.run import Run
from tests.faults.suite import Suite
from tests.system.live.real_airflow import RealAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]


def executor(command: list[str], service: str) -> bool:
    return any("DefaultWorker" in word for word in command) and service == "FAULTS_WORKER"


def app_master(command: list[str], service: str) -> bool:
    return any("DefaultWorker" in word for word in command) and service == "FAULTS_HEAD"


def driver(command: list[str], service: str) -> bool:
    return any(word.endswith("count_rows.py") for word in command) and "--name" in command and service == "FAULTS_HEAD"


def find(suite: Suite, wanted: Callable[[list[str], str], bool]) -> list[psutil.Process]:
    """Processes of the cluster by their command line and their service."""
    found = []
    for process in processes(suite.home):
        try:
            service = process.environ().get("SPCS_LOCAL_INSTANCE", "//").split("/")[1].rpartition(".")[2]
            if wanted(process.cmdline(), service):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize(
    ("wanted", "fault_text", "times", "expected"),
    [
        (executor, "JVM of the executor SIGKILLed", 1, "RayDP starts another; the job goes on and its rows are right"),
        (app_master, "JVM of RayDP's app master SIGKILLed", 1, "the job ends well, or a retry does"),
        (driver, "driver SIGKILLed", 2, "the try fails, the next one runs a new job to its end"),
    ],
    ids=["executor", "app-master", "driver"],
)
def test_a_process_of_the_job_is_killed(
    airflow: RealAirflow,
    ray: RayJobsClient,
    suite: Suite,
    wanted: Callable[[list[str], str], bool],
    fault_text: str,
    times: int,
    expected: str,
) -> None:
    with suite.fault("Cluster", fault_text, expected) as fault:
        run = Run.start(airflow, ray, fault, "spark_jobs", 10, times)
        run.await_line("begins to count")
        if wanted is executor:
            airflow.wait(lambda: bool(find(suite, executor)), 60, "no executor is there")
        time.sleep(fault.moment(0, 6))
        victims = find(suite, wanted)
        assert victims, "there is nothing to kill"
        for victim in victims:
            victim.kill()
        fault.struck(len(victims))
        run.succeed(240)
        assert run.jobs().count(JobStatus.SUCCEEDED) == 1
        fault.seen(f"as expected; {len(run.jobs())} job(s), {run.task()['try_number']} tries")
