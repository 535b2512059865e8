"""A real Airflow whose parts are killed: one job, one row, one result, whatever dies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.submission import HeadAddress, JobStatus
from airflow_provider_raydp_spcs.spcs.ingress import session_tokens
from tests.system.live.real_airflow import RealAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]
NAME = "KILLS"


@pytest.fixture(scope="module", autouse=True)
def counted(connection: Any) -> None:
    connection.cursor().execute("CREATE TABLE IF NOT EXISTS RUNS_OF_JOBS (NAME TEXT)")


@pytest.fixture(scope="module", autouse=True)
def cluster(clusters: Clusters) -> Iterator[None]:
    clusters.create(ClusterConfig(NAME, worker_groups=[WorkerGroup("CPU_X64_XS", count=1)]))
    clusters.wait_for(NAME, deadline=time.time() + 120, poll=0.5)
    yield
    clusters.delete(NAME)


@pytest.fixture(scope="module")
def ray(clusters: Clusters, connection: Any, local_snowflake: dict[str, str], cluster: None) -> Iterator[RayJobsClient]:
    found = clusters.head_endpoints(NAME)
    address = HeadAddress(found["dashboard"], found["job-files"])
    with RayJobsClient(
        address, tokens=session_tokens(connection), ca_bundle=local_snowflake["SSL_CERT_FILE"]
    ) as client:
        yield client


def rows(connection: Any) -> dict[str, int]:
    found = connection.cursor().execute("SELECT NAME, COUNT(*) FROM RUNS_OF_JOBS GROUP BY NAME").fetchall()
    return {str(name): int(count) for name, count in found}


def jobs_of(ray: RayJobsClient, run_id: str) -> dict[str, list[JobStatus]]:
    """Task → states of its Ray jobs in a run, by the metadata that the operator gives them."""
    found: dict[str, list[JobStatus]] = {}
    for job in ray.jobs():
        if job.metadata.get("run_id") == run_id:
            found.setdefault(job.metadata["task_id"], []).append(job.status)
    return found


def test_a_worker_that_is_killed_at_any_moment_leaves_one_job(
    airflow: RealAirflow, ray: RayJobsClient, connection: Any
) -> None:
    airflow.trigger("killed_jobs", "kills")
    airflow.succeed("killed_jobs", "kills", 1200)
    tasks = airflow.tasks("killed_jobs", "kills")
    marks = Path(airflow.environment["KILL_MARKS"])
    assert {mark.name for mark in marks.iterdir()} == set(tasks), "every task was killed once"
    assert len(tasks) == 16
    jobs, counted = jobs_of(ray, "kills"), rows(connection)
    for name, task in tasks.items():
        tries = task["try_number"]
        assert tries >= 2, name
        assert jobs[name] == [JobStatus.SUCCEEDED], name
        assert counted[name] == 1, name
        assert airflow.xcom("killed_jobs", "kills", name) == {"name": name}
        lines = [line for attempt in range(1, tries + 1) for line in airflow.log("killed_jobs", "kills", name, attempt)]
        assert f"{name} has ended" in lines, name


def test_triggerer_and_scheduler_may_be_killed(airflow: RealAirflow, ray: RayJobsClient, connection: Any) -> None:
    airflow.trigger("long_jobs", "restarts", seconds=30)
    for name in ("long_deferred_1", "long_deferred_2"):
        airflow.wait_task("long_jobs", "restarts", name, ["deferred"], 60)
    airflow.wait_task("long_jobs", "restarts", "long_in_worker", ["running"], 60)
    time.sleep(5)
    airflow.kill("triggerer")
    airflow.start_component("triggerer")
    time.sleep(5)
    airflow.kill("scheduler")
    airflow.start_component("scheduler")
    airflow.succeed("long_jobs", "restarts", 600)
    jobs, counted = jobs_of(ray, "restarts"), rows(connection)
    for name in ("long_deferred_1", "long_deferred_2", "long_in_worker"):
        own = f"{name}-restarts"
        assert jobs[name] == [JobStatus.SUCCEEDED]
        assert counted[own] == 1
        assert airflow.xcom("long_jobs", "restarts", name) == {"name": own}
    for name in ("long_deferred_1", "long_deferred_2"):
        shown = [line for line in airflow.log("long_jobs", "restarts", name) if line.startswith(f"{name}-restarts")]
        numbered = [f"{name}-restarts line {number}" for number in range(120)]
        assert shown == [*numbered, f"{name}-restarts has ended"]


@pytest.mark.parametrize("task", ["long_deferred_1", "long_in_worker"])
def test_a_task_that_is_marked_failed_stops_its_job(airflow: RealAirflow, ray: RayJobsClient, task: str) -> None:
    run = f"failed-{task}"
    airflow.trigger("long_jobs", run, seconds=120)
    state = "deferred" if "deferred" in task else "running"
    airflow.wait_task("long_jobs", run, task, [state], 60)
    airflow.wait(lambda: JobStatus.RUNNING in jobs_of(ray, run).get(task, []), 90, "the job does not run")
    airflow.mark_failed("long_jobs", run, task)
    airflow.wait(lambda: jobs_of(ray, run)[task] == [JobStatus.STOPPED], 60, "the job goes on")
    for other in airflow.tasks("long_jobs", run):
        if other != task:
            airflow.mark_failed("long_jobs", run, other)
    airflow.wait(
        lambda: all(states == [JobStatus.STOPPED] for states in jobs_of(ray, run).values()), 60, "other jobs go on"
    )


def test_a_cleared_task_really_runs_again(airflow: RealAirflow, ray: RayJobsClient, connection: Any) -> None:
    airflow.clear("killed_jobs", "kills", "task_at_start")
    airflow.wait(lambda: rows(connection)["task_at_start"] == 2, 90, "it did not run again")
    airflow.succeed("killed_jobs", "kills", 90)
    assert jobs_of(ray, "kills")["task_at_start"] == [JobStatus.SUCCEEDED] * 2
