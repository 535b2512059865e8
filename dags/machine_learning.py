"""Machine learning on one cluster: Ray generates the samples and writes them to Snowflake, Spark learns from them.

The first job fills the table ML_SAMPLES, a million rows with 20 features unless the run says otherwise; the second reads it
back, trains a random forest with Spark MLlib, and returns ``{"rows", "auc", "accuracy"}``.
"""

from __future__ import annotations

from pathlib import Path

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.task_groups import RayDPClusterTaskGroup

JOBS = Path(__file__).parent / "jobs"

with (
    DAG(
        dag_id="machine_learning",
        description="A random forest over a million generated samples",
        schedule=None,
        start_date=pendulum.datetime(2013, 1, 1),
        catchup=False,
        # Every run replaces the same table.
        max_active_runs=1,
        params={
            "rows": Param(
                1_000_000,
                type="integer",
                minimum=1_000,
                maximum=100_000_000,
                title="Samples",
                description="How many rows are generated.",
            )
        },
        doc_md=__doc__,
        tags=["raydp", "snowflake"],
    ) as dag,
    RayDPClusterTaskGroup(
        "spark",
        cluster_name="MACHINE_LEARNING",
        cluster=ClusterConfig(
            name="MACHINE_LEARNING",
            worker_groups=[WorkerGroup("CPU_X64_M", count=1)],
            query_warehouse="RAYDP_SIS_XSW",
        ),
    ) as spark,
):
    generate = SubmitRayDPJobOperator(
        task_id="generate",
        cluster_name=spark.cluster_name,
        application=JOBS / "samples_generate.py",
        application_args=["--rows", "{{ params.rows }}"],
    )
    train = SubmitRayDPJobOperator(
        task_id="train", cluster_name=spark.cluster_name, application=JOBS / "samples_train.py"
    )

    generate >> train
