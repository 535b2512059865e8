"""A task that runs a job which does nothing, on a cluster that is there already, and a task that does nothing itself."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG, task

from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator

with DAG("noop", schedule=None) as dag:
    job = SubmitRayDPJobOperator(
        task_id="job", cluster_name="NOOP", application=Path(__file__).parent / "jobs" / "noop.py"
    )

    @task
    def empty() -> None:
        """Does nothing."""

    job >> empty()
