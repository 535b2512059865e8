"""Runs for the soak: a job on a shared cluster, and a cluster of a run's own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.delete_cluster import DeleteRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator

JOB = str(Path(__file__).parent / "jobs" / "count_once.py")


def job(cluster: str) -> SubmitRayDPJobOperator:
    """One that leaves a row with the run's name."""
    return SubmitRayDPJobOperator(
        task_id="job",
        cluster_name=cluster,
        application=JOB,
        application_args=["--name", "{{ run_id }}", "--seconds", "1"],
        deferrable=True,
        retries=2,
        retry_delay=timedelta(seconds=5),
    )


with DAG("soak_shared", schedule=None, max_active_runs=4):
    job("FAULTS")

with DAG("soak_own", schedule=None, max_active_runs=1):
    create = CreateRayDPClusterOperator(
        task_id="create",
        cluster_name="SOAK",
        cluster=ClusterConfig("SOAK", worker_groups=[WorkerGroup("CPU_X64_XS", count=1)]),
        deferrable=True,
    ).as_setup()
    delete = DeleteRayDPClusterOperator(task_id="delete", cluster_name="SOAK").as_teardown(setups=create)
    create >> job("SOAK") >> delete
