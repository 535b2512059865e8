"""One task that runs a job which does nothing, on a cluster that is there already."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator

with DAG("noop", schedule=None) as dag:
    SubmitRayDPJobOperator(task_id="job", cluster_name="NOOP", application=Path(__file__).parent / "jobs" / "noop.py")
