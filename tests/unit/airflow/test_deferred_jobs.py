"""A job that is waited for in the triggerer: handed over, followed, taken back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_raydp_spcs.cluster.errors import ClusterNotFoundError
from airflow_provider_raydp_spcs.jobs.errors import (
    HeadGoneError,
    JobFailedError,
    JobInputError,
    JobLostError,
    JobTimeoutError,
    RayJobsError,
    RayUnreachableError,
)
from airflow_provider_raydp_spcs.operators.base import GRACE
from airflow_provider_raydp_spcs.operators.events import WaitingFailedError
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from airflow_provider_raydp_spcs.triggers.ray_job import RayDPJobTrigger
from airflow_provider_raydp_spcs.triggers.watches import head_watch
from tests.unit.airflow.fakes import (
    ENDS_WELL,
    FAILS,
    GOES_ON,
    TOKEN,
    Airflow,
    FakeHead,
    FakeSnowflake,
    fire,
    of_task,
    until,
)

Told = Callable[[], list[str]]


@pytest.fixture
def submit(application: str, head: FakeHead) -> Callable[..., SubmitRayDPJobOperator]:
    def make(**values: Any) -> SubmitRayDPJobOperator:
        values = {"application": application, "poll_interval": 0.01, "deferrable": True, **values}
        return SubmitRayDPJobOperator(task_id="task", cluster_name="c", **values)

    return make


def defer(operator: Any, context: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    of_task(caught.value.trigger)
    return caught.value


def resume(operator: Any, context: Any, deferred: TaskDeferred, event: dict[str, Any]) -> Any:
    return getattr(operator, deferred.method_name)(context, event, **(deferred.kwargs or {}))


def trigger(instance_id: str = "try-1", **values: Any) -> RayDPJobTrigger:
    values = {"log": True, "max_log_lines": 100, **values}
    made: RayDPJobTrigger = of_task(RayDPJobTrigger("c", "j", {}, 0.01, **values), instance_id)
    return made


def marks(head: FakeHead, *instances: str) -> list[int | None]:
    """How far the log of job j was shown to tries of its task."""
    return [head.marks.get([f"j/{each}"]).get(f"j/{each}") for each in instances]


async def test_the_trigger_has_what_it_needs_and_no_secret(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    head.will(*GOES_ON)
    before = time.time()
    deferred = defer(submit(timeout=60, role="R", max_log_lines=5), airflow.context())
    ((name, job),) = head.jobs.items()
    _, arguments = deferred.trigger.serialize()
    deadline = arguments.pop("deadline")
    assert arguments == {
        "cluster_name": "c",
        "submission_id": name,
        "scope": {
            "snowflake_conn_id": "snowflake_default", "database": None, "schema": None, "role": "R", "warehouse": None,
        },
        "poll_interval": 0.01,
        "log": True,
        "position": len(job.log),
        "max_log_lines": 4,
        "give_up_at": None,
    }  # fmt: skip
    assert before + 60 <= deadline <= time.time() + 60
    assert deferred.kwargs == {"submission_id": name}
    assert deferred.timeout is not None
    assert timedelta(0) < GRACE < deferred.timeout
    assert TOKEN not in json.dumps(arguments)


async def test_without_a_deadline_airflow_is_given_none_either(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    head.will(*GOES_ON)
    deferred = defer(submit(), airflow.context())
    assert (deferred.trigger.serialize()[1]["deadline"], deferred.timeout) == (None, None)


@pytest.mark.parametrize(("own", "seconds"), [(None, 30), (3600, 30), (10, 10)])
async def test_execution_timeout_counts_in_the_triggerer_too(
    submit: Any, head: FakeHead, airflow: Airflow, own: float | None, seconds: float
) -> None:
    head.will(*GOES_ON)
    before = time.time()
    deferred = defer(submit(timeout=own, execution_timeout=timedelta(seconds=30)), airflow.context())
    assert before + seconds <= deferred.trigger.serialize()[1]["deadline"] <= time.time() + seconds


async def test_the_whole_way(submit: Any, head: FakeHead, airflow: Airflow, told: Told) -> None:
    head.will(("RUNNING", "1\n"), ("RUNNING", "2\n"), ("SUCCEEDED", "3\nlast"), result={"value": [1]})
    context = airflow.context()
    deferred = defer(submit(), context)
    event = await fire(deferred.trigger)
    assert event == {"status": "SUCCEEDED", "position": len("1\n2\n3\nlast"), "overdue": False}
    assert resume(submit(), context, deferred, event) == [1]
    assert [line for line in told() if line in ("1", "2", "3", "last")] == ["1", "2", "3", "last"]
    assert head.posted == 1


async def test_a_job_that_has_ended_already_is_not_deferred(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    head.will(("SUCCEEDED", ""), result={"value": 7})
    assert submit().execute(airflow.context()) == 7


async def test_a_failed_job_fails_the_task_with_its_last_lines(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    head.will(*FAILS, exit_code=1)
    context = airflow.context()
    deferred = defer(submit(), context)
    event = await fire(deferred.trigger)
    assert event["status"] == "FAILED"
    with pytest.raises(JobFailedError, match=r"exit code 1[\s\S]*first line\nthe reason"):
        resume(submit(), context, deferred, event)


async def test_wrong_input_is_told_from_other_failures(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    head.will(("RUNNING", ""), ("FAILED", "the result is no JSON: …; write anything else to a table\n"), exit_code=65)
    context = airflow.context()
    deferred = defer(submit(), context)
    with pytest.raises(JobInputError, match="write anything else to a table"):
        resume(submit(), context, deferred, await fire(deferred.trigger))


async def test_an_overdue_job_is_stopped_and_fails_the_task(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    head.will(*GOES_ON)
    context = airflow.context()
    deferred = defer(submit(timeout=0.3), context)
    event = await fire(deferred.trigger)
    assert (event["status"], event["overdue"]) == ("STOPPED", True)
    assert [job.status for job in head.jobs.values()] == ["STOPPED"]
    with pytest.raises(JobTimeoutError, match=r"was stopped[\s\S]*first line"):
        resume(submit(), context, deferred, event)


async def test_an_overdue_job_that_the_trigger_could_not_stop_is_stopped_by_the_task(
    submit: Any, head: FakeHead, airflow: Airflow
) -> None:
    head.will(*GOES_ON)
    context = airflow.context()
    deferred = defer(submit(), context)
    with pytest.raises(JobTimeoutError):
        resume(submit(), context, deferred, {"status": "RUNNING", "position": 0, "overdue": True})
    assert [job.status for job in head.jobs.values()] == ["STOPPED"]


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        ("HeadGoneError", HeadGoneError),
        ("RayUnreachableError", RayUnreachableError),
        ("ClusterNotFoundError", ClusterNotFoundError),
        ("NoSuchError", WaitingFailedError),
        ("annotations", WaitingFailedError),
    ],
)
async def test_what_ended_the_waiting_is_raised_as_it_was(
    submit: Any, head: FakeHead, airflow: Airflow, kind: str, raised: type[Exception]
) -> None:
    event = {"error": "these words", "kind": kind}
    with pytest.raises(raised, match="these words"):
        submit().execute_complete(airflow.context(), event, submission_id="j")


async def test_an_end_that_is_none_is_no_success(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    head.run("j", *GOES_ON)
    with pytest.raises(RayJobsError, match="is RUNNING after its trigger saw the end; clear the task"):
        submit().execute_complete(airflow.context(), {"status": "SUCCEEDED", "position": 0}, submission_id="j")


async def test_a_kill_on_resuming_stops_the_job(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    head.run("j", *GOES_ON)
    operator = submit()

    def kill(line: str) -> None:
        del line
        airflow.kill(operator)

    operator.say = lambda line: kill(line) if line == "first line" else None
    event = {"status": "SUCCEEDED", "position": 0}
    with pytest.raises(RayJobsError):
        operator.execute_complete(airflow.context(), event, submission_id="j")
    assert head.jobs["j"].status == "STOPPED"


class TestTrigger:
    async def test_restarted_it_goes_on_where_it_was(self, head: FakeHead, told: Told) -> None:
        head.run("j", ("RUNNING", "1\n2\n"))
        running = asyncio.create_task(fire(trigger()))
        await until(lambda: marks(head, "try-1") == [4])
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        head.jobs["j"].steps.extend([("RUNNING", "3\n"), ("SUCCEEDED", "4\n")])
        event = await fire(trigger())
        assert told() == ["1", "2", "3", "4"]
        assert event["position"] == 8
        assert marks(head, "try-1") == [8]

    async def test_restarted_after_all_was_shown_it_shows_nothing(self, head: FakeHead, told: Told) -> None:
        head.run("j", *ENDS_WELL)
        events = [await fire(trigger()), await fire(trigger())]
        assert told() == ["first line", "last line"]
        assert events[0] == events[1]

    async def test_another_try_has_a_log_of_its_own(self, head: FakeHead, told: Told) -> None:
        head.run("j", ("SUCCEEDED", "1\n2\n"))
        head.marks.set({"j/try-1": 4, "i/try-2": 4})
        await fire(trigger("try-2"))
        assert told() == ["1", "2"]
        assert marks(head, "try-1", "try-2") == [4, 4]

    async def test_outside_a_triggerer_it_keeps_nothing(self, head: FakeHead) -> None:
        head.run("j", *ENDS_WELL)
        made = trigger()
        made.task_instance = None  # type: ignore[assignment]
        assert (await fire(made))["status"] == "SUCCEEDED"
        assert ("POST", "/marks") not in head.requests

    async def test_a_head_of_an_older_image_keeps_nothing(
        self, head: FakeHead, told: Told, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = head.answer
        gone = 404, {"error": "POST /logs only, with at most 1 MiB"}
        monkeypatch.setattr(
            head, "answer", lambda how, path, body: gone if path == "/marks" else answer(how, path, body)
        )
        head.run("j", *ENDS_WELL)
        assert (await fire(trigger()))["status"] == "SUCCEEDED"
        assert told() == ["first line", "last line"]

    async def test_a_long_log_is_cut_and_its_end_shown_without_doubles(self, head: FakeHead, told: Told) -> None:
        head.run("j", ("RUNNING", "1\n2\n3\n"), ("RUNNING", "4\n"), ("SUCCEEDED", "5\nlast"))
        await fire(trigger(max_log_lines=2))
        lines = [line for line in told() if not line.startswith("…")]
        assert lines == ["1", "2", "3", "4", "5", "last"]
        assert told()[2].startswith("…")

    async def test_a_log_of_just_so_many_lines_is_shown_to_its_end(self, head: FakeHead, told: Told) -> None:
        head.run("j", ("SUCCEEDED", "1\n2\n3\n4\n"))
        await fire(trigger(max_log_lines=3))
        assert [line for line in told() if not line.startswith("…")] == ["1", "2", "3", "4"]

    async def test_silence_is_borne_at_every_moment(self, head: FakeHead, told: Told) -> None:
        head.run("j", *ENDS_WELL)
        head.silent = 2
        head.deaf["/logs"] = 4
        head.deaf["/marks"] = 3
        assert (await fire(trigger()))["status"] == "SUCCEEDED"
        assert told() == ["first line", "last line"]

    async def test_a_stop_at_the_deadline_bears_silence(self, head: FakeHead) -> None:
        head.run("j", *GOES_ON)
        head.deaf["/stop"] = 3
        event = await fire(trigger(deadline=time.time() + 0.1))
        assert (event["overdue"], head.jobs["j"].status) == (True, "STOPPED")

    async def test_a_head_that_is_gone_ends_the_waiting(self, head: FakeHead, snowflake: FakeSnowflake) -> None:
        head.run("j", *GOES_ON)
        running = asyncio.create_task(fire(trigger()))
        await until(lambda: head.jobs["j"].status == "RUNNING")
        head.silent = 1000
        snowflake.services.become(ServiceStatus.FAILED)
        event = await running
        assert event["kind"] == "HeadGoneError"
        assert "service C_HEAD is FAILED" in event["error"]

    async def test_a_cluster_that_never_was_is_said_so(self, head: FakeHead) -> None:
        event = await fire(RayDPJobTrigger("other", "j", {}, 0.01))
        assert event["kind"] == "ClusterNotFoundError"

    async def test_a_job_that_ray_does_not_know_is_lost(self, head: FakeHead) -> None:
        event = await fire(trigger())
        assert event["kind"] == "JobLostError"
        assert issubclass(JobLostError, RayJobsError)

    async def test_killed_it_stops_the_job(self, head: FakeHead) -> None:
        head.run("j", *GOES_ON)
        head.deaf["/stop"] = 2
        await trigger().on_kill()
        assert head.jobs["j"].status == "STOPPED"
        assert head_watch(trigger_scope(), "c", 1.0)._client is None, "nobody follows: the client is closed"

    async def test_killed_while_it_only_looked_it_leaves_the_job_alone(self, head: FakeHead) -> None:
        head.run("j", *GOES_ON)
        await trigger(log=False, give_up_at=time.time() + 60).on_kill()
        assert head.jobs["j"].status == "PENDING"

    async def test_giving_up_leaves_the_job_alone(self, head: FakeHead) -> None:
        head.run("j", *GOES_ON)
        event = await fire(trigger(log=False, give_up_at=time.time() + 0.1))
        assert event == {"status": "RUNNING", "position": 0, "overdue": False}
        assert head.stops("j") == 0

    async def test_many_share_one_listing(self, head: FakeHead) -> None:
        for number in range(20):
            head.run(f"j{number}", *[("RUNNING", "x\n")] * 5, ("SUCCEEDED", ""))
        made = [of_task(RayDPJobTrigger("c", f"j{number}", {}, 0.05, log=False)) for number in range(20)]
        events = await asyncio.gather(*(fire(each) for each in made))
        assert {event["status"] for event in events} == {"SUCCEEDED"}
        assert head.requests.count(("GET", "/api/jobs/")) <= 8

    async def test_many_that_show_logs_share_requests(self, head: FakeHead, told: Told) -> None:
        for number in range(20):
            head.run(f"j{number}", *[("RUNNING", f"{number} goes on\n")] * 5, ("SUCCEEDED", ""))
        made = [RayDPJobTrigger("c", f"j{number}", {}, 0.05, log=True, max_log_lines=9) for number in range(20)]
        events = await asyncio.gather(*(fire(of_task(each, f"try-{number}")) for number, each in enumerate(made)))
        assert {event["status"] for event in events} == {"SUCCEEDED"}
        assert sorted(told()) == sorted(f"{number} goes on" for number in range(20) for _ in range(5))
        ends = 20  # each that ends asks for the rest of its log, and marks it
        assert head.requests.count(("POST", "/logs")) <= 8 + ends
        assert head.requests.count(("POST", "/marks")) <= 10 + ends


def trigger_scope() -> Any:
    from airflow_provider_raydp_spcs.hooks.scope import SpcsScope

    return SpcsScope()
