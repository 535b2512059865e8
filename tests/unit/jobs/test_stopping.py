"""Stopping a job: at once, from a task that is being killed, or with patience."""

from __future__ import annotations

from typing import Any, Self

import pytest

from airflow_provider_raydp_spcs.jobs.errors import HeadGoneError, JobNotFoundError, RayUnreachableError
from airflow_provider_raydp_spcs.jobs.submission import JobInfo, JobStatus
from airflow_provider_raydp_spcs.jobs.wait import KILL_SECONDS, STOP_SECONDS, stop_and_wait, stop_at_once
from airflow_provider_raydp_spcs.spcs.errors import SnowflakeUnreachableError


class Ray:
    """Answers stops and questions with what was prepared; a class is raised."""

    def __init__(self, stops: list[Any], states: list[Any] | None = None) -> None:
        self.stops, self.states = stops, states or []
        self.naps: list[float] = []
        self.closed, self.claimed = False, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.closed = True

    def _next(self, answers: list[Any]) -> Any:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, type):
            raise answer("x")
        return answer

    def stop(self, job: str) -> Any:
        del job
        return self._next(self.stops)

    def claimant(self, job: str) -> int:
        del job
        return self.claimed

    def info(self, job: str) -> JobInfo:
        return JobInfo(job, self._next(self.states))

    def at_once(self) -> list[str]:
        told: list[str] = []
        stop_at_once(lambda: self, "j", told.append, 1, sleep=self.naps.append)  # type: ignore[arg-type, return-value]
        return told

    def patiently(self, **values: Any) -> None:
        stop_and_wait(self, "j", sleep=self.naps.append, **values)  # type: ignore[arg-type]


def test_a_job_that_runs_is_stopped_with_one_request() -> None:
    ray = Ray([True])
    assert ray.at_once() == ["stopping job j"]
    assert (ray.naps, ray.closed) == ([], True)


@pytest.mark.parametrize(("claimed", "stopped"), [(0, True), (1, True), (2, False)])
def test_a_job_that_a_later_try_has_taken_over_goes_on(claimed: int, stopped: bool) -> None:
    ray = Ray([True, "never"])
    ray.claimed = claimed
    told = ray.at_once()
    assert (ray.stops == ["never"]) is stopped
    assert ("job j goes on, for try 2 has taken it over" in told) is not stopped


def test_a_job_that_is_on_its_way_is_waited_for() -> None:
    ray = Ray([False, False, True])
    ray.at_once()
    assert len(ray.naps) == 2


def test_a_job_that_never_comes_takes_no_longer_than_a_killed_task_has() -> None:
    ray = Ray([False])
    ray.at_once()
    assert sum(ray.naps) <= KILL_SECONDS < 5


@pytest.mark.parametrize("error", [RayUnreachableError, HeadGoneError, SnowflakeUnreachableError, AttributeError])
def test_a_task_that_is_killed_hears_of_no_error(error: type[Exception]) -> None:
    assert Ray([error]).at_once() == ["stopping job j", "job j could not be stopped: x"]


def test_with_patience_it_bears_silence_and_waits_for_the_end() -> None:
    ray = Ray(
        [RayUnreachableError, True], [JobStatus.RUNNING, RayUnreachableError, JobStatus.RUNNING, JobStatus.STOPPED]
    )
    told: list[str] = []
    ray.patiently(told=told.append)
    assert len(told) == 2
    assert ray.states == [JobStatus.STOPPED]


def test_a_job_that_is_forgotten_has_ended() -> None:
    Ray([False], [JobNotFoundError]).patiently()


def test_a_job_that_does_not_stop_is_not_waited_for_for_ever() -> None:
    ray = Ray([True], [JobStatus.RUNNING])
    ray.patiently()
    assert sum(ray.naps) == STOP_SECONDS


def test_a_silence_that_snowflake_can_explain_ends_it() -> None:
    def gone() -> None:
        raise HeadGoneError("dropped")

    with pytest.raises(HeadGoneError, match="dropped"):
        Ray([RayUnreachableError]).patiently(diagnose=gone)
