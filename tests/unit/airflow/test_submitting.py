"""Submitting a job and waiting for it in the worker: once, adopted, anew, stopped."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_provider_raydp_spcs.jobs.errors import (
    HeadGoneError,
    JobFailedError,
    JobInputError,
    JobLostError,
    JobTimeoutError,
    RayJobsError,
    VersionMismatchError,
)
from airflow_provider_raydp_spcs.jobs.generation import LOG_KEY
from airflow_provider_raydp_spcs.operators.base import JOB_XCOM
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.runtime.job import read
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from tests.unit.airflow.fakes import ENDS_WELL, FAILS, GOES_ON, TOKEN, Airflow, FakeHead, FakeSnowflake

Told = Callable[[], list[str]]


class WorkerDied(BaseException):
    """SIGKILL, as far as a test can have it: nothing of the task runs afterwards."""


@pytest.fixture
def submit(application: str, head: FakeHead) -> Callable[..., SubmitRayDPJobOperator]:
    def make(**values: Any) -> SubmitRayDPJobOperator:
        values = {"application": application, "poll_interval": 0.01, **values}
        return SubmitRayDPJobOperator(task_id="task", cluster_name="c", **values)

    return make


def test_a_job_is_put_submitted_and_waited_for(
    submit: Any, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow, told: Told, application: str
) -> None:
    head.will(*ENDS_WELL, result={"value": {"rows": 3}})
    assert submit(application_args=["--day", "2013-01-01"]).execute(airflow.context()) == {"rows": 3}
    ((name, job),) = head.jobs.items()
    assert airflow.xcoms["task", JOB_XCOM] == {
        "submission_id": name, "task_id": "task", "map_index": -1, "try_number": 1,
    }  # fmt: skip
    assert job.request["metadata"] == {
        "dag_id": "dag", "run_id": "run", "task_id": "task", "map_index": "-1", "try_number": "1",
    }  # fmt: skip
    words = shlex.split(job.request["entrypoint"])
    assert words[words.index("--") + 1 :] == ["--day", "2013-01-01"]
    (stored,) = snowflake.stages.files_there
    assert stored == f"RAYDP_ARTIFACTS/{words[words.index('--application') + 1]}"
    assert snowflake.stages.files_there[stored] == Path(application).read_text()
    assert [line for line in told() if line in ("first line", "last line")] == ["first line", "last line"]


def test_a_job_may_share_a_session(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    submit(session="warm").execute(airflow.context())
    ((name, job),) = head.jobs.items()
    words = shlex.split(job.request["entrypoint"])
    assert words[words.index("--session") + 1] == "warm"
    assert read(words[words.index("run") :]).session == "warm"
    assert read(["run", "--application", "a", "--sha256", "b", "--job", name]).session == "own"


def test_another_kind_of_session_is_refused_before_anything_is_done(
    submit: Any, head: FakeHead, airflow: Airflow
) -> None:
    with pytest.raises(JobInputError, match="session is 'hot'; allowed are 'own'"):
        submit(session="hot").execute(airflow.context())
    assert head.posted == 0


def test_a_job_without_a_result_gives_none(submit: Any, airflow: Airflow) -> None:
    assert submit().execute(airflow.context()) is None


def test_a_large_result_comes_as_its_place_on_the_stage(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    place = {"stage_path": "@D.S.RAYDP_ARTIFACTS/C/results/raydp-1.json", "bytes": 60_000}
    head.will(*ENDS_WELL, result=place)
    assert submit().execute(airflow.context()) == place


def test_without_waiting_the_submission_id_is_the_result(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    head.will(*GOES_ON)
    assert submit(wait_for_completion=False).execute(airflow.context()) == next(iter(head.jobs))
    assert head.jobs[next(iter(head.jobs))].status == "PENDING"


@pytest.mark.parametrize("package", ["99.0.0", ""])
def test_images_of_another_version_are_refused_before_anything_is_done(
    submit: Any, head: FakeHead, airflow: Airflow, package: str
) -> None:
    head.package = package
    with pytest.raises(VersionMismatchError, match=r"ClusterConfig\.image_tag says which"):
        submit().execute(airflow.context())
    assert (head.posted, airflow.store.values) == (0, {})


def test_the_job_is_told_before_it_is_submitted(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    """So that its logs can be exported even where the worker dies with the answer on its way."""
    seen: list[Any] = []
    head.on_post = lambda: seen.append((dict(airflow.xcoms), dict(airflow.store.values)))
    submit().execute(airflow.context())
    ((xcoms, state),) = seen
    assert xcoms["task", JOB_XCOM]["submission_id"] in head.jobs
    assert state["raydp_job"]["generation"] == 1


def test_a_retry_finds_the_job_of_a_try_that_died(submit: Any, head: FakeHead, airflow: Airflow, told: Told) -> None:
    head.will(*ENDS_WELL, result={"value": 1})

    def die(line: str) -> None:
        if line == "first line":
            raise WorkerDied

    first = submit()
    first.say = die
    with pytest.raises(WorkerDied):
        first.execute(airflow.context())
    assert submit().execute(airflow.context()) == 1
    assert head.posted == 1
    assert any("of an earlier try" in line for line in told())
    claim = f"try of {next(iter(head.jobs))}"
    assert head.marks.get([claim]) == {claim: 2}, "should the first try live, it leaves the job alone"
    assert airflow.xcoms["task", JOB_XCOM]["try_number"] == 2


def test_a_job_whose_answer_was_lost_is_adopted(submit: Any, head: FakeHead, airflow: Airflow, told: Told) -> None:
    def lose() -> None:
        head.lost_answers, head.on_post = 1, lambda: None

    head.on_post = lose
    submit().execute(airflow.context())
    assert (head.posted, len(head.jobs)) == (2, 1)
    assert f"job {next(iter(head.jobs))} had been submitted already" in told()


def test_what_is_there_already_when_it_is_submitted_is_adopted(
    submit: Any, head: FakeHead, airflow: Airflow, told: Told
) -> None:
    """Between the look and the request another worker of the same task was faster."""
    from airflow_provider_raydp_spcs.jobs.submission import submission_id

    name = submission_id("dag", "run", "task", -1, 1)

    def other_worker() -> None:
        head.run(name, *ENDS_WELL, result={"value": "the other's"})

    head.on_post = other_worker
    assert submit().execute(airflow.context()) == "the other's"
    assert list(head.jobs) == [name]
    assert f"job {name} had been submitted already" in told()


def test_a_failed_job_is_submitted_anew_on_retry(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    head.will(*FAILS, exit_code=1)
    head.will(*ENDS_WELL, result={"value": "better"})
    with pytest.raises(JobFailedError, match=r"FAILED \(exit code 1\)[\s\S]*the reason"):
        submit().execute(airflow.context())
    assert submit().execute(airflow.context()) == "better"
    assert [job.status for job in head.jobs.values()] == ["FAILED", "SUCCEEDED"]


def test_a_cleared_task_runs_again(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    head.will(*ENDS_WELL, result={"value": 1})
    head.will(*ENDS_WELL, result={"value": 2})
    assert submit().execute(airflow.context()) == 1
    assert submit().execute(airflow.context()) == 1
    airflow.clear()
    assert submit().execute(airflow.context()) == 2
    assert head.posted == 2


def test_a_task_that_is_cleared_while_its_job_runs_stops_that_job(
    submit: Any, head: FakeHead, airflow: Airflow
) -> None:
    head.will(*GOES_ON)
    submit(wait_for_completion=False).execute(airflow.context())
    airflow.clear()
    submit().execute(airflow.context())
    assert [job.status for job in head.jobs.values()] == ["STOPPED", "SUCCEEDED"]


def test_a_job_that_is_overdue_is_stopped(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    head.will(*GOES_ON)
    with pytest.raises(JobTimeoutError, match=r"was stopped.[\s\S]*first line"):
        submit(timeout=0.2).execute(airflow.context())
    assert [job.status for job in head.jobs.values()] == ["STOPPED"]


def test_execution_timeout_stops_the_job_while_there_is_a_connection(
    submit: Any, head: FakeHead, airflow: Airflow
) -> None:
    head.will(*GOES_ON)

    def overdue(line: str) -> None:
        if line == "first line":
            raise AirflowTaskTimeout

    task = submit()
    task.say = overdue
    with pytest.raises(AirflowTaskTimeout):
        task.execute(airflow.context())
    ((name, job),) = head.jobs.items()
    assert job.status == "STOPPED"
    task.on_kill()  # as Airflow does, when all connections are closed
    assert head.stops(name) == 1


def test_a_deadline_is_that_of_the_job_and_not_of_the_try(submit: Any, head: FakeHead, airflow: Airflow) -> None:
    head.will(*GOES_ON)
    submit(timeout=0.01, wait_for_completion=False).execute(airflow.context())
    with pytest.raises(JobTimeoutError):
        submit(timeout=3600).execute(airflow.context())


def test_an_overdue_job_is_stopped_although_ray_is_silent_just_then(
    submit: Any, head: FakeHead, airflow: Airflow
) -> None:
    head.will(*GOES_ON)
    head.deaf["/stop"] = 3
    with pytest.raises(JobTimeoutError):
        submit(timeout=0.05).execute(airflow.context())
    assert [job.status for job in head.jobs.values()] == ["STOPPED"]


def test_a_result_that_is_no_json_fails_with_the_words_of_the_runtime(
    submit: Any, head: FakeHead, airflow: Airflow
) -> None:
    words = "the result is no JSON: Object of type set. Allowed are …; write anything else to a table\n"
    head.will(("FAILED", words), exit_code=65)
    with pytest.raises(JobInputError, match="write anything else to a table"):
        submit().execute(airflow.context())


def test_a_log_goes_on_where_the_try_before_had_come_and_errors_have_all_of_its_end(
    submit: Any, head: FakeHead, airflow: Airflow, told: Told
) -> None:
    head.will(("RUNNING", "the reason\n"), ("RUNNING", ""), ("RUNNING", ""), ("FAILED", ""))
    airflow.store.on_set = lambda key: _raise(WorkerDied) if key == LOG_KEY else None
    with pytest.raises(WorkerDied):
        submit().execute(airflow.context())
    airflow.store.on_set = lambda key: None
    with pytest.raises(JobFailedError, match="last lines:\nthe reason"):
        submit().execute(airflow.context())
    assert told().count("the reason") == 1
    assert head.posted == 1


def test_silence_is_borne_and_told(submit: Any, head: FakeHead, airflow: Airflow, told: Told) -> None:
    head.silent = 2
    submit().execute(airflow.context())
    assert len([line for line in told() if line.startswith("Ray does not answer, trying again")]) >= 1


def test_a_head_that_is_asleep_is_told_from_silence(
    submit: Any, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow
) -> None:
    head.will(*GOES_ON)

    def fall_asleep() -> None:
        head.silent = 1000
        snowflake.services.become(ServiceStatus.SUSPENDED)

    head.on_post = fall_asleep
    with pytest.raises(HeadGoneError, match=r"SUSPENDED; resume the cluster"):
        submit().execute(airflow.context())


def test_a_snowflake_that_is_silent_too_ends_no_waiting(
    submit: Any, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_raydp_spcs.spcs.errors import SnowflakeUnreachableError

    def network_is_down() -> None:
        head.silent = 2
        monkeypatch.setattr(snowflake.services, "show", lambda *args, **values: _raise(SnowflakeUnreachableError("no")))

    head.on_post = network_is_down
    assert submit().execute(airflow.context()) is None


def test_a_job_that_a_restarted_head_forgot_is_lost_and_submitted_again(
    submit: Any, head: FakeHead, airflow: Airflow
) -> None:
    head.will(*GOES_ON)
    operator = submit()
    say = operator.say

    def restart(line: str) -> None:
        say(line)
        if line == "first line":
            head.jobs.clear()

    operator.say = restart
    with pytest.raises(JobLostError, match="does so once more when it is tried again"):
        operator.execute(airflow.context())
    submit().execute(airflow.context())
    assert [job.status for job in head.jobs.values()] == ["SUCCEEDED"]


def test_nothing_that_is_kept_holds_a_secret(submit: Any, head: FakeHead, airflow: Airflow, told: Told) -> None:
    operator = submit()
    operator.execute(airflow.context())
    fields = {name: getattr(operator, name) for name in operator.template_fields}
    assert TOKEN not in json.dumps([list(airflow.xcoms.items()), airflow.store.values, told()], default=str)
    assert TOKEN not in repr(fields)
    assert TOKEN not in json.dumps(next(iter(head.jobs.values())).request)


@pytest.mark.parametrize("values", [{"working_dir": "/code"}, {"py_modules": ["lib"]}])
def test_code_on_the_worker_is_refused_before_anything_is_asked(
    submit: Any, head: FakeHead, airflow: Airflow, values: Any
) -> None:
    with pytest.raises(JobInputError, match="on this machine"):
        submit(runtime_env=values).execute(airflow.context())
    assert head.requests == []


class TestKilled:
    def test_before_the_job_is_known_nothing_is_posted(self, submit: Any, head: FakeHead, airflow: Airflow) -> None:
        operator = submit()
        airflow.store.on_get = lambda: airflow.kill(operator)
        with pytest.raises(RayJobsError, match="not submitted, for its task was killed"):
            operator.execute(airflow.context())
        assert head.posted == 0

    def test_before_a_job_of_an_earlier_try_is_known_that_job_is_stopped(
        self, submit: Any, head: FakeHead, airflow: Airflow
    ) -> None:
        head.will(*GOES_ON)
        submit(wait_for_completion=False).execute(airflow.context())
        operator = submit()
        airflow.store.on_get = lambda: airflow.kill(operator)
        with pytest.raises(RayJobsError, match="stopped, for its task was killed"):
            operator.execute(airflow.context())
        assert [job.status for job in head.jobs.values()] == ["STOPPED"]

    def test_before_the_submit_nothing_is_posted(
        self, submit: Any, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow
    ) -> None:
        operator = submit()
        snowflake.stages.on_put = lambda: airflow.kill(operator)
        with pytest.raises(RayJobsError, match="not submitted"):
            operator.execute(airflow.context())
        assert (head.posted, head.jobs) == (0, {})

    def test_during_the_submit_the_job_is_stopped(self, submit: Any, head: FakeHead, airflow: Airflow) -> None:
        head.will(*GOES_ON)
        operator = submit()
        head.on_post = lambda: airflow.kill(operator)
        with pytest.raises(RayJobsError, match="stopped, for its task was killed"):
            operator.execute(airflow.context())
        assert [job.status for job in head.jobs.values()] == ["STOPPED"]

    def test_while_it_waits_the_job_is_stopped(self, submit: Any, head: FakeHead, airflow: Airflow) -> None:
        head.will(*GOES_ON)
        operator = submit()
        say = operator.say

        def kill(line: str) -> None:
            say(line)
            if line == "first line":
                airflow.kill(operator)

        operator.say = kill
        with pytest.raises(JobFailedError, match="STOPPED"):
            operator.execute(airflow.context())
        assert head.stops(next(iter(head.jobs))) == 1

    def test_where_nothing_answers_it_says_so_and_raises_nothing(
        self, submit: Any, head: FakeHead, airflow: Airflow, told: Told
    ) -> None:
        operator = submit(wait_for_completion=False)
        operator.execute(airflow.context())
        head.silent = 1000
        airflow.kill(operator)
        assert any("could not be stopped" in line for line in told())


def _raise(error: Any) -> Any:
    raise error
