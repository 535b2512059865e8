"""``raydp-spcs job``: jobs of a cluster."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_raydp_spcs.cli.completion import complete_clusters
from airflow_provider_raydp_spcs.cli.connections import Scope, connected
from airflow_provider_raydp_spcs.cli.output import answer, is_json, say

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
    from airflow_provider_raydp_spcs.jobs.head import Head
    from airflow_provider_raydp_spcs.jobs.submission import JobInfo

app = typer.Typer(help="Jobs of a cluster: submit, look at, stop.", no_args_is_help=True)
Cluster = Annotated[
    str, typer.Argument(metavar="CLUSTER", help="Name of the cluster.", autocompletion=complete_clusters)
]
Job = Annotated[str, typer.Argument(metavar="JOB", help="Submission id of the job.")]


@app.command()
@connected
def submit(
    scope: Scope,
    cluster: Cluster,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Python file that runs as the driver on the head.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="-- ARGUMENTS", help="Its arguments. No secrets: they are visible.")
    ] = None,
    *,
    job_id: Annotated[
        str | None, typer.Option("--id", help="Submission id. A job of this id that is there is not run again.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Show its log and wait for its end.")] = True,
    timeout: Annotated[str | None, typer.Option(help="Stop it after this time, such as 2h.")] = None,
    artifacts_stage: Annotated[str, typer.Option(help="Stage that the cluster mounts.")] = "RAYDP_ARTIFACTS",
    runtime_env: Annotated[
        Path | None, typer.Option(help="YAML or JSON file with Ray's runtime environment. No secrets: it is visible.")
    ] = None,
    session: Annotated[
        str, typer.Option(metavar="own|warm", help="warm: share a running Spark application with other such jobs.")
    ] = "own",
) -> None:
    """Run a Python file on a cluster. The exit code is the job's fate: 0 where it succeeded, 5 where it did not."""
    from airflow_provider_raydp_spcs.cli.job_submission import Submission, follow

    wanted = Submission.read(cluster, file, arguments or [], job_id, runtime_env, timeout, session)
    with scope.open() as snowflake:
        head = snowflake.head(cluster)
        with _client(head) as client:
            wanted.send(snowflake.client.stages, artifacts_stage, client, head)
            if not wait:
                info = _patiently(head, partial(client.info, wanted.job))
                answer(_with_cluster(cluster, info), lambda: wanted.job)
                return
            follow(client, head, wanted)


@app.command(name="list")
@connected
def list_jobs(scope: Scope, cluster: Cluster) -> None:
    """Every job that was submitted to a cluster since its head was started."""
    from airflow_provider_raydp_spcs.cli.job_view import job_json, jobs_table

    with scope.open() as snowflake:
        head = snowflake.head(cluster)
        with _client(head) as client:
            found = _patiently(head, client.jobs)
    answer({"jobs": [job_json(each) for each in found]}, lambda: jobs_table(found))


@app.command()
@connected
def status(
    scope: Scope,
    cluster: Cluster,
    job: Job,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for its end; the exit code is its fate, as that of submit.")
    ] = False,
) -> None:
    """How a job is, and its result where it gave one."""
    from airflow_provider_raydp_spcs.cli.exit_codes import ExitCode
    from airflow_provider_raydp_spcs.cli.job_view import job_json, job_view
    from airflow_provider_raydp_spcs.jobs.submission import TERMINAL, JobStatus
    from airflow_provider_raydp_spcs.jobs.wait import POLL_SECONDS, result_of

    with scope.open() as snowflake:
        head = snowflake.head(cluster)
        with _client(head) as client:
            info = _patiently(head, partial(client.info, job))
            while wait and info.status not in TERMINAL:
                time.sleep(POLL_SECONDS)
                info = _patiently(head, partial(client.info, job))
            result = _patiently(head, partial(result_of, client, job)) if info.status in TERMINAL else None
    answer({"cluster": cluster.upper(), **job_json(info), "result": result}, lambda: job_view(info))
    if result is not None and not is_json():
        typer.echo(f"result: {result}")
    if wait and info.status is not JobStatus.SUCCEEDED:
        raise typer.Exit(ExitCode.JOB_FAILED)


@app.command()
@connected
def logs(
    scope: Scope,
    cluster: Cluster,
    job: Job,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job's end, or Ctrl-C.")] = False,
    lines: Annotated[int | None, typer.Option("--lines", "-n", min=1, help="Only so many of the last lines.")] = None,
) -> None:
    """What a job's driver wrote."""
    from airflow_provider_raydp_spcs.cli.job_logs import follow_log, show_log

    with scope.open() as snowflake:
        head = snowflake.head(cluster)
        with _client(head) as client:
            info = _patiently(head, partial(client.info, job))
            if follow:
                follow_log(client, head, info.submission_id, lines)
            else:
                show_log(client, head, info.submission_id, lines)


@app.command()
@connected
def stop(
    scope: Scope, cluster: Cluster, jobs: Annotated[list[str], typer.Argument(metavar="JOB", help="Submission ids.")]
) -> None:
    """Stop jobs, and wait until they have ended. What has ended already stays as it is."""
    from airflow_provider_raydp_spcs.cli.job_view import job_json
    from airflow_provider_raydp_spcs.jobs.submission import TERMINAL
    from airflow_provider_raydp_spcs.jobs.wait import stop_and_wait

    found: list[JobInfo] = []
    with scope.open() as snowflake:
        head = snowflake.head(cluster)
        with _client(head) as client:
            for job in jobs:
                info = _patiently(head, partial(client.info, job))
                if info.status in TERMINAL:
                    say(f"job {job} had ended already: {info.status}")
                else:
                    stop_and_wait(client, job, told=say, diagnose=head.diagnose)
                    info = _patiently(head, partial(client.info, job))
                    say(f"job {job}: {info.status}")
                found.append(info)
    answer({"jobs": [job_json(each) for each in found]})


def _client(head: Head) -> RayJobsClient:
    from airflow_provider_raydp_spcs.jobs.wait import patiently

    return patiently(head.client, told=say, diagnose=head.diagnose)


def _patiently(head: Head, act: Any) -> Any:
    from airflow_provider_raydp_spcs.jobs.wait import patiently

    return patiently(act, told=say, diagnose=head.diagnose)


def _with_cluster(cluster: str, info: JobInfo) -> dict[str, Any]:
    from airflow_provider_raydp_spcs.cli.job_view import job_json

    return {"cluster": cluster.upper(), **job_json(info)}
