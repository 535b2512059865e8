"""Snowflake replaces the instances of a service while a Spark job runs on the cluster."""

from __future__ import annotations

import time

import pytest

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.submission import JobStatus
from tests.faults.run import Run
from tests.faults.suite import Suite
from tests.system.live.real_airflow import RealAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]


def test_a_workers_instance_is_recreated(
    airflow: RealAirflow, ray: RayJobsClient, clusters: Clusters, suite: Suite, cluster: str
) -> None:
    with suite.fault(
        "Snowflake",
        "node maintenance: the worker's instance is recreated under its executor",
        "the node finishes what runs, within 18 s; else the job goes on on the next one; its rows are right",
    ) as fault:
        run = Run.counting(airflow, ray, fault)
        time.sleep(fault.moment(0, 8))
        clusters.client.services.suspend(f"{cluster}_WORKER")
        clusters.client.services.resume(f"{cluster}_WORKER")
        fault.struck()
        run.succeed(300)
        clusters.wait_for(cluster, deadline=time.time() + 120, poll=0.5)
        fault.seen(f"as expected; {len(run.jobs())} job(s), {run.task()['try_number']} tries")


def test_the_heads_service_is_upgraded_under_a_job(
    airflow: RealAirflow, ray: RayJobsClient, clusters: Clusters, suite: Suite, cluster: str
) -> None:
    with suite.fault(
        "Snowflake",
        "service upgraded under a job: the head gets another specification",
        "the try fails and says that the job is lost; the next one waits for the head and runs a new job to its end",
    ) as fault:
        run = Run.counting(airflow, ray, fault, 2)
        time.sleep(fault.moment(0, 6))
        config = ClusterConfig(
            cluster, head=HeadConfig(env={"UPGRADED": "yes"}), worker_groups=[WorkerGroup("CPU_X64_XS", count=1)]
        )
        (head,) = (each for each in clusters.blueprint(config).services if each.name.endswith("_HEAD"))
        clusters.client.services.alter_specification(head.name, head.specification)
        fault.struck()
        run.succeed(300)
        clusters.wait_for(cluster, deadline=time.time() + 120, poll=0.5)
        assert "JobLostError" in "\n".join(run.told())
        assert run.jobs() == [JobStatus.SUCCEEDED], "Ray knows the second job only"
        fault.seen(f"as expected; {run.task()['try_number']} tries")
