"""The process of a task, or the worker that runs it, is killed at a named moment of the operator's work."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.submission import JobStatus
from tests.faults.suite import Suite
from tests.system.live.real_airflow import RealAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]


def jobs_of(ray: RayJobsClient, run_id: str) -> dict[str, list[JobStatus]]:
    """Task → states of its Ray jobs in a run, by the metadata that the operator gives them."""
    found: dict[str, list[JobStatus]] = {}
    for job in ray.jobs():
        if job.metadata.get("run_id") == run_id:
            found.setdefault(job.metadata["task_id"], []).append(job.status)
    return found


def test_a_worker_that_is_killed_at_any_moment_leaves_one_job(
    airflow: RealAirflow, ray: RayJobsClient, suite: Suite
) -> None:
    with suite.fault(
        "Airflow",
        "task's process or worker SIGKILLed, at 16 moments between its first line and its result",
        "the next try finds the job again: one job, one result, the whole log",
    ) as fault:
        airflow.trigger("killed_jobs", "kills")
        airflow.wait_run("killed_jobs", "kills", 900)
        tasks = airflow.tasks("killed_jobs", "kills")
        assert len(tasks) == 16
        for name in tasks:
            fault.expects(name)
        marks = Path(airflow.environment["KILL_MARKS"])
        fault.struck(len(list(marks.iterdir())))
        assert {mark.name for mark in marks.iterdir()} == set(tasks), "every task was killed once"
        airflow.succeed("killed_jobs", "kills", 1)
        jobs = jobs_of(ray, "kills")
        for name, task in tasks.items():
            assert task["try_number"] >= 2, name
            assert jobs[name] == [JobStatus.SUCCEEDED], name
            assert airflow.xcom("killed_jobs", "kills", name) == {"name": name}
            tries = range(1, task["try_number"] + 1)
            lines = [line for attempt in tries for line in airflow.log("killed_jobs", "kills", name, attempt)]
            assert f"{name} has ended" in lines, name
        fault.seen("as expected, at every moment")


def test_a_cleared_task_really_runs_again(airflow: RealAirflow, ray: RayJobsClient, suite: Suite) -> None:
    with suite.fault("Airflow", "task cleared after it had ended", "its job runs a second time, by design") as fault:
        fault.expects("task_at_start", 2)
        airflow.clear("killed_jobs", "kills", "task_at_start")
        fault.struck()
        airflow.wait(lambda: suite.counted()["task_at_start"] == 2, 90, "it did not run again")
        airflow.succeed("killed_jobs", "kills", 90)
        assert jobs_of(ray, "kills")["task_at_start"] == [JobStatus.SUCCEEDED] * 2
        fault.seen("as expected: two jobs, two rows")
