"""Three tasks that wait in a triggerer; the benchmark writes their task instances down as deferred."""

from __future__ import annotations

from airflow.sdk import DAG, BaseOperator

from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.sensors.cluster import RayDPClusterSensor

with DAG("waiting", schedule=None) as dag:
    SubmitRayDPJobOperator(task_id="job", cluster_name="HERE", application="no.py", deferrable=True)
    RayDPClusterSensor(task_id="cluster", cluster_name="HERE", target="suspended", deferrable=True)
    BaseOperator(task_id="probe")
