"""Export a run's logs to the stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.cluster.errors import ClusterError
from airflow_provider_raydp_spcs.cluster.logs import LogTarget, export_logs
from airflow_provider_raydp_spcs.jobs.errors import RayJobsError
from airflow_provider_raydp_spcs.operators.base import JOB_XCOM, RayDPOperator, run_names

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook
    from airflow_provider_raydp_spcs.jobs.client import RayJobsClient


class ExportRayDPLogsOperator(RayDPOperator):
    """Puts the logs of driver, executors and containers below ``@RAYDPLOGS/<cluster>/<dag>/<run>/<task>/<try>/``.

    Task and try are those of the submit task. Runs whatever became of the job; use it ``as_teardown`` so that its own
    success does not make a failed run look well.

    :param job_task_id: the task that submitted the job.
    :param logs_stage: the stage.
    :returns: names of the exported files.
    """

    template_fields: Sequence[str] = (*RayDPOperator.template_fields, "job_task_id", "logs_stage")

    def __init__(
        self,
        *,
        cluster_name: str,
        job_task_id: str,
        logs_stage: str = "RAYDPLOGS",
        trigger_rule: str = "all_done",
        **kwargs: Any,
    ) -> None:
        super().__init__(cluster_name=cluster_name, trigger_rule=trigger_rule, **kwargs)
        self.job_task_id, self.logs_stage = job_task_id, logs_stage

    def execute(self, context: Context) -> list[str]:
        """See the class."""
        names = run_names(context)
        job = context["ti"].xcom_pull(task_ids=self.job_task_id, key=JOB_XCOM) or {}
        target = LogTarget(
            stage=self.logs_stage,
            cluster=self.cluster_name,
            dag=names["dag_id"],
            run=names["run_id"],
            task=str(job.get("task_id", self.job_task_id)),
            attempt=int(job.get("try_number", 0)),
        )
        jobs = [job["submission_id"]] if job else []
        with self.spcs() as hook:
            ray = self._ray(hook)
            try:
                exported = export_logs(hook.client, hook.clusters, target, jobs, ray, self.say)
            finally:
                if ray is not None:
                    ray.close()
        for missing in exported.missing:
            self.log.warning("not exported: %s", missing)
        self.say(f"{len(exported.files)} files in {target.path}")
        return list(exported.files)

    def _ray(self, hook: SpcsHook) -> RayJobsClient | None:
        from airflow_provider_raydp_spcs.hooks.ray_jobs import RayJobsHook

        try:
            return RayJobsHook(self.cluster_name, hook).client()
        except (ClusterError, RayJobsError) as error:
            self.log.warning("the head cannot be reached: %s", error)
            return None
