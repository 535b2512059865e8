"""Creations that are killed before they are done."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator

for name in ("worker_creation", "deferred_creation"):
    with DAG(name, schedule=None):
        CreateRayDPClusterOperator(
            task_id="create",
            cluster_name=name,
            cluster=ClusterConfig(name, worker_groups=[WorkerGroup("CPU_X64_XS", count=1)]),
            deferrable=name == "deferred_creation",
        )
