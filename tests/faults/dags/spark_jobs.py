"""One Spark job a run; and jobs that misbehave."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.retries import RayDPRetryPolicy

JOBS = Path(__file__).parent / "jobs"

with DAG("spark_jobs", schedule=None):
    SubmitRayDPJobOperator(
        task_id="job",
        cluster_name="FAULTS",
        application=str(JOBS / "count_rows.py"),
        application_args=["--name", "{{ dag_run.conf['name'] }}", "--seconds", "{{ dag_run.conf['seconds'] }}"],
        retries=4,
        retry_delay=timedelta(seconds=1),
        retry_policy=RayDPRetryPolicy(capacity_delay=timedelta(seconds=3)),
        poll_interval=0.5,
    )

for dag, seconds in (("misbehaving_jobs", 90), ("hanging_jobs", 25)):
    with DAG(dag, schedule=None):
        SubmitRayDPJobOperator(
            task_id="job",
            cluster_name="{{ dag_run.conf.get('cluster', 'FAULTS') }}",
            application=str(JOBS / "misbehave.py"),
            application_args=[
                "--name", "{{ dag_run.conf['name'] }}",
                "--way", "{{ dag_run.conf['way'] }}",
                "--amount", "{{ dag_run.conf.get('amount', 0) }}",
            ],
            timeout=seconds,
            poll_interval=0.5,
            max_log_lines=5_000,
        )  # fmt: skip
