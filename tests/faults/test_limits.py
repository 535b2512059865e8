"""Jobs that take more than there is: time, memory, disk, or patience of whoever reads their logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.errors import ClusterNotReadyError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.submission import JobStatus
from airflow_provider_raydp_spcs.runtime.beside import looking
from tests.faults.belongings import processes
from tests.faults.run import Run
from tests.faults.suite import Suite
from tests.integration.containers import until
from tests.system.live.real_airflow import RealAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]
PRINTED_GB = 5
MAX_LINES = 5_000
"""As the DAG says it."""
MIB = 1024**2


def test_a_job_that_hangs(airflow: RealAirflow, ray: RayJobsClient, suite: Suite) -> None:
    with suite.fault(
        "Cluster", "Spark job hangs", "the operator's timeout stops it, with its JVMs; the task says so"
    ) as fault:
        run = Run.start(airflow, ray, fault, "hanging_jobs", way="hang")
        fault.struck()
        assert airflow.wait_run(run.dag, run.name, 180) == "failed"
        assert run.jobs() == [JobStatus.STOPPED]
        assert "JobTimeoutError" in "\n".join(run.told())
        fault.seen("as expected")


def test_an_executor_without_memory(airflow: RealAirflow, ray: RayJobsClient, suite: Suite) -> None:
    with suite.fault(
        "Cluster",
        "out of memory in an executor, at every attempt",
        "Spark gives up; the task fails and names the reason",
    ) as fault:
        run = Run.start(airflow, ray, fault, "misbehaving_jobs", way="memory")
        fault.struck()
        assert airflow.wait_run(run.dag, run.name, 180) == "failed"
        assert run.jobs() == [JobStatus.FAILED]
        (error,) = (line for line in run.told() if line.startswith("JobFailedError: "))
        assert "OutOfMemoryError" in error, error
        fault.seen("as expected")


def test_an_object_store_without_disk(
    airflow: RealAirflow, ray: RayJobsClient, clusters: Clusters, suite: Suite
) -> None:
    with suite.fault(
        "Cluster", "object store spills to a disk that is full", "the job fails and says so; the cluster goes on"
    ) as fault:
        # To Ray a disk is full from this share on.
        head = HeadConfig(env={"RAY_local_fs_capacity_threshold": "0.01"})
        config = ClusterConfig("FULL", head=head, worker_groups=[WorkerGroup("CPU_X64_XS", count=1)])
        clusters.create(config)
        try:
            clusters.wait_for("FULL", deadline=time.time() + 120, poll=0.5)
            run = Run.start(airflow, ray, fault, "misbehaving_jobs", way="disk", cluster="FULL")
            fault.struck()
            assert airflow.wait_run(run.dag, run.name, 180) == "failed"
            assert "OutOfDisk" in "\n".join(run.told())
            assert clusters.find("FULL").is_ready
        finally:
            clusters.delete("FULL")
        fault.seen("as expected")


@contextmanager
def frozen(suite: Suite, service: str) -> Iterator[None]:
    """A service that begins stands still for the time of the block, whatever it starts meanwhile included."""
    still: set[psutil.Process] = set()

    def freeze() -> bool:
        for process in set(processes(suite.home, service)) - still:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
                still.add(process)
        return True

    try:
        # All the time, for what is just being started is seen a little later.
        with looking(freeze, 0.1, "frozen"):
            until(lambda: still)
            yield
    finally:
        for process in still:
            process.resume()


def test_a_worker_that_never_joins(clusters: Clusters, suite: Suite) -> None:
    with suite.fault(
        "Cluster", "worker never joins", "the creation fails in time and names the service; nothing is left"
    ) as fault:
        clusters.create(ClusterConfig("NEVER", worker_groups=[WorkerGroup("CPU_X64_XS", count=1)]))
        try:
            with frozen(suite, "NEVER_WORKER"):
                fault.struck()
                with pytest.raises(ClusterNotReadyError, match="NEVER_WORKER"):
                    clusters.wait_for("NEVER", deadline=time.time() + fault.moment(15, 25), poll=0.5)
        finally:
            clusters.delete("NEVER")
        fault.seen("as expected")


def test_a_job_that_prints_gigabytes(airflow: RealAirflow, ray: RayJobsClient, suite: Suite) -> None:
    with suite.fault(
        "Cluster",
        f"job prints {PRINTED_GB} GB",
        "the task shows its first lines and its last words; memory of worker and local Snowflake stays small",
    ) as fault:
        server = psutil.Process(suite.server)
        before = server.memory_info().rss
        run = Run.start(airflow, ray, fault, "misbehaving_jobs", way="print", amount=PRINTED_GB)
        fault.struck()
        most = 0
        while airflow.run_state(run.dag, run.name) not in ("success", "failed"):
            pid = run.task()["pid"]
            if pid and psutil.pid_exists(pid):
                most = max(most, psutil.Process(pid).memory_info().rss)
            time.sleep(0.5)
        airflow.succeed(run.dag, run.name, 1)
        lines = run.told()
        assert any("the last words" in line for line in lines)
        assert MAX_LINES < len(lines) < MAX_LINES + 100
        grown = server.memory_info().rss - before
        assert most, "the task's process was not seen"
        assert most < 600 * MIB, most
        assert grown < 300 * MIB, grown
        fault.seen(f"as expected; worker {most // MIB} MiB at most, local Snowflake {grown // MIB:+} MiB")
