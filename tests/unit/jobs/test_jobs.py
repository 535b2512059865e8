"""The Jobs API's client against a stand-in endpoint, and the parts around it."""

from __future__ import annotations

import http.server
import json
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.jobs.aio import AsyncRayJobsClient
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.errors import (
    ApplicationNotFoundError,
    JobFailedError,
    JobNotFoundError,
    NotAllowedError,
    NotSignedInError,
    RayJobsError,
    RayUnreachableError,
)
from airflow_provider_raydp_spcs.jobs.logs import LogCursor
from airflow_provider_raydp_spcs.jobs.submission import Application, JobRequest, JobStatus, submission_id
from airflow_provider_raydp_spcs.jobs.wait import wait_for_job


class Endpoint:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, Any]]] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.command, self.path, self.headers.get("Authorization")))
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                told = outer.answers.get(self.path, [(404, "nothing here")])
                status, body = told.pop(0) if len(told) > 1 else told[0]
                content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                if status == 302:
                    self.send_header("Location", "/followed")
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815 - the base class' names

            def log_message(self, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.server.shutdown()


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[RayJobsClient]:
    numbers = iter(range(100))
    with RayJobsClient(endpoint.address, headers=lambda: {"Authorization": f"t{next(numbers)}"}) as made:
        yield made


def job(status: str, **more: Any) -> dict[str, Any]:
    return {"submission_id": "j", "status": status, **more}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, NotSignedInError),
        (401, NotAllowedError),
        (403, NotAllowedError),
        (404, JobNotFoundError),
        (400, RayJobsError),
        (429, RayUnreachableError),
        (500, RayUnreachableError),
        (503, RayUnreachableError),
        (504, RayUnreachableError),
    ],
)
def test_each_answer_has_its_error(
    endpoint: Endpoint, client: RayJobsClient, status: int, error: type[Exception]
) -> None:
    """SPCS reference 4.5; a redirect is never followed."""
    endpoint.answers["/api/jobs/j"] = [(status, "no")]
    with pytest.raises(error):
        client.info("j")
    assert [path for _, path, _ in endpoint.asked] == ["/api/jobs/j"]


async def test_the_asynchronous_client_says_the_same(endpoint: Endpoint) -> None:
    endpoint.answers = {
        "/api/jobs/j": [(302, ""), (200, job("RUNNING"))],
        "/api/jobs/j/stop": [(200, {"stopped": True})],
    }
    async with AsyncRayJobsClient(endpoint.address) as client:
        with pytest.raises(NotSignedInError):
            await client.info("j")
        assert (await client.info("j")).status is JobStatus.RUNNING
        assert await client.stop("j") is True
        assert await client.stop("unknown") is False


def test_every_request_has_a_fresh_header(endpoint: Endpoint, client: RayJobsClient) -> None:
    endpoint.answers["/api/jobs/j"] = [(200, job("RUNNING"))]
    client.info("j")
    client.info("j")
    assert [token for _, _, token in endpoint.asked] == ["t0", "t1"]


def test_nobody_there_is_said_so() -> None:
    with RayJobsClient("http://127.0.0.1:9") as client, pytest.raises(RayUnreachableError, match="no answer"):
        client.info("j")


def test_submitting_never_follows_a_redirect(endpoint: Endpoint, client: RayJobsClient) -> None:
    endpoint.answers = {"/api/version": [(302, "")], "/followed": [(200, {"ray_version": "2.60.0", "version": "4"})]}
    with pytest.raises(NotSignedInError):
        client.submit(JobRequest("j", "true"))
    assert "/followed" not in [path for _, path, _ in endpoint.asked]


def test_a_job_that_is_there_already_is_adopted(endpoint: Endpoint, client: RayJobsClient) -> None:
    version = {"version": "4", "ray_version": "2.60.0", "ray_commit": "x", "session_name": "s"}
    trace = "Traceback (most recent call last):\nValueError: Job with submission_id j already exists."
    endpoint.answers = {
        "/api/version": [(200, version)],
        "/api/jobs/": [(200, {"job_id": "j", "submission_id": "j"}), (500, trace)],
    }
    assert client.submit(JobRequest("j", "true")) is True
    assert client.submit(JobRequest("j", "true")) is False


def test_waiting_shows_each_line_once_and_the_last_one_too(endpoint: Endpoint, client: RayJobsClient) -> None:
    endpoint.answers = {
        "/api/jobs/j": [(200, job("PENDING")), (503, "not ready"), (200, job("RUNNING")), (200, job("SUCCEEDED"))],
        "/api/jobs/j/logs": [(200, {"logs": ""}), (200, {"logs": "a\nb\nhal"}), (200, {"logs": "a\nb\nhalf\nend"})],
    }
    shown: list[str] = []
    wait_for_job(client, "j", show=shown.append, sleep=lambda seconds: None)
    assert [line for line in shown if not line.startswith("Ray does not answer")] == ["a", "b", "half", "end"]


@pytest.mark.parametrize("status", ["FAILED", "STOPPED"])
def test_a_job_that_did_not_succeed_is_an_error_with_its_last_lines(
    endpoint: Endpoint, client: RayJobsClient, status: str
) -> None:
    log = "".join(f"line {number}\n" for number in range(100))
    endpoint.answers = {
        "/api/jobs/j": [(200, job(status, driver_exit_code=3))], "/api/jobs/j/logs": [(200, {"logs": log})],
    }  # fmt: skip
    with pytest.raises(JobFailedError) as caught:
        wait_for_job(client, "j", show=lambda line: None)
    assert f"{status} (exit code 3)" in str(caught.value)
    assert str(caught.value).endswith("line 98\nline 99")
    assert "line 60" not in str(caught.value)


def test_after_the_deadline_the_job_is_stopped(endpoint: Endpoint, client: RayJobsClient) -> None:
    endpoint.answers = {
        "/api/jobs/j": [(200, job("RUNNING"))],
        "/api/jobs/j/logs": [(200, {"logs": ""})],
        "/api/jobs/j/stop": [(200, {"stopped": True})],
    }
    with pytest.raises(JobFailedError, match="was stopped"):
        wait_for_job(client, "j", show=lambda line: None, timeout=-1, sleep=lambda seconds: None)
    assert ("POST", "/api/jobs/j/stop") in [(method, path) for method, path, _ in endpoint.asked]


def test_lines_are_cut_at_their_ends() -> None:
    cursor = LogCursor()
    texts = ["a", "a\nb", "a\nb\n", "a\nb\n", "a\nb\nc"]
    assert [cursor.new_lines(text) for text in texts] == [[], ["a"], ["b"], [], []]
    assert cursor.new_lines("a\nb\nc", finished=True) == ["c"]
    assert cursor.new_lines("a\nb\nc", finished=True) == []


def test_ids_are_the_same_for_the_same_and_other_for_others() -> None:
    first = submission_id("d", "r", "t", -1, 1)
    assert first == submission_id("d", "r", "t", -1, 1)
    others = [("d", "r", "t", -1, 2), ("d", "r", "t", 0, 1), ("dr", "", "t", -1, 1), ("d", "rt", "", -1, 1)]
    assert len({first, *(submission_id(*other) for other in others)}) == 5


def test_an_application_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ApplicationNotFoundError, match="does not exist"):
        Application.read(tmp_path / "no.py")
    (tmp_path / "x.sh").touch()
    with pytest.raises(ApplicationNotFoundError, match=r"must end with \.py"):
        Application.read(tmp_path / "x.sh")


@pytest.mark.parametrize("argument", ["plain", "$(reboot)", "a; b", "'", '"', "`x`", "é ü", "--", ""])
def test_arguments_reach_the_application_as_they_are(tmp_path: Path, argument: str) -> None:
    file = tmp_path / "job.py"
    file.write_text("print(1)")
    application = Application.read(file)
    words = shlex.split(application.entrypoint("c", [argument]))
    assert words[words.index("--") + 1 :] == [argument]
    assert f"C/applications/{application.sha256[:16]}/job.py" in words
