"""Many days on one shared cluster: every run takes a lease, and the last one out deletes the cluster.

Made for backfills::

    airflow backfill create --dag-id flights_backfill --from-date 2013-01-01 --to-date 2013-01-14 --max-active-runs 4

Each job takes a quarter of the workers, so that four days run side by side.
"""

from __future__ import annotations

from pathlib import Path

import pendulum
from airflow.sdk import DAG

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.task_groups import RayDPClusterTaskGroup

with (
    DAG(
        dag_id="flights_backfill",
        description="The daily punctuality of New York's flights, many days on one cluster",
        schedule="@daily",
        start_date=pendulum.datetime(2013, 1, 1),
        end_date=pendulum.datetime(2013, 12, 31),
        catchup=False,
        max_active_runs=4,
        doc_md=__doc__,
        tags=["raydp", "snowflake"],
    ) as dag,
    RayDPClusterTaskGroup(
        "spark",
        cluster_name="FLIGHTS_BACKFILL",
        cluster=ClusterConfig(
            name="FLIGHTS_BACKFILL",
            worker_groups=[WorkerGroup("CPU_X64_M", count=1)],
            query_warehouse="RAYDP_SIS_XSW",
            # Should everything else fail, the head ends the cluster by itself.
            max_life_seconds=6 * 3600,
            max_idle_seconds=1800,
        ),
        shared=True,
    ) as spark,
):
    SubmitRayDPJobOperator(
        task_id="run_job",
        cluster_name=spark.cluster_name,
        application=Path(__file__).parent / "jobs" / "flights_daily.py",
        application_args=["--day", "{{ ds }}", "--share", "0.25"],
    )
