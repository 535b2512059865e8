"""Daily ETL on a cluster of its own: create, run the Spark job, export the logs, delete.

Every day of 2013 has its own cluster, so that days can run side by side. Cluster and services are gone at the end,
whatever happened. Names are those that sql/step0 and step1 make.
"""

from __future__ import annotations

from pathlib import Path

import pendulum
from airflow.sdk import DAG

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.delete_cluster import DeleteRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.export_logs import ExportRayDPLogsOperator
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator

CLUSTER = "FLIGHTS_{{ ds_nodash }}"
APPLICATION = str(Path(__file__).parent / "jobs" / "flights_daily.py")

with DAG(
    dag_id="flights_daily_etl",
    description="Punctuality of New York's flights, per carrier and origin, day by day",
    schedule="@daily",
    start_date=pendulum.datetime(2013, 1, 1),
    end_date=pendulum.datetime(2013, 12, 31),
    catchup=False,
    doc_md=__doc__,
    tags=["raydp", "snowflake"],
) as dag:
    create = CreateRayDPClusterOperator(
        task_id="create_cluster",
        cluster_name=CLUSTER,
        cluster=ClusterConfig(
            name="FLIGHTS",
            worker_groups=[WorkerGroup(count=2)],
            image_repository="RAYDP_SIS_IMAGE_REPO",
            query_warehouse="RAYDP_SIS_XSW",
        ),
        applications=[APPLICATION],
    )
    run = SubmitRayDPJobOperator(
        task_id="run_job",
        cluster_name=CLUSTER,
        application=APPLICATION,
        application_args=["--day", "{{ ds }}"],
    )
    export = ExportRayDPLogsOperator(task_id="export_logs", cluster_name=CLUSTER, job_task_id="run_job")
    delete = DeleteRayDPClusterOperator(task_id="delete_cluster", cluster_name=CLUSTER)

    create >> run >> export.as_teardown(setups=create) >> delete.as_teardown(setups=create)
