"""The Jobs API's client against a stand-in endpoint, and the parts around it."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import itertools
import json
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.jobs import aio, calls
from airflow_provider_raydp_spcs.jobs.aio import AsyncRayJobsClient
from airflow_provider_raydp_spcs.jobs.application import Application
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.errors import (
    ApplicationNotFoundError,
    JobFailedError,
    JobInputError,
    JobLostError,
    JobNotFoundError,
    JobTimeoutError,
    NotAllowedError,
    NotSignedInError,
    RayJobsError,
    RayUnreachableError,
    TokenRefusedError,
)
from airflow_provider_raydp_spcs.jobs.logs import LogView
from airflow_provider_raydp_spcs.jobs.submission import (
    HeadAddress,
    JobRequest,
    JobStatus,
    check_runtime_env,
    submission_id,
)
from airflow_provider_raydp_spcs.jobs.wait import FIRST_POLL, INPUT_EXIT_CODE, LATE_SHARE, wait_for_job
from airflow_provider_raydp_spcs.spcs.errors import SnowflakeUnreachableError
from airflow_provider_raydp_spcs.spcs.ingress import AsyncIngressTokens, IngressTokens


class Endpoint:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, Any]]] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self.bodies: dict[str, list[bytes]] = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.command, self.path, self.headers.get("Authorization")))
                length = int(self.headers.get("Content-Length") or 0)
                outer.bodies.setdefault(self.path, []).append(self.rfile.read(length))
                told = outer.answers.get(self.path, [(404, {"error": "there is nothing here"})])
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
        address = f"http://127.0.0.1:{self.server.server_port}"
        self.address = HeadAddress(address, address)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.server.shutdown()


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[RayJobsClient]:
    numbers = iter(range(100))
    tokens = IngressTokens(lambda: f"t{next(numbers)}")
    with RayJobsClient(endpoint.address, tokens=tokens) as made:
        yield made


def job(status: str, **more: Any) -> dict[str, Any]:
    return {"submission_id": "j", "status": status, **more}


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (302, "no", NotSignedInError),
        (401, "no", TokenRefusedError),
        (403, "no", NotAllowedError),
        (404, "Job j does not exist", JobNotFoundError),
        (404, "404: Not Found", JobNotFoundError),
        (404, '{"error": "there is nothing at /x"}', JobNotFoundError),
        (404, '{"status": "error", "error": "this cluster has no monitoring"}', JobNotFoundError),
        (404, "Endpoint does not exist", RayUnreachableError),
        (404, "", RayUnreachableError),
        (400, "no", RayJobsError),
        (429, "no", RayUnreachableError),
        (500, "no", RayUnreachableError),
        (503, "no", RayUnreachableError),
        (504, "no", RayUnreachableError),
        (200, "<html>one moment</html>", RayUnreachableError),
        (200, '{"submission_id": "j", "sta', RayUnreachableError),
    ],
)
async def test_each_answer_has_its_error(
    endpoint: Endpoint, client: RayJobsClient, status: int, text: str, error: type[Exception]
) -> None:
    """SPCS reference 4.5; a redirect is never followed."""
    endpoint.answers["/api/jobs/j"] = [(status, text)]
    with pytest.raises(error) as caught:
        client.info("j")
    assert type(caught.value) is error
    # A token that is not accepted is renewed once; nothing else is asked twice.
    times = 2 if status in (302, 401) else 1
    assert [path for _, path, _ in endpoint.asked] == ["/api/jobs/j"] * times

    async def headers() -> dict[str, str]:
        return {"Authorization": "t"}

    async with AsyncRayJobsClient(endpoint.address, tokens=AsyncIngressTokens(headers)) as other:
        with pytest.raises(error):
            await other.info("j")
    assert len(endpoint.asked) == 2 * times


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


def test_a_token_that_has_expired_is_renewed(endpoint: Endpoint, client: RayJobsClient) -> None:
    endpoint.answers["/api/jobs/j"] = [(200, job("RUNNING")), (302, ""), (200, job("RUNNING"))]
    client.info("j")
    assert client.info("j").status is JobStatus.RUNNING
    assert [token for _, _, token in endpoint.asked] == [f'Snowflake Token="t{number}"' for number in (0, 0, 1)]


async def test_without_a_token_for_the_ingress_it_is_tried_again(endpoint: Endpoint) -> None:
    """Snowflake may be silent just when a token is to be renewed; Ray is as out of reach as if it were silent itself."""

    def silent() -> str:
        raise SnowflakeUnreachableError("nobody there")

    async def silence() -> dict[str, str]:
        return {"Authorization": silent()}

    with (
        RayJobsClient(endpoint.address, tokens=IngressTokens(silent)) as one,
        pytest.raises(RayUnreachableError, match="no token for the ingress: nobody there"),
    ):
        one.info("j")
    async with AsyncRayJobsClient(endpoint.address, tokens=AsyncIngressTokens(silence)) as other:
        with pytest.raises(RayUnreachableError, match="no token for the ingress: nobody there"):
            await other.info("j")
    assert endpoint.asked == []


async def test_an_answer_that_trickles_is_given_up_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes within the time that a part may take; the event loop's others wait for the whole."""
    ended = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        ended.set()

    monkeypatch.setattr(aio, "LONGEST_SECONDS", 0.2)
    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with AsyncRayJobsClient(HeadAddress(address, address)) as client:
            with pytest.raises(RayUnreachableError, match="no answer: TimeoutError"):
                await client.info("j")
        await ended.wait()


def test_nobody_there_is_said_so() -> None:
    with (
        RayJobsClient(HeadAddress("http://127.0.0.1:9", "http://127.0.0.1:9")) as client,
        pytest.raises(RayUnreachableError, match="no answer"),
    ):
        client.info("j")


def test_submitting_never_follows_a_redirect(endpoint: Endpoint, client: RayJobsClient) -> None:
    endpoint.answers = {"/api/jobs/": [(302, "")], "/followed": [(200, {"ray_version": "2.60.0", "version": "4"})]}
    with pytest.raises(NotSignedInError):
        client.submit(JobRequest("j", "true"))
    assert "/followed" not in [path for _, path, _ in endpoint.asked]


def test_a_job_that_is_there_already_is_adopted(endpoint: Endpoint, client: RayJobsClient) -> None:
    trace = "Traceback (most recent call last):\n" + "x" * 1000 + "ValueError: Job with submission_id j already exists."
    endpoint.answers = {
        "/api/jobs/": [(200, {"job_id": "j", "submission_id": "j"}), (500, trace)],
    }
    assert client.submit(JobRequest("j", "true")) is True
    assert client.submit(JobRequest("j", "true")) is False


def test_a_refusal_whose_end_is_lost_is_no_failure_where_the_job_is_there(
    endpoint: Endpoint, client: RayJobsClient
) -> None:
    trace = "Traceback (most recent call last):\nValueError: Job with su"
    endpoint.answers = {"/api/jobs/": [(500, trace)], "/api/jobs/j": [(200, job("RUNNING"))]}
    assert client.submit(JobRequest("j", "true")) is False
    endpoint.answers["/api/jobs/j"] = [(404, "Job j does not exist")]
    with pytest.raises(RayJobsError, match="Job with su"):
        client.submit(JobRequest("j", "true"))


def log(text: str, position: int, size: int | None = None) -> tuple[int, Any]:
    return 200, {"j": {"text": text, "position": position, "size": position if size is None else size}}


def test_waiting_shows_each_line_once_and_the_last_one_too(endpoint: Endpoint, client: RayJobsClient) -> None:
    endpoint.answers = {
        "/api/jobs/j": [(200, job("PENDING")), (503, "not ready"), (200, job("RUNNING")), (200, job("SUCCEEDED"))],
        "/logs": [log("a\nb\n", 4, 7), log("", 4, 7), log("half\n", 9, 12), log("end", 12)],
    }
    shown: list[str] = []
    told: list[str] = []
    saved: list[int] = []
    view = LogView(shown.append, saved.append)
    wait_for_job(client, "j", view, told=told.append, sleep=lambda seconds: None)
    assert shown == ["a", "b", "half", "end"]
    assert saved == [4, 9, 12]
    assert len(told) == 1
    assert told[0].startswith("Ray does not answer, trying again")


def test_a_log_goes_on_where_it_was_left(endpoint: Endpoint, client: RayJobsClient) -> None:
    endpoint.answers = {"/api/jobs/j": [(200, job("SUCCEEDED"))], "/logs": [log("new\n", 20)]}
    view = LogView(lambda line: None, position=16)
    wait_for_job(client, "j", view)
    assert json.loads(endpoint.bodies["/logs"][0]) == {"positions": {"j": 16}, "finished": True}
    assert list(view.last_lines) == ["new"]


def test_a_long_log_is_cut_and_its_end_shown(endpoint: Endpoint, client: RayJobsClient) -> None:
    endpoint.answers = {
        "/api/jobs/j": [(200, job("SUCCEEDED"))],
        "/logs": [log("1\n2\n3\n4\n", 8, 100), log("", 8, 100), log("last\n", 100)],
    }
    shown: list[str] = []
    wait_for_job(client, "j", LogView(shown.append, max_lines=2))
    assert shown[:2] == ["1", "2"]
    assert "exported log" in shown[2]
    assert shown[-1] == "last"


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [("FAILED", 3, JobFailedError), ("STOPPED", 3, JobFailedError), ("FAILED", INPUT_EXIT_CODE, JobInputError)],
)
def test_a_job_that_did_not_succeed_is_an_error_with_its_last_lines(
    endpoint: Endpoint, client: RayJobsClient, status: str, code: int, error: type[Exception]
) -> None:
    text = "".join(f"line {number}\n" for number in range(100))
    endpoint.answers = {
        "/api/jobs/j": [(200, job(status, driver_exit_code=code))], "/logs": [log(text, len(text))],
    }  # fmt: skip
    with pytest.raises(error) as caught:
        wait_for_job(client, "j", LogView(lambda line: None))
    assert type(caught.value) is error
    assert f"{status} (exit code {code})" in str(caught.value)
    assert str(caught.value).endswith("line 98\nline 99")
    assert "line 60" not in str(caught.value)


def test_after_the_deadline_the_job_is_stopped(endpoint: Endpoint, client: RayJobsClient) -> None:
    endpoint.answers = {
        "/api/jobs/j": [(200, job("RUNNING")), (200, job("STOPPED"))],
        "/logs": [log("", 0)],
        "/api/jobs/j/stop": [(200, {"stopped": True})],
    }
    with pytest.raises(JobTimeoutError, match="was stopped"):
        wait_for_job(client, "j", LogView(lambda line: None), deadline=0.0, sleep=lambda seconds: None)
    assert ("POST", "/api/jobs/j/stop") in [(method, path) for method, path, _ in endpoint.asked]


def test_looks_come_quickly_at_first_and_ever_less_often(endpoint: Endpoint, client: RayJobsClient) -> None:
    endpoint.answers = {"/api/jobs/j": [(200, job("PENDING"))] * 60 + [(200, job("SUCCEEDED"))], "/logs": [log("", 0)]}
    pauses: list[float] = []
    wait_for_job(client, "j", LogView(lambda line: None), poll=1.0, sleep=pauses.append)
    assert pauses == sorted(pauses)
    assert pauses[0] == FIRST_POLL
    assert pauses[-1] == 1.0
    waited = list(itertools.accumulate(pauses, initial=0.0))
    assert all(pause <= max(FIRST_POLL, so_far * LATE_SHARE) for pause, so_far in zip(pauses, waited, strict=False))
    pauses.clear()
    endpoint.answers["/api/jobs/j"] = [(200, job("PENDING")), (200, job("SUCCEEDED"))]
    wait_for_job(client, "j", LogView(lambda line: None), poll=0.02, sleep=pauses.append)
    assert pauses == [0.02]


def test_a_job_that_ray_forgot_is_lost(client: RayJobsClient) -> None:
    with pytest.raises(JobLostError, match="started anew"):
        wait_for_job(client, "j", LogView(lambda line: None))


def test_a_cluster_that_is_gone_is_not_waited_for(endpoint: Endpoint, client: RayJobsClient) -> None:
    endpoint.answers["/api/jobs/j"] = [(503, "no service hosts found")]

    def diagnose() -> None:
        raise JobLostError("the cluster is gone")

    with pytest.raises(JobLostError, match="the cluster is gone"):
        wait_for_job(client, "j", LogView(lambda line: None), diagnose=diagnose, sleep=lambda seconds: None)
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("values", [{"working_dir": "/here"}, {"py_modules": ["s3://x/y.zip", "."]}])
def test_code_on_this_machine_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(JobInputError, match="on this machine"):
        check_runtime_env(values)
    check_runtime_env({"working_dir": "https://example.com/code.zip", "env_vars": {"A": "B"}})


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
    application = Application.read(file, [argument])
    words = shlex.split(application.entrypoint("c", "raydp-1"))
    assert words[words.index("--") + 1 :] == [argument]
    assert f"C/applications/{application.sha256[:16]}/job.py" in words


def test_questions_to_prometheus_go_to_the_heads_files() -> None:
    call = calls.prometheus("query_range", {"query": 'up{a="b"}', "step": "5"})
    assert (call.method, call.files) == ("GET", True)
    assert call.path == "/prometheus/api/v1/query_range?query=up%7Ba%3D%22b%22%7D&step=5"
    assert call.read({"status": "success", "data": {"result": []}}) == {"result": []}
