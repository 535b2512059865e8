"""Export a run's logs to the stage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.cluster.logs import Exported, LogTarget, export_logs
from airflow_provider_raydp_spcs.operators.base import JOB_XCOM, RayDPOperator, run_names

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook
    from airflow_provider_raydp_spcs.jobs.client import RayJobsClient


class ExportRayDPLogsOperator(RayDPOperator):
    """Puts the logs of driver, executors and containers below ``@RAYDPLOGS/<cluster>/<dag>/<run>/<task>/<try>/``.

    Every node sends its own straight to the stage, with their MD5 in ``checksums.md5``; what nodes that died had shipped
    while they ran comes with them, also where the whole cluster is gone.

    Task and try are those of the submit task; a mapped task's index stands behind its name. Runs whatever became of the
    job; use it ``as_teardown`` so that its own success does not make a failed run look well.

    :param job_task_id: the task that submitted the job; or ``job_task_ids`` for several. Mapped tasks are exported index
        by index.
    :param logs_stage: the stage.
    :returns: names of the exported files.
    """

    template_fields: Sequence[str] = (*RayDPOperator.template_fields, "job_task_ids", "logs_stage")

    def __init__(
        self,
        *,
        job_task_id: str | None = None,
        job_task_ids: Iterable[str] = (),
        logs_stage: str = "RAYDPLOGS",
        trigger_rule: str = "all_done",
        **kwargs: Any,
    ) -> None:
        super().__init__(trigger_rule=trigger_rule, **kwargs)
        self.job_task_ids = [*([job_task_id] if job_task_id else []), *job_task_ids]
        self.logs_stage = logs_stage

    def execute(self, context: Context) -> list[str]:
        """See the class."""
        files: list[str] = []
        with self.spcs() as hook:
            ray = self._ray(hook)
            try:
                for target, submission_ids in self._jobs(context):
                    exported = export_logs(hook.client, hook.clusters, target, submission_ids, ray, self.say)
                    self._tell(target, exported)
                    files += exported.files
            finally:
                if ray is not None:
                    ray.close()
        return files

    def _tell(self, target: LogTarget, exported: Exported) -> None:
        for missing in exported.missing:
            self.log.warning("not exported: %s", missing)
        self.say(f"{len(exported.files)} files in {target.path}")

    def _jobs(self, context: Context) -> Iterable[tuple[LogTarget, list[str]]]:
        """Where the logs of each job go; where no task told of a job, containers and executors are exported all the same."""
        names = run_names(context)
        found = False
        for task_id in self.job_task_ids:
            told = context["ti"].xcom_pull(task_ids=task_id, key=JOB_XCOM)
            for job in [told] if isinstance(told, dict) else list(told or ()):
                if isinstance(job, dict):
                    found = True
                    index = int(job.get("map_index", -1))
                    task = str(job["task_id"]) + (f"-{index}" if index >= 0 else "")
                    yield self._target(names, task, int(job["try_number"])), [str(job["submission_id"])]
        if not found:
            yield self._target(names, self.job_task_ids[0] if self.job_task_ids else "no_job", 0), []

    def _target(self, names: dict[str, Any], task: str, attempt: int) -> LogTarget:
        return LogTarget(self.logs_stage, self.cluster_name, names["dag_id"], names["run_id"], task, attempt)

    def _ray(self, hook: SpcsHook) -> RayJobsClient | None:
        from airflow_provider_raydp_spcs.hooks.ray_jobs import RayJobsHook

        # What does not answer just now is waited for: the logs go with the cluster.
        return RayJobsHook(self.cluster_name, hook).head.client_if_it_answers(self.say)
