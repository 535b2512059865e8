"""One job a run, in the worker and deferred; and such with a limit of time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.retries import RayDPRetryPolicy

JOB = str(Path(__file__).parent / "jobs" / "count_once.py")
ARGUMENTS = ["--name", "{{ dag_run.conf['name'] }}", "--seconds", "{{ dag_run.conf['seconds'] }}"]


def job(deferrable: bool, **values: Any) -> SubmitRayDPJobOperator:
    return SubmitRayDPJobOperator(
        task_id="job",
        cluster_name="FAULTS",
        application=JOB,
        application_args=ARGUMENTS,
        deferrable=deferrable,
        poll_interval=0.5,
        **values,
    )


for deferred in (False, True):
    with DAG("deferred_jobs" if deferred else "worker_jobs", schedule=None):
        job(
            deferred,
            retries=6,
            retry_delay=timedelta(seconds=1),
            retry_policy=RayDPRetryPolicy(capacity_delay=timedelta(seconds=2)),
        )
    with DAG("limited_deferred_jobs" if deferred else "limited_worker_jobs", schedule=None):
        job(deferred, execution_timeout=timedelta(seconds=30))
