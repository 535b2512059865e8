"""Run a Spark-on-Ray job on a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf
from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_provider_raydp_spcs.jobs.application import OWN, Application, check_session
from airflow_provider_raydp_spcs.jobs.errors import JobNotFoundError, RayJobsError
from airflow_provider_raydp_spcs.jobs.generation import LogPosition, Ticket, current_job
from airflow_provider_raydp_spcs.jobs.logs import MAX_LINES, LogView
from airflow_provider_raydp_spcs.jobs.submission import (
    TERMINAL,
    JobInfo,
    JobStatus,
    check_runtime_env,
    submission_id,
)
from airflow_provider_raydp_spcs.jobs.versions import check_versions, cluster_versions
from airflow_provider_raydp_spcs.jobs.wait import (
    DEFERRED_POLL_SECONDS,
    POLL_SECONDS,
    check_end,
    look,
    overdue,
    patiently,
    result_of,
    stop_and_wait,
    stop_at_once,
    wait_for_job,
)
from airflow_provider_raydp_spcs.links.raydp import JOB_LINKS
from airflow_provider_raydp_spcs.operators import events
from airflow_provider_raydp_spcs.operators.base import GRACE, JOB_XCOM, RayDPOperator, poll_seconds, run_names

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_raydp_spcs.hooks.ray_jobs import RayJobsHook
    from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook
    from airflow_provider_raydp_spcs.jobs.calls import Versions
    from airflow_provider_raydp_spcs.jobs.client import RayJobsClient


class SubmitRayDPJobOperator(RayDPOperator):
    """Puts an application on the artifacts stage, submits it through the Ray Jobs API, and waits for its end.

    The job runs once, whatever becomes of worker, triggerer or scheduler: its id follows from the task's run and a
    generation that is kept in the task state store before the job is submitted. A retry after a crash finds the job again;
    a retry after a failed job and a cleared task run a new one. The driver's log is shown in the task's log while the job
    runs. A task that is killed stops its job.

    :param application: Python file that runs as the driver on the head.
    :param application_args: its arguments; never put secrets here, they are visible on the head.
    :param artifacts_stage: where the application goes; the stage that the cluster mounts.
    :param runtime_env: Ray's runtime environment of the job; code in it must be on the cluster already. It is shown in the
        UI, so never put secrets here either.
    :param session: ``own`` starts a Spark application where the job asks for a session; ``warm`` shares one with other such
        jobs of the cluster, which is there within a second once the first of them has started it.
    :param wait_for_completion: otherwise the task ends with the submit; see ``RayDPJobSensor``.
    :param deferrable: wait in the triggerer, without a worker slot. Default: ``[operators] default_deferrable``.
    :param timeout: seconds from the submit after which the job is stopped and the task fails; None for no limit.
    :param poll_interval: seconds between looks; by default 1 in the worker and 5 in the triggerer.
    :param max_log_lines: lines of the driver's log in the task's log; the exported log has them all.
    :returns: the job's result (``runtime.set_result``), None where it gave none; without waiting, the submission id.
    """

    template_fields: Sequence[str] = (
        *RayDPOperator.template_fields,
        "application",
        "application_args",
        "artifacts_stage",
        "runtime_env",
        "session",
    )
    operator_extra_links = JOB_LINKS

    def __init__(
        self,
        *,
        application: str | Path = "",
        application_args: Sequence[str] = (),
        artifacts_stage: str = "RAYDP_ARTIFACTS",
        runtime_env: Mapping[str, Any] | None = None,
        session: str = OWN,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        timeout: float | None = None,
        poll_interval: float | None = None,
        max_log_lines: int = MAX_LINES,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.application = str(application)
        self.application_args = list(application_args)
        self.artifacts_stage = artifacts_stage
        self.runtime_env = dict(runtime_env or {})
        self.session = session
        self.wait_for_completion, self.deferrable = wait_for_completion, deferrable
        self.timeout, self.poll_interval, self.max_log_lines = timeout, poll_interval, max_log_lines
        self._stop: Callable[[], None] | None = None
        self._killed = False

    def execute(self, context: Context) -> Any:
        """See the class."""
        began = time.time()
        check_runtime_env(self.runtime_env)
        session = check_session(self.session)
        with self.prepare(context) as found, self.spcs() as hook:
            application = replace(found, session=session)
            ray = self._ray(hook)
            with patiently(ray.client, told=self.say) as client, self._stopping_in_time():
                look_up = partial(cluster_versions, client, self.cluster_name)
                self.check_cluster(patiently(look_up, told=self.say, diagnose=ray.diagnose))
                ticket = self._ticket(client, ray, context)
                self._end_if_killed(ticket.submission_id, is_there=ticket.status is not None)
                self._tell(context, ticket)
                if ticket.status is None:
                    self._submit(hook, client, ray, application, ticket.submission_id, context)
                else:
                    self.say(f"found job {ticket.submission_id} of an earlier try: {ticket.status}")
                self.link_pages(hook, context, ticket.submission_id, ray.endpoints())
                if not self.wait_for_completion:
                    return ticket.submission_id
                view = self._view(context, ticket.submission_id)
                if self.deferrable and self._look(client, ray, ticket.submission_id, view).status not in TERMINAL:
                    self._defer(ticket, view, self.within(ticket.deadline, began))
                wait_for_job(
                    client,
                    ticket.submission_id,
                    view,
                    poll=poll_seconds(self.poll_interval, POLL_SECONDS, deferred=False),
                    deadline=ticket.deadline,
                    told=self.say,
                    diagnose=ray.diagnose,
                )
                return self._result(client, ray, ticket.submission_id)

    def execute_complete(self, context: Context, event: Mapping[str, Any], submission_id: str) -> Any:
        """The trigger saw the end, stopped the job, or gave up."""
        events.check(event)
        position = LogPosition(context["task_state_store"], submission_id)
        position.save(int(event["position"]))
        with self.spcs() as hook:
            ray = self._ray(hook)
            with patiently(ray.client, told=self.say, diagnose=ray.diagnose) as client:
                self._stop = self._stopping(client, submission_id, context)
                view = self._view(context, submission_id)
                info = self._look(client, ray, submission_id, view)
                if event.get("overdue"):
                    stop_and_wait(client, submission_id, told=self.say, diagnose=ray.diagnose)
                    raise overdue(client, submission_id, view)
                if info.status not in TERMINAL:
                    msg = f"job {submission_id} is {info.status} after its trigger saw the end; clear the task to try again"
                    raise RayJobsError(msg)
                check_end(client, info, view)
                return self._result(client, ray, submission_id)

    def on_kill(self) -> None:
        """Stop the job.

        Airflow calls this from a signal handler: whatever the task was doing stands still meanwhile, its channel to
        Airflow and its connections included, so none of them is used here.
        """
        self._killed = True
        if self._stop is not None:
            self._stop()

    @contextmanager
    def _stopping_in_time(self) -> Iterator[None]:
        """Stop the job where ``execution_timeout`` passes: when Airflow calls :meth:`on_kill` then, the connection is closed."""
        try:
            yield
        except AirflowTaskTimeout:
            self.on_kill()
            self._stop = None
            raise

    def prepare(self, context: Context) -> AbstractContextManager[Application]:
        """What shall run, for as long as it takes to submit it; found or refused before anything is asked of Snowflake."""
        del context
        return nullcontext(Application.read(self.application, self.application_args))

    def check_cluster(self, found: Versions) -> None:
        """Refuse a cluster whose images cannot run it.

        :raises RayJobsError: a fitting kind of it.
        """
        check_versions(found, self.cluster_name, self.say)

    def _look(self, client: RayJobsClient, ray: RayJobsHook, job: str, view: LogView) -> JobInfo:
        return patiently(partial(look, client, job, view), told=self.say, diagnose=ray.diagnose)

    def _ticket(self, client: RayJobsClient, ray: RayJobsHook, context: Context) -> Ticket:
        deadline = None if self.timeout is None else time.time() + self.timeout
        ticket = current_job(
            context["task_state_store"],
            int(context["ti"].max_tries),
            partial(_job_id, run_names(context)),
            partial(_status, client, ray, int(context["ti"].try_number)),
            partial(stop_and_wait, client, told=self.say, diagnose=ray.diagnose),
            deadline,
        )
        self._stop = self._stopping(client, ticket.submission_id, context)
        return ticket

    def _stopping(self, client: RayJobsClient, job: str, context: Context) -> Callable[[], None]:
        return partial(stop_at_once, client.sibling, job, self.say, int(context["ti"].try_number))

    def _tell(self, context: Context, ticket: Ticket) -> None:
        """Before the job runs, so that its logs can be exported however this task ends."""
        names = run_names(context)
        value = {key: names[key] for key in ("task_id", "map_index", "try_number")}
        context["ti"].xcom_push(key=JOB_XCOM, value={"submission_id": ticket.submission_id, **value})

    def _submit(
        self,
        hook: SpcsHook,
        client: RayJobsClient,
        ray: RayJobsHook,
        application: Application,
        job: str,
        context: Context,
    ) -> None:
        application.upload(hook.client.stages, self.artifacts_stage, self.cluster_name)
        metadata = {key: str(value) for key, value in run_names(context).items()}
        request = application.request(self.cluster_name, job, self.runtime_env, metadata)
        self._end_if_killed(job, is_there=False)
        made = patiently(partial(client.submit, request), told=self.say, diagnose=ray.diagnose)
        # The request may have stood still while we were killed, and gone out only then.
        self._end_if_killed(job, is_there=True)
        self.say(f"submitted job {job}" if made else f"job {job} had been submitted already")

    def _end_if_killed(self, job: str, *, is_there: bool) -> None:
        """Go no further where we were killed before the job was known, or there."""
        if self._killed:
            if is_there:
                self.on_kill()
            msg = f"job {job} is {'stopped' if is_there else 'not submitted'}, for its task was killed"
            raise RayJobsError(msg)

    def _defer(self, ticket: Ticket, view: LogView, deadline: float | None) -> None:
        from airflow_provider_raydp_spcs.triggers.ray_job import RayDPJobTrigger

        trigger = RayDPJobTrigger(
            self.cluster_name,
            ticket.submission_id,
            asdict(self.scope),
            poll_seconds(self.poll_interval, DEFERRED_POLL_SECONDS, deferred=True),
            deadline,
            log=True,
            position=view.position,
            max_log_lines=view.lines_left,
        )
        left = None if deadline is None else timedelta(seconds=deadline - time.time()) + GRACE
        self.defer(
            trigger=trigger,
            method_name="execute_complete",
            kwargs={"submission_id": ticket.submission_id},
            timeout=left,
        )

    def _view(self, context: Context, job: str) -> LogView:
        kept = LogPosition(context["task_state_store"], job)
        return LogView(self.say, kept.save, position=kept.read(), max_lines=self.max_log_lines)

    def _result(self, client: RayJobsClient, ray: RayJobsHook, job: str) -> Any:
        return patiently(partial(result_of, client, job), told=self.say, diagnose=ray.diagnose)

    def _ray(self, hook: SpcsHook) -> RayJobsHook:
        from airflow_provider_raydp_spcs.hooks.ray_jobs import RayJobsHook

        return RayJobsHook(self.cluster_name, hook)


def _job_id(names: Mapping[str, Any], generation: int) -> str:
    return submission_id(names["dag_id"], names["run_id"], names["task_id"], names["map_index"], generation)


def _status(client: RayJobsClient, ray: RayJobsHook, attempt: int, job: str) -> JobStatus | None:
    """The status of the job of an earlier try; claimed first, so that it is not stopped by that one between the two."""
    patiently(partial(client.claim, job, attempt), diagnose=ray.diagnose)
    try:
        return patiently(partial(client.info, job), diagnose=ray.diagnose).status
    except JobNotFoundError:
        return None
