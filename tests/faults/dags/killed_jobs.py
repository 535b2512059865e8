"""Every moment at which a worker may die, in the worker and deferred; the cluster is there already."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import kill_switch
from airflow.sdk import DAG

from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator

kill_switch.install()

JOB = str(Path(__file__).parent / "jobs" / "count_once.py")
IN_WORKER = (
    "task_at_start", "task_before_generation_saved", "worker_after_generation_saved", "task_before_put", "task_after_put",
    "worker_before_post", "task_during_post", "worker_after_post", "task_while_polling", "worker_while_polling",
    "task_before_result", "task_before_xcom",
)  # fmt: skip
DEFERRED = ("deferred_after_post", "deferred_before_defer", "deferred_on_resume", "deferred_worker_before_xcom")

with DAG("killed_jobs", schedule=None, max_active_tasks=8) as killed_jobs:
    for name in (*IN_WORKER, *DEFERRED):
        SubmitRayDPJobOperator(
            task_id=name,
            cluster_name="FAULTS",
            application=JOB,
            application_args=["--name", name],
            deferrable=name in DEFERRED,
            # One is enough for the kill. On a busy machine Airflow itself gives up on a try now and then.
            retries=6,
            retry_delay=timedelta(seconds=1),
            poll_interval=0.5,
        )
