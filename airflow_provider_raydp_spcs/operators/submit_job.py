"""Run a Spark-on-Ray job on a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.jobs.errors import JobNotFoundError
from airflow_provider_raydp_spcs.jobs.generation import current_job
from airflow_provider_raydp_spcs.jobs.submission import Application, JobRequest, JobStatus, submission_id
from airflow_provider_raydp_spcs.jobs.wait import POLL_SECONDS, wait_for_job
from airflow_provider_raydp_spcs.operators.base import JOB_XCOM, RayDPOperator, run_names

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_raydp_spcs.jobs.client import RayJobsClient


class SubmitRayDPJobOperator(RayDPOperator):
    """Puts an application on the artifacts stage, submits it through the Ray Jobs API, and waits for its end.

    The job runs once, whatever becomes of the worker: its id follows from the task's run and a generation that is kept in
    the task state store before the job is submitted. A retry after a crash finds the job again; a retry after a failed job
    and a cleared task run a new one. The driver's log is shown in the task's log while the job runs.

    :param application: Python file that runs as the driver on the head.
    :param application_args: its arguments; never put secrets here, they are visible on the head.
    :param artifacts_stage: where the application goes; the stage that the cluster mounts.
    :param runtime_env: Ray's runtime environment of the job.
    :param wait_for_completion: otherwise the task ends with the submit; see ``RayDPJobSensor``.
    :param timeout: seconds after which the job is stopped and the task fails; None for no limit.
    :param poll_interval: seconds between looks.
    :returns: the submission id.
    """

    template_fields: Sequence[str] = (
        *RayDPOperator.template_fields,
        "application",
        "application_args",
        "artifacts_stage",
        "runtime_env",
    )

    def __init__(
        self,
        *,
        cluster_name: str,
        application: str | Path,
        application_args: Sequence[str] = (),
        artifacts_stage: str = "RAYDP_ARTIFACTS",
        runtime_env: Mapping[str, Any] | None = None,
        wait_for_completion: bool = True,
        timeout: float | None = None,
        poll_interval: float = POLL_SECONDS,
        **kwargs: Any,
    ) -> None:
        super().__init__(cluster_name=cluster_name, **kwargs)
        self.application = str(application)
        self.application_args = list(application_args)
        self.artifacts_stage = artifacts_stage
        self.runtime_env = dict(runtime_env or {})
        self.wait_for_completion = wait_for_completion
        self.timeout, self.poll_interval = timeout, poll_interval
        self._submission_id: str | None = None

    def execute(self, context: Context) -> str:
        """See the class."""
        from airflow_provider_raydp_spcs.hooks.ray_jobs import RayJobsHook

        application = Application.read(self.application)
        names = run_names(context)
        with self.spcs() as hook:
            folder = f"@{self.artifacts_stage}/{application.folder(self.cluster_name)}"
            hook.client.stages.put(application.file, folder)
            with RayJobsHook(self.cluster_name, hook).client() as client:
                job, status = current_job(
                    context["task_state_store"],
                    int(context["ti"].max_tries),
                    partial(_job_id, names),
                    partial(_status, client),
                )
                # Told before the job runs, so that its logs can be exported however this task ends.
                context["ti"].xcom_push(
                    key=JOB_XCOM,
                    value={"submission_id": job, "task_id": names["task_id"], "try_number": names["try_number"]},
                )
                self._submission_id = job
                if status is None:
                    entrypoint = application.entrypoint(self.cluster_name, self.application_args)
                    metadata = {key: str(value) for key, value in names.items()}
                    client.submit(JobRequest(job, entrypoint, self.runtime_env, metadata))
                    self.say(f"submitted job {job}")
                else:
                    self.say(f"found job {job} of an earlier try: {status}")
                if self.wait_for_completion:
                    wait_for_job(client, job, show=self.say, poll=self.poll_interval, timeout=self.timeout)
        return job

    def on_kill(self) -> None:
        """Stop the job."""
        from airflow_provider_raydp_spcs.hooks.ray_jobs import RayJobsHook

        if self._submission_id is not None:
            with self.spcs() as hook, RayJobsHook(self.cluster_name, hook).client() as client:
                self.say(f"stopping job {self._submission_id}")
                client.stop(self._submission_id)


def _job_id(names: Mapping[str, Any], generation: int) -> str:
    return submission_id(names["dag_id"], names["run_id"], names["task_id"], names["map_index"], generation)


def _status(client: RayJobsClient, job: str) -> JobStatus | None:
    try:
        return client.info(job).status
    except JobNotFoundError:
        return None
