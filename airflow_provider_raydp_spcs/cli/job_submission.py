"""Submitting a job from a command line, and seeing it to its end."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from airflow_provider_raydp_spcs.cli.asked import read_file
from airflow_provider_raydp_spcs.cli.durations import seconds
from airflow_provider_raydp_spcs.cli.exit_codes import ExitCode, UsageError, code_of
from airflow_provider_raydp_spcs.cli.job_view import job_json
from airflow_provider_raydp_spcs.cli.output import answer, explain, is_json, say
from airflow_provider_raydp_spcs.jobs.application import OWN, Application, check_session
from airflow_provider_raydp_spcs.jobs.errors import JobFailedError, JobInputError, JobTimeoutError
from airflow_provider_raydp_spcs.jobs.logs import LogView
from airflow_provider_raydp_spcs.jobs.submission import check_runtime_env, check_submission_id
from airflow_provider_raydp_spcs.jobs.versions import check_versions, cluster_versions
from airflow_provider_raydp_spcs.jobs.wait import patiently, result_of, stop_and_wait, wait_for_job

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
    from airflow_provider_raydp_spcs.jobs.head import Head
    from airflow_provider_raydp_spcs.spcs.stages import Stages

EVERY_LINE = sys.maxsize
"""Whoever looks at a terminal, or keeps its output, wants all of a log."""


@dataclass(frozen=True)
class Submission:
    """A job that is asked for.

    :param job: its submission id.
    :param patience: seconds after which it is stopped; None never.
    """

    cluster: str
    application: Application
    job: str
    runtime_env: dict[str, Any]
    patience: int | None

    @classmethod
    def read(
        cls,
        cluster: str,
        file: Path,
        arguments: Sequence[str],
        job_id: str | None,
        runtime_env: Path | None,
        timeout: str | None,
        session: str = OWN,
    ) -> Submission:
        """What the command line says, looked through before anything is sent.

        :raises UsageError, ApplicationNotFoundError: it cannot be.
        """
        application = Application.read(file, arguments)
        stem = (
            "".join(each if each.isalnum() and each.isascii() else "-" for each in file.stem)[:40].strip("-") or "job"
        )
        job = job_id if job_id is not None else f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
        environment = read_file(runtime_env)
        try:
            check_submission_id(job)
            check_runtime_env(environment)
            application = replace(application, session=check_session(session))
        except JobInputError as error:
            raise UsageError(str(error)) from error
        return cls(cluster, application, job, environment, seconds(timeout, "--timeout"))

    def send(self, stages: Stages, stage: str, client: RayJobsClient, head: Head) -> None:
        """Upload and submit; a job of this id that is there is left as it is."""
        found = patiently(partial(cluster_versions, client, self.cluster), told=say, diagnose=head.diagnose)
        check_versions(found, self.cluster, say)
        self.application.upload(stages, stage, self.cluster)
        metadata = {"submitted_by": "raydp-spcs", "application": self.application.file.name}
        request = self.application.request(self.cluster, self.job, self.runtime_env, metadata)
        made = patiently(partial(client.submit, request), told=say, diagnose=head.diagnose)
        say(f"submitted job {self.job}" if made else f"job {self.job} had been submitted already; it is not run again")


def follow(client: RayJobsClient, head: Head, wanted: Submission) -> None:
    """Show the job's log until its end, and answer with its end and result; the exit code is its fate."""
    view = LogView(partial(typer.echo, err=is_json()), max_lines=EVERY_LINE)
    deadline = None if wanted.patience is None else time.time() + wanted.patience
    error: JobFailedError | JobTimeoutError | None = None
    try:
        wait_for_job(client, wanted.job, view, deadline=deadline, told=say, diagnose=head.diagnose)
    except (JobFailedError, JobTimeoutError) as failure:
        error = failure
    except KeyboardInterrupt:
        _interrupted(client, head, wanted)
        raise
    info = patiently(partial(client.info, wanted.job), told=say, diagnose=head.diagnose)
    result = patiently(partial(result_of, client, wanted.job), told=say, diagnose=head.diagnose)
    told = {} if error is None else {"error": {"type": type(error).__name__, "message": str(error)}}
    answer(
        {"cluster": wanted.cluster.upper(), **job_json(info), "result": result, **told},
        lambda: None if result is None else f"result: {result}",
    )
    if error is not None:
        explain(error)
        raise typer.Exit(code_of(error))
    say(f"job {wanted.job}: {info.status}")


def _interrupted(client: RayJobsClient, head: Head, wanted: Submission) -> None:
    """Somebody pressed Ctrl-C: the job is another thing, so ask, or say how it is stopped."""
    if _is_asked():
        say("")
        try:
            if typer.confirm(f"Stop job {wanted.job}, too?", default=False, err=True):
                stop_and_wait(client, wanted.job, told=say, diagnose=head.diagnose)
                say(f"job {wanted.job} is stopped")
                raise typer.Exit(ExitCode.INTERRUPTED)
        except (KeyboardInterrupt, typer.Abort):
            say("")
    say(
        f"Job {wanted.job} goes on. Its log: raydp-spcs job logs --follow {wanted.cluster} {wanted.job}. "
        f"Stop it: raydp-spcs job stop {wanted.cluster} {wanted.job}"
    )


def _is_asked() -> bool:
    """Whether somebody is there who can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()
