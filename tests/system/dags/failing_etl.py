"""A DAG whose job fails on purpose, wired like the example."""

from __future__ import annotations

from pathlib import Path

import pendulum
from airflow.sdk import DAG

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.delete_cluster import DeleteRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.export_logs import ExportRayDPLogsOperator
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator

CLUSTER = "FAILING_ETL"

with DAG(dag_id="failing_etl", schedule=None, start_date=pendulum.datetime(2013, 1, 1), catchup=False) as dag:
    create = CreateRayDPClusterOperator(
        task_id="create_cluster",
        cluster_name=CLUSTER,
        cluster=ClusterConfig(name=CLUSTER, worker_groups=[WorkerGroup(count=1)]),
    )
    run = SubmitRayDPJobOperator(
        task_id="run_job", cluster_name=CLUSTER, application=Path(__file__).parent / "failing_job.py"
    )
    export = ExportRayDPLogsOperator(task_id="export_logs", cluster_name=CLUSTER, job_task_id="run_job")
    delete = DeleteRayDPClusterOperator(task_id="delete_cluster", cluster_name=CLUSTER)
    create >> run >> export.as_teardown(setups=create) >> delete.as_teardown(setups=create)
