"""Functions of the DAG file as Spark jobs, one for each carrier: ``@task.raydp`` with dynamic task mapping."""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import DAG, task

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.task_groups import RayDPClusterTaskGroup

LATE_MINUTES = 60

with DAG(
    dag_id="flights_by_carrier",
    description="How often carriers were more than an hour late in 2013",
    schedule=None,
    start_date=pendulum.datetime(2013, 1, 1),
    catchup=False,
    doc_md=__doc__,
    tags=["raydp", "snowflake"],
) as dag:

    @task
    def carriers() -> list[str]:
        """Decided at run time."""
        return ["AA", "DL", "UA"]

    with RayDPClusterTaskGroup(
        "spark",
        cluster_name="CARRIERS_{{ dag_run.run_after | ts_nodash }}",
        cluster=ClusterConfig(name="CARRIERS", worker_groups=[WorkerGroup(count=1)], query_warehouse="RAYDP_SIS_XSW"),
    ) as group:

        @task.raydp(cluster_name=group.cluster_name, spark={"share": 0.5}, max_active_tis_per_dagrun=2)
        def lateness(carrier: str, spark: Any = None) -> dict[str, Any]:
            """Runs as the Spark driver on the cluster; LATE_MINUTES travels along."""
            from airflow_provider_raydp_spcs.runtime import read_table

            flights = read_table(
                spark,
                "FLIGHTS",
                columns=("MONTH", "DEP_DELAY"),
                where="CARRIER = %s AND MONTH <= 2 AND DEP_DELAY IS NOT NULL",
                params=(carrier,),
            )
            late = flights.filter(flights.DEP_DELAY > LATE_MINUTES).count()
            total = flights.count()
            return {"carrier": carrier, "flights": total, "late": late}

        found = lateness.expand(carrier=carriers())

    @task
    def summary(rows: list[dict[str, Any]]) -> dict[str, float]:
        """Back in Airflow: the functions' return values."""
        return {row["carrier"]: round(row["late"] / row["flights"], 4) for row in rows}

    summary(found)
