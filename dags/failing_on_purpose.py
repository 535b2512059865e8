"""What becomes of a run whose job fails: the logs are exported, the cluster is deleted, and the run has failed."""

from __future__ import annotations

from pathlib import Path

import pendulum
from airflow.sdk import DAG

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.task_groups import RayDPClusterTaskGroup

with (
    DAG(
        dag_id="failing_on_purpose",
        description="A job that fails, and nothing that stays behind",
        schedule=None,
        start_date=pendulum.datetime(2013, 1, 1),
        catchup=False,
        doc_md=__doc__,
        tags=["raydp", "snowflake"],
    ) as dag,
    RayDPClusterTaskGroup(
        "spark", cluster_name="FAILING", cluster=ClusterConfig(name="FAILING", worker_groups=[WorkerGroup(count=1)])
    ) as group,
):
    SubmitRayDPJobOperator(
        task_id="run_job",
        cluster_name=group.cluster_name,
        application=Path(__file__).parent / "jobs" / "failing.py",
    )
