"""A task group that brings its own cluster: whatever stands inside runs between its creation and its deletion."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from airflow.sdk import BaseOperator, TaskGroup
from airflow.sdk.definitions.mappedoperator import MappedOperator

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.delete_cluster import DeleteRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.export_logs import ExportRayDPLogsOperator
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator


class RayDPClusterTaskGroup(TaskGroup):
    """Creates a cluster, runs the tasks inside, exports the logs of every job among them, and deletes the cluster.

    Creation is a setup and the other two are teardowns: they run however the jobs end, the export before the deletion,
    and do not hide a job's failure. Jobs may be mapped::

        with RayDPClusterTaskGroup("spark", cluster_name="DAILY_{{ ds_nodash }}", cluster=CONFIG) as spark:
            SubmitRayDPJobOperator(task_id="job", cluster_name=spark.cluster_name, application=…)

    :param group_id: name of the group.
    :param cluster_name: may be templated.
    :param cluster: see :class:`~airflow_provider_raydp_spcs.operators.create_cluster.CreateRayDPClusterOperator`.
    :param shared: several DAG runs share the cluster; the last one out deletes it.
    :param snowflake: arguments of every operator about where in Snowflake, such as ``{"snowflake_conn_id": …}``.
    :param create: further arguments of the creation, such as ``{"timeout": 600, "deferrable": True}``.
    :param delete: further arguments of the deletion.
    :param logs_stage: where the logs go.
    """

    def __init__(
        self,
        group_id: str,
        *,
        cluster_name: str,
        cluster: ClusterConfig | Mapping[str, Any] | None = None,
        shared: bool = False,
        snowflake: Mapping[str, Any] | None = None,
        create: Mapping[str, Any] | None = None,
        delete: Mapping[str, Any] | None = None,
        logs_stage: str = "RAYDPLOGS",
        **kwargs: Any,
    ) -> None:
        super().__init__(group_id=group_id, **kwargs)
        self.cluster_name = cluster_name
        self._cluster, self._shared, self._logs_stage = cluster, shared, logs_stage
        self._snowflake, self._create, self._delete = dict(snowflake or {}), dict(create or {}), dict(delete or {})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wire the cluster around what stands inside."""
        if error is None:
            self._wire()
        super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]

    def _wire(self) -> None:
        inside = list(self.iter_tasks())
        ids = {task.task_id for task in inside}
        roots = [task for task in inside if not ids & task.upstream_task_ids]
        leaves = [task for task in inside if not ids & task.downstream_task_ids]
        jobs = [task.task_id for task in inside if _is_job(task)]
        where = {"cluster_name": self.cluster_name, **self._snowflake}
        create = CreateRayDPClusterOperator(
            task_id="create_cluster", cluster=self._cluster, shared=self._shared, **where, **self._create
        )
        export = ExportRayDPLogsOperator(
            task_id="export_logs", job_task_ids=jobs, logs_stage=self._logs_stage, **where
        ).as_teardown(setups=create)
        delete = DeleteRayDPClusterOperator(
            task_id="delete_cluster", shared=self._shared, **where, **self._delete
        ).as_teardown(setups=create)
        for task in roots or [export]:
            create.set_downstream(task)
        for task in leaves:
            task.set_downstream(export)
        export.set_downstream(delete)


def _is_job(task: Any) -> bool:
    kind = task.operator_class if isinstance(task, MappedOperator) else type(task)
    return isinstance(kind, type) and issubclass(kind, SubmitRayDPJobOperator) and issubclass(kind, BaseOperator)
