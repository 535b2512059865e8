"""``raydp-spcs job`` and ``raydp-spcs logs``: jobs behind the ingress, and their logs on the stage."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import typer

from airflow_provider_raydp_spcs.cli import job_submission
from airflow_provider_raydp_spcs.cli.exit_codes import ExitCode
from airflow_provider_raydp_spcs.cluster.power import suspend
from tests.unit.airflow.fakes import FAILS, GOES_ON, FakeHead, FakeSnowflake
from tests.unit.cli.conftest import ask, run

pytestmark = pytest.mark.usefixtures("head")


@pytest.fixture
def file(tmp_path: Path) -> str:
    made = tmp_path / "my job.py"
    made.write_text("print(1)\n")
    return str(made)


def test_submit_shows_the_log_and_answers_the_result(snowflake: FakeSnowflake, head: FakeHead, file: str) -> None:
    head.will(("RUNNING", "first line\n"), ("SUCCEEDED", "last line\n"), result={"value": {"rows": 3}})
    said = run("job", "submit", "c", file, "--id", "mine", "--", "--day", "a b")
    assert said.out.splitlines() == ["first line", "last line", "result: {'rows': 3}"]
    assert "submitted job mine" in said.err
    entrypoint = head.jobs["mine"].request["entrypoint"]
    assert entrypoint.endswith("--job mine -- --day 'a b'")
    assert [name for name in snowflake.stages.files_there if name.endswith("/my job.py")]
    again = run("job", "submit", "c", file, "--id", "mine")
    assert "had been submitted already" in again.err
    assert head.posted == 2


def test_a_job_may_share_a_session(head: FakeHead, file: str) -> None:
    run("job", "submit", "c", file, "--id", "mine", "--session", "warm", "--no-wait")
    assert " --session warm " in head.jobs["mine"].request["entrypoint"]
    said = run("job", "submit", "c", file, "--session", "hot", "--no-wait", code=ExitCode.USAGE)
    assert "session is 'hot'; allowed are 'own'" in said.err


def test_in_json_the_log_goes_to_standard_error(head: FakeHead, file: str) -> None:
    said = run("job", "submit", "c", file, "--output", "json")
    assert "first line" in said.err
    assert (said.json["cluster"], said.json["status"], said.json["result"]) == ("C", "SUCCEEDED", None)
    (job,) = head.jobs
    assert job.startswith("my-job-")
    assert said.json["submission_id"] == job
    assert head.jobs[job].request["metadata"]["application"] == "my job.py"


def test_the_exit_code_is_the_jobs_fate(head: FakeHead, file: str) -> None:
    head.will(*FAILS, exit_code=3)
    said = run("job", "submit", "c", file, "-o", "json", code=ExitCode.JOB_FAILED)
    assert said.json["status"] == "FAILED"
    assert said.json["error"]["type"] == "JobFailedError"
    assert "the reason" in said.json["error"]["message"]
    head.will(*FAILS, exit_code=65)
    assert "JobInputError" in run("job", "submit", "c", file, code=ExitCode.JOB_FAILED).err


def test_a_job_is_stopped_at_its_time(head: FakeHead, file: str) -> None:
    head.will(*GOES_ON)
    said = run("job", "submit", "c", file, "--id", "slow", "--timeout", "0s", code=ExitCode.NOT_READY)
    assert "was stopped" in said.err
    assert head.stops("slow") == 1


def test_without_waiting_the_answer_is_the_id(head: FakeHead, file: str) -> None:
    head.will(*GOES_ON)
    assert run("job", "submit", "c", file, "--id", "mine", "--no-wait").out == "mine\n"
    assert ask("job", "submit", "c", file, "--id", "mine", "--no-wait")["submission_id"] == "mine"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["nowhere.py"], "does not exist or cannot be read"),
        (["FILE", "--id", "a/b"], "cannot be used: it starts with a letter or digit"),
        (["FILE", "--timeout", "x"], "is no length of time"),
        (["FILE", "--runtime-env", "ENV"], "Put it on the artifacts stage"),
    ],
)
def test_what_cannot_be_submitted(head: FakeHead, file: str, tmp_path: Path, words: list[str], part: str) -> None:
    environment = tmp_path / "env.yaml"
    environment.write_text("working_dir: /here\n")
    given = [{"FILE": file, "ENV": str(environment)}.get(word, word) for word in words]
    assert part in run("job", "submit", "c", *given, code=ExitCode.USAGE).err
    assert head.posted == 0


@pytest.mark.parametrize("stop", [True, False])
def test_ctrl_c_asks_where_somebody_is_there(
    head: FakeHead, file: str, monkeypatch: pytest.MonkeyPatch, stop: bool
) -> None:
    def interrupted(*arguments: Any, **named: Any) -> None:
        raise KeyboardInterrupt

    head.will(*GOES_ON)
    monkeypatch.setattr(job_submission, "wait_for_job", interrupted)
    monkeypatch.setattr(job_submission, "_is_asked", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda question, **named: stop)
    said = run("job", "submit", "c", file, "--id", "mine", code=ExitCode.INTERRUPTED)
    assert head.stops("mine") == int(stop)
    assert ("raydp-spcs job stop c mine" in said.err) is not stop


def test_list_status_stop(head: FakeHead) -> None:
    assert "No job was submitted" in run("job", "list", "c").out
    head.run("runs", *GOES_ON, ("RUNNING", ""), ("RUNNING", ""))
    head.run("done", ("SUCCEEDED", "all\n"), result={"value": 7})
    assert "runs" in run("job", "list", "c").out
    assert {each["submission_id"]: each["status"] for each in ask("job", "list", "c")["jobs"]} == {
        "runs": "RUNNING",
        "done": "SUCCEEDED",
    }
    said = run("job", "status", "c", "done")
    assert "SUCCEEDED" in said.out
    assert "result: 7" in said.out
    assert ask("job", "status", "c", "done")["result"] == 7
    run("job", "status", "c", "done", "--wait")
    assert "job runs: STOPPED" in run("job", "stop", "c", "runs").err
    assert "had ended already: SUCCEEDED" in run("job", "stop", "c", "done").err
    run("job", "status", "c", "runs", "--wait", code=ExitCode.JOB_FAILED)
    for words in (["status", "c", "unknown"], ["stop", "c", "unknown"], ["logs", "c", "unknown"]):
        assert "unknown" in run("job", *words, code=ExitCode.NOT_FOUND).err


def test_logs_of_a_job(head: FakeHead) -> None:
    head.run("done", ("SUCCEEDED", "".join(f"line {n}\n" for n in range(5))))
    assert run("job", "logs", "c", "done").out.splitlines() == [f"line {n}" for n in range(5)]
    assert run("job", "logs", "c", "done", "--lines", "2").out.splitlines() == ["line 3", "line 4"]
    assert ask("job", "logs", "c", "done", "-n", "1") == {"submission_id": "done", "lines": ["line 4"]}
    head.run("goes", ("RUNNING", "one\n"), ("RUNNING", "two\n"), ("FAILED", "three\n"))
    said = run("job", "logs", "c", "goes", "--follow")
    assert said.out.splitlines() == ["one", "two", "three"]
    assert "job goes: FAILED" in said.err
    head.run("late", ("RUNNING", "one\ntwo\n"), ("RUNNING", "three\n"), ("SUCCEEDED", ""))
    assert run("job", "logs", "c", "late", "--follow", "--lines", "1").out.splitlines() == ["two", "three"]


def test_a_cluster_that_sleeps_says_so(snowflake: FakeSnowflake, head: FakeHead) -> None:
    suspend(snowflake.clusters(), "C")
    head.silent = 1000
    assert "resume the cluster" in run("job", "list", "c", code=ExitCode.NOT_CONNECTED).err
    run("job", "list", "nowhere", code=ExitCode.NOT_FOUND)
    snowflake.services.host = None
    run("job", "list", "c", code=ExitCode.NOT_READY)


def test_a_stranger_is_not_let_in(snowflake: FakeSnowflake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.airflow.fakes.TOKEN", "another")
    assert "asks to sign in" in run("job", "list", "c", code=ExitCode.NOT_CONNECTED).err


def test_logs_are_exported_listed_and_fetched(snowflake: FakeSnowflake, head: FakeHead, tmp_path: Path) -> None:
    head.run("done", ("SUCCEEDED", "the log\n")).go_on()
    exported = ask("logs", "export", "c", "--run", "mine")
    assert exported["path"] == "@RAYDPLOGS/C/cli/mine/jobs/1"
    assert "RAYDPLOGS/C/cli/mine/jobs/1/driver.log" in exported["files"]
    out = run("logs", "ls", "C").out
    assert "C/cli/mine/jobs/1/driver.log" in out
    md5 = hashlib.md5(b"the log\n", usedforsecurity=False).hexdigest()
    assert {"path": "C/cli/mine/jobs/1/driver.log", "size": 8, "md5": md5} in ask("logs", "ls", "C/cli")["files"]
    found = ask("logs", "get", "C/cli/mine", str(tmp_path / "here"))
    assert (tmp_path / "here/C/cli/mine/jobs/1/driver.log").read_text() == "the log\n"
    assert len(found["files"]) == len(exported["files"])
    assert "There is nothing" in run("logs", "ls", "elsewhere").out
    assert "raydp-spcs logs ls" in run("logs", "get", "elsewhere", code=ExitCode.NOT_FOUND).err
    run("logs", "export", "nowhere", code=ExitCode.NOT_FOUND)


def test_old_logs_of_nodes_are_removed(snowflake: FakeSnowflake, head: FakeHead) -> None:
    del head
    there = snowflake.stages.files_there
    old, kept = "RAYDPLOGS/live/C/10.0.0.1_20200101T000000Z/f.part-0-1", "RAYDPLOGS/C/dag/run/task/1/driver.log"
    there |= {old: "x", kept: "x"}
    told = ask("logs", "prune", "--dry-run")
    assert [each["path"] for each in told["nodes"]] == ["live/C/10.0.0.1_20200101T000000Z"]
    assert told["removed"] is False
    assert old in there
    assert "live/C/10.0.0.1_20200101T000000Z" in run("logs", "prune", "c", "--keep", "2d").out
    assert (old in there, kept in there) == (False, True)
    assert "nothing so old" in run("logs", "prune").out
    assert "--keep" in run("logs", "prune", "--keep", "soon", code=ExitCode.USAGE).err


def test_what_cannot_be_exported_is_told(snowflake: FakeSnowflake, head: FakeHead) -> None:
    suspend(snowflake.clusters(), "C")
    head.silent = 1000
    said = run("logs", "export", "c", "--output", "json")
    assert "not exported: Ray's logs: the head does not answer" in said.err
    assert said.json["missing"] == ["Ray's logs: the head does not answer"]
