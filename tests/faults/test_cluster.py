"""Parts of a cluster die, stand still or run full while a Spark job runs on it."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil
import pytest

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.submission import JobStatus
from airflow_provider_raydp_spcs.runtime.app_master import DIED
from tests.faults.belongings import processes
from tests.faults.run import Run
from tests.faults.suite import Suite
from tests.programs import lacking, needed
from tests.system.live.real_airflow import RealAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]


@dataclass(frozen=True)
class Part:
    """Processes of a service whose command line holds a word.

    :param program: what they run; a raylet's command line holds those of its workers.
    """

    service: str
    word: str
    program: str = ""

    def find(self, suite: Suite) -> list[psutil.Process]:
        found = []
        for process in processes(suite.home, self.service):
            with suppress(psutil.Error):
                if process.name().startswith(self.program) and any(self.word in each for each in process.cmdline()):
                    found.append(process)
        return found

    def kill(self, suite: Suite) -> int:
        """SIGKILL; answer how many."""
        found = self.find(suite)
        assert found, f"{self.service} has no process {self.word!r}"
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return len(found)


EXECUTOR = Part("FAULTS_WORKER", "DefaultWorker", "java")
APP_MASTER = Part("FAULTS_HEAD", "DefaultWorker", "java")
DRIVER = Part("FAULTS_HEAD", "count_rows.py")
HEAD, WORKER = Part("FAULTS_HEAD", ""), Part("FAULTS_WORKER", "")


@pytest.mark.parametrize(
    ("part", "fault_text", "times", "said", "expected"),
    [
        (
            EXECUTOR,
            "JVM of the executor SIGKILLed",
            1,
            "Lost executor 0",
            "RayDP starts another; the job goes on and its rows are right",
        ),
        (
            APP_MASTER,
            "JVM of RayDP's app master SIGKILLed",
            2,
            f"JobFailedError: .*{DIED}",
            "its executors end with it; the job fails and says so, the next try runs a new one to its end",
        ),
        (DRIVER, "driver SIGKILLed", 2, "JobFailedError: ", "the try fails, the next one runs a new job to its end"),
    ],
    ids=["executor", "app-master", "driver"],
)
def test_a_process_of_the_job_is_killed(
    airflow: RealAirflow,
    ray: RayJobsClient,
    suite: Suite,
    part: Part,
    fault_text: str,
    times: int,
    said: str,
    expected: str,
) -> None:
    with suite.fault("Cluster", fault_text, expected) as fault:
        run = Run.counting(airflow, ray, fault, times)
        airflow.wait(lambda: bool(part.find(suite)), 60, "there is nothing to kill")
        time.sleep(fault.moment(0, 6))
        fault.struck(bool(part.kill(suite)))
        run.succeed(240)
        assert run.jobs().count(JobStatus.SUCCEEDED) == 1
        assert re.search(said, "\n".join(run.told()), re.DOTALL)
        fault.seen(f"as expected; {len(run.jobs())} job(s), {run.task()['try_number']} tries")


def test_a_worker_is_killed(airflow: RealAirflow, ray: RayJobsClient, suite: Suite) -> None:
    with suite.fault(
        "Cluster",
        "worker node SIGKILLed under its executor",
        "Snowflake starts it again; the job goes on there, its rows are right",
    ) as fault:
        run = Run.counting(airflow, ray, fault)
        time.sleep(fault.moment(0, 10))
        fault.struck(bool(WORKER.kill(suite)))
        run.succeed(300)
        assert run.jobs() == [JobStatus.SUCCEEDED]
        fault.seen(f"as expected; {run.task()['try_number']} tries")


def test_the_head_is_killed(
    airflow: RealAirflow, ray: RayJobsClient, clusters: Clusters, suite: Suite, cluster: str
) -> None:
    with suite.fault(
        "Cluster",
        "head SIGKILLed: Ray forgets its jobs, for nothing keeps its state",
        "the try fails and says that the job is lost; the next one waits for the head and runs a new job to its end",
    ) as fault:
        run = Run.counting(airflow, ray, fault, 2)
        time.sleep(fault.moment(0, 6))
        fault.struck(bool(HEAD.kill(suite)))
        run.succeed(300)
        clusters.wait_for(cluster, deadline=time.time() + 120, poll=0.5)
        assert "JobLostError" in "\n".join(run.told())
        assert run.jobs() == [JobStatus.SUCCEEDED], "Ray knows the second job only"
        fault.seen(f"as expected; {run.task()['try_number']} tries")


@contextmanager
def cut_off(addresses: set[str]) -> Iterator[None]:
    """Nothing reaches these addresses, and nothing comes from them, for the time of the block."""
    rules = [[way, address] for address in addresses for way in ("-s", "-d")]
    made: list[list[str]] = []
    try:
        for rule in rules:
            subprocess.run(["iptables", "-w", "-I", "INPUT", *rule, "-j", "DROP"], check=True)
            made.append(rule)
        yield
    finally:
        for rule in made:
            subprocess.run(["iptables", "-w", "-D", "INPUT", *rule, "-j", "DROP"], check=True)


def test_a_worker_is_cut_off(
    airflow: RealAirflow, ray: RayJobsClient, clusters: Clusters, suite: Suite, cluster: str
) -> None:
    needed("iptables", package="iptables")
    if os.geteuid() != 0:
        lacking("a network is cut by root only")
    with suite.fault(
        "Cluster",
        "network of the worker cut for 15 s, longer than Ray's patience",
        "Ray gives the node up, and it comes back as a new one; the job goes on there, or a retry does",
    ) as fault:
        run = Run.counting(airflow, ray, fault)
        time.sleep(fault.moment(0, 8))
        addresses = {str(each.ip_address) for each in clusters.client.services.instances(f"{cluster}_WORKER")}
        with cut_off(addresses):
            fault.struck(len(addresses))
            time.sleep(15)
        run.succeed(300)
        fault.seen(f"as expected; {len(run.jobs())} job(s), {run.task()['try_number']} tries")
