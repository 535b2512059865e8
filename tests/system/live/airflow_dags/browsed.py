"""A run to look at in a browser: the job fails in its first try, and stays in its second until it is released."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.delete_cluster import DeleteRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.export_logs import ExportRayDPLogsOperator
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator

CLUSTER = "BROWSED"

with DAG("browsed", schedule=None) as dag:
    create = CreateRayDPClusterOperator(
        task_id="create_cluster",
        cluster_name=CLUSTER,
        cluster=ClusterConfig(
            CLUSTER, head=HeadConfig("CPU_X64_XS"), worker_groups=[WorkerGroup("CPU_X64_XS", count=1)]
        ),
    )
    job = SubmitRayDPJobOperator(
        task_id="run_job",
        cluster_name=CLUSTER,
        application=str(Path(__file__).parent / "jobs" / "second_try.py"),
        application_args=["--attempt", "{{ ti.try_number }}"],
        # What one should not do: neither may be shown all the same.
        runtime_env={
            "env_vars": {
                "CANARY_TOKEN": "{{ dag_run.conf['canary'] }}",
                "SIGN_IN": "{{ conn.snowflake_default.password }}",
            }
        },
        retries=1,
        retry_delay=timedelta(seconds=1),
        poll_interval=0.5,
    )
    export = ExportRayDPLogsOperator(task_id="export_logs", cluster_name=CLUSTER, job_task_id="run_job")
    delete = DeleteRayDPClusterOperator(task_id="delete_cluster", cluster_name=CLUSTER)

    create >> job >> export.as_teardown(setups=create) >> delete.as_teardown(setups=create)
