"""One job per task, wherever the worker dies."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_raydp_spcs.jobs.generation import LogPosition, current_job
from airflow_provider_raydp_spcs.jobs.submission import JobStatus


class Died(Exception):  # noqa: N818 - it is no error of the code
    """The worker was killed here."""


class World:
    """A state store and a Ray that takes each id once; the worker dies at the step that was chosen."""

    def __init__(self, dies_at: str = "") -> None:
        self.state: dict[str, Any] = {}
        self.jobs: dict[str, JobStatus] = {}
        self.started = 0
        self.dies_at = dies_at
        self.deadline, self.got_deadline = None, None  # type: tuple[float | None, float | None]

    def stop(self, job: str) -> None:
        self.jobs[job] = JobStatus.STOPPED

    def step(self, name: str) -> None:
        if name == self.dies_at:
            self.dies_at = ""
            raise Died(name)

    def get(self, key: str, default: Any = None) -> Any:
        return self.state.get(key, default)

    def set(self, key: str, value: Any) -> None:
        self.step("before generation saved")
        self.state[key] = value
        self.step("after generation saved")

    def run_task(self, clear_mark: int = 0, ends: JobStatus = JobStatus.SUCCEEDED) -> str:
        """What the submit operator does, step by step."""
        self.step("at start")
        ticket = current_job(self, clear_mark, lambda number: f"job-{number}", self.jobs.get, self.stop, self.deadline)
        job, status = ticket.submission_id, ticket.status
        self.got_deadline = ticket.deadline
        self.step("before POST")
        if status is None and job not in self.jobs:  # "already exists" is no error
            self.jobs[job] = JobStatus.RUNNING
            self.started += 1
        self.step("after POST")
        self.step("while polling")
        if self.jobs[job] is JobStatus.RUNNING:
            self.jobs[job] = ends
        self.step("at success before XCom")
        return job


MOMENTS = [
    "at start", "before generation saved", "after generation saved", "before POST", "after POST", "while polling",
    "at success before XCom",
]  # fmt: skip


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_worker_that_dies_leaves_exactly_one_job(moment: str) -> None:
    world = World(dies_at=moment)
    with pytest.raises(Died):
        world.run_task()
    assert world.run_task() == "job-1"
    assert world.started == 1


@pytest.mark.parametrize("ends", [JobStatus.FAILED, JobStatus.STOPPED])
def test_a_failed_job_is_submitted_anew(ends: JobStatus) -> None:
    world = World()
    assert world.run_task(ends=ends) == "job-1"
    assert world.run_task() == "job-2"
    assert world.started == 2


def test_a_cleared_task_really_runs_again() -> None:
    world = World()
    world.run_task(clear_mark=0)
    assert world.run_task(clear_mark=1) == "job-2"
    assert world.run_task(clear_mark=1) == "job-2"
    assert world.run_task(clear_mark=2) == "job-3"
    assert world.started == 3


def test_a_new_cluster_gets_the_same_job_again() -> None:
    world = World()
    world.run_task()
    world.jobs.clear()
    assert world.run_task() == "job-1"
    assert world.started == 2


def test_a_job_that_still_runs_when_its_task_is_cleared_is_stopped() -> None:
    world = World(dies_at="while polling")
    with pytest.raises(Died):
        world.run_task(clear_mark=0)
    assert world.run_task(clear_mark=1) == "job-2"
    assert world.jobs == {"job-1": JobStatus.STOPPED, "job-2": JobStatus.SUCCEEDED}


def test_a_job_that_is_found_again_keeps_its_deadline() -> None:
    world = World(dies_at="while polling")
    world.deadline = 100.0
    with pytest.raises(Died):
        world.run_task()
    world.deadline = 200.0
    world.run_task(ends=JobStatus.FAILED)
    assert world.got_deadline == 100.0
    world.run_task()
    assert world.got_deadline == 200.0


def test_the_logs_position_is_kept_per_job() -> None:
    world = World()
    LogPosition(world, "job-1").save(17)
    assert LogPosition(world, "job-1").read() == 17
    assert LogPosition(world, "job-2").read() == 0
