"""Operators, sensors and hooks: each argument that Airflow renders, as it is after the rendering."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from airflow_provider_raydp_spcs.decorators.raydp import RayDPDecoratedOperator
from airflow_provider_raydp_spcs.hooks.ray_jobs import RayJobsHook
from airflow_provider_raydp_spcs.hooks.scope import SpcsScope
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.delete_cluster import DeleteRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.export_logs import ExportRayDPLogsOperator
from airflow_provider_raydp_spcs.operators.reap_clusters import ReapRayDPClustersOperator
from airflow_provider_raydp_spcs.operators.resume_cluster import ResumeRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.scale_cluster import ScaleRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.operators.suspend_cluster import SuspendRayDPClusterOperator
from airflow_provider_raydp_spcs.sensors.cluster import RayDPClusterSensor
from airflow_provider_raydp_spcs.sensors.ray_job import RayDPJobSensor
from airflow_provider_raydp_spcs.task_groups import RayDPClusterTaskGroup
from tests.faults.hostile.world import Call, World
from tests.unit.airflow.fakes import Airflow

SCOPE = {
    "snowflake_conn_id": "snowflake_default", "database": "RAYDP_SIS_DB", "schema": "RAYDP_SIS_CORE_SCHEMA", "role": "RAYDP_SIS_ROLE",
    "warehouse": "RAYDP_SIS_XSW",
}  # fmt: skip


def execute(kind: Callable[..., Any], **given: Any) -> Callable[..., Any]:
    def act(world: World, **values: Any) -> None:
        operator = kind(task_id="t", **{"cluster_name": "OTHER", **given, **values})
        context = Airflow().context()
        operator.poke(context) if hasattr(operator, "poke") else operator.execute(context)

    return act


def calls() -> Iterator[Call]:
    def file(world: World) -> None:
        (world.folder / "app.py").write_text("print('x')")

    yield Call(
        "operators.base:RayDPOperator",
        execute(SuspendRayDPClusterOperator),
        {"cluster_name": "OTHER", **SCOPE},
        is_data=True,
    )
    yield Call(
        "sensors.base:RayDPSensor", execute(RayDPClusterSensor), {"cluster_name": "OTHER", **SCOPE}, is_data=True
    )
    yield Call("sensors.cluster:RayDPClusterSensor", execute(RayDPClusterSensor), {"target": "ready"}, is_data=True)
    yield Call("sensors.ray_job:RayDPJobSensor", execute(RayDPJobSensor), {"submission_id": "j"}, is_data=True)
    yield Call(
        "operators.scale_cluster:ScaleRayDPClusterOperator", execute(ScaleRayDPClusterOperator), {"count": "2", "worker_group": "w"},
        is_data=True,
    )  # fmt: skip
    yield Call(
        "operators.reap_clusters:ReapRayDPClustersOperator",
        lambda world, **given: ReapRayDPClustersOperator(task_id="t", only_tell=True, **given).execute(
            Airflow().context()
        ),
        {"cluster_owner": "o", **SCOPE},
        is_data=True,
    )
    yield Call(
        "operators.create_cluster:CreateRayDPClusterOperator",
        lambda world, cluster, applications: CreateRayDPClusterOperator(
            task_id="t", cluster_name="OTHER", cluster=cluster, applications=[str(world.folder / each.lstrip("/")) for each in applications]
        ).check(),
        {"cluster": {"image_tag": "1", "query_warehouse": "W", "tags": {"COST": "x"}}, "applications": ["app.py"]},
        file,
    )  # fmt: skip
    yield Call(
        "operators.submit_job:SubmitRayDPJobOperator",
        lambda world, application, **given: execute(
            SubmitRayDPJobOperator, application=world.folder / application.lstrip("/"), **given
        )(world),
        {"application": "app.py", "application_args": ["a", "b"], "artifacts_stage": "RAYDP_ARTIFACTS",
         "runtime_env": {"env_vars": {"A": "x"}, "working_dir": "https://x/y.zip"}, "session": "own"},
        file, is_data=True,
    )  # fmt: skip
    yield Call(
        "decorators.raydp:RayDPDecoratedOperator",
        execute(RayDPDecoratedOperator, python_callable=lambda a, **more: a),
        {"op_args": ["a"], "op_kwargs": {"b": "x"}, "spark": {"app_name": "x"}},
        is_data=True,
    )
    yield Call(
        "operators.export_logs:ExportRayDPLogsOperator",
        execute(ExportRayDPLogsOperator),
        {"job_task_ids": ["a"], "logs_stage": "RAYDPLOGS"},
        is_data=True,
    )
    yield Call("hooks.scope:SpcsScope", lambda world, **given: _look(**given), SCOPE, is_data=True)
    yield Call(
        "hooks.ray_jobs:RayJobsHook",
        lambda world, cluster_name: RayJobsHook(cluster_name, SpcsScope().hook()).address(),
        {"cluster_name": "OTHER"},
    )
    yield Call(
        "task_groups:RayDPClusterTaskGroup",
        lambda world, cluster_name, logs_stage: _group(cluster_name, logs_stage),
        {"cluster_name": "OTHER", "logs_stage": "RAYDPLOGS"},
    )
    for kind in (DeleteRayDPClusterOperator, ResumeRayDPClusterOperator):
        # Besides those of their base they have no texts; the name goes another way through each.
        yield Call("operators.base:RayDPOperator", execute(kind), {"cluster_name": "OTHER"}, is_data=True)


def _look(**scope: str) -> None:
    with SpcsScope(**scope).hook() as hook:
        hook.clusters.find("OTHER")


def _group(cluster_name: str, logs_stage: str) -> None:
    from airflow.sdk import DAG

    with DAG("d", schedule=None), RayDPClusterTaskGroup("g", cluster_name=cluster_name, logs_stage=logs_stage) as group:
        SubmitRayDPJobOperator(task_id="j", cluster_name=cluster_name, application="x.py")
    assert group.cluster_name == cluster_name
