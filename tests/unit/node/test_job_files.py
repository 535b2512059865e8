"""Logs from any position and results, over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import sys
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import pytest

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.node import job_files
from airflow_provider_raydp_spcs.node.job_files import JobFiles
from airflow_provider_raydp_spcs.node.marks import Marks
from airflow_provider_raydp_spcs.version import __version__

ADDRESS = "127.0.0.77"


@pytest.fixture
def ray_dir(tmp_path: Path) -> Path:
    (tmp_path / "session_latest" / "logs").mkdir(parents=True)
    (tmp_path / "results").mkdir()
    return tmp_path


@pytest.fixture
def server(ray_dir: Path) -> Iterator[ThreadingHTTPServer]:
    made = job_files.serve(ADDRESS, ray_dir)
    yield made
    made.shutdown()
    made.server_close()


def write(ray_dir: Path, job: str, content: bytes) -> None:
    (ray_dir / "session_latest" / "logs" / f"job-driver-{job}.log").write_bytes(content)


def ask(method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(ADDRESS, ports.JOB_FILES, timeout=10)
    try:
        connection.request(method, path, body if isinstance(body, bytes | None) else json.dumps(body).encode())
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def test_an_answer_waits_for_no_acknowledgement(server: ThreadingHTTPServer) -> None:
    """Else each one on a connection that is kept takes 40 ms."""
    with contextlib.closing(http.client.HTTPConnection(ADDRESS, ports.JOB_FILES, timeout=10)) as connection:
        connection.request("GET", "/version")
        connection.getresponse().read()
        (kept,) = [
            each for each in psutil.Process().net_connections("tcp4") if each.raddr == connection.sock.getsockname()
        ]
        with socket.socket(fileno=os.dup(kept.fd)) as inside:
            assert inside.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_log_is_handed_out_in_whole_lines(ray_dir: Path) -> None:
    files = JobFiles(ray_dir)
    write(ray_dir, "j", b"one\ntwo\nthr")
    assert files.new_text("j", 0, False) == {"text": "one\ntwo\n", "position": 8, "size": 11}
    assert files.new_text("j", 8, False) == {"text": "", "position": 8, "size": 11}
    assert files.new_text("j", 8, True) == {"text": "thr", "position": 11, "size": 11}
    assert files.new_text("j", 99, True) == {"text": "", "position": 11, "size": 11}


def test_a_line_longer_than_the_window_is_cut_between_characters(ray_dir: Path) -> None:
    write(ray_dir, "j", "é".encode() * 10)
    files = JobFiles(ray_dir)
    got, position = "", 0
    for _ in range(8):
        piece = files.new_text("j", position, True, window=5)
        got, position = got + piece["text"], piece["position"]
    assert got == "é" * 10


def test_any_log_comes_whole_whatever_the_window(ray_dir: Path) -> None:
    text = "".join(f"line {number} ü\n" for number in range(200)) + "end"
    write(ray_dir, "j", text.encode())
    files = JobFiles(ray_dir)
    for window in (16, 17, 64, 1000):
        got, position = "", 0
        while (piece := files.new_text("j", position, True, window=window))["text"]:
            got, position = got + piece["text"], piece["position"]
        assert got == text


@pytest.mark.parametrize("job", ["../../etc/passwd", "a/b", "", ".hidden", "x" * 200])
def test_a_name_that_is_no_jobs_is_nowhere(ray_dir: Path, job: str) -> None:
    files = JobFiles(ray_dir)
    assert files.log(job) is None
    assert files.result(job) is None
    assert files.new_text(job, 3, True) == {"text": "", "position": 3, "size": 0}


def test_the_head_answers_over_http(ray_dir: Path, server: ThreadingHTTPServer) -> None:
    write(ray_dir, "j", b"one\ntwo\n")
    (ray_dir / "results" / "j.json").write_text('{"value": 3}')
    status, body = ask("GET", "/version")
    assert status == 200
    assert json.loads(body) == {
        "package": __version__,
        "ray": metadata.version("ray"),
        "raydp": metadata.version("raydp"),
        "spark": metadata.version("pyspark"),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }
    status, body = ask("POST", "/logs", {"positions": {"j": 4, "k": 0}, "finished": False})
    assert json.loads(body) == {
        "j": {"text": "two\n", "position": 8, "size": 8}, "k": {"text": "", "position": 0, "size": 0},
    }  # fmt: skip
    assert ask("GET", "/logs/j") == (200, b"one\ntwo\n")
    assert ask("GET", "/results/j") == (200, b'{"value": 3}')
    for path in ("/results/k", "/logs/k", "/logs/../../x", "/", "/results/"):
        assert ask("GET", path)[0] == 404
    assert ask("POST", "/logs", b"no json")[0] == 400
    assert ask("POST", "/logs", {"positions": {"j": "x"}})[0] == 400
    assert ask("POST", "/elsewhere", {})[0] == 404


def test_the_head_keeps_how_far_readers_are(server: ThreadingHTTPServer) -> None:
    assert ask("POST", "/marks", {"set": {}, "get": ["a"]}) == (200, b"{}")
    assert ask("POST", "/marks", {"set": {"a": 3, "b": 4}, "get": []}) == (200, b"{}")
    assert ask("POST", "/marks", {"set": {"a": 5}, "get": ["a", "c"]}) == (200, b'{"a": 5}')
    for wrong in (b"no json", {}, {"set": {"a": "x"}, "get": []}, {"set": [], "get": []}, {"set": {}, "get": 1}, []):
        assert ask("POST", "/marks", wrong)[0] == 400, wrong
    assert ask("POST", "/marks", {"set": {}, "get": ["a", "b"]}) == (200, b'{"a": 5, "b": 4}')


def test_a_mark_never_goes_back() -> None:
    marks = Marks()
    marks.set({"a": 5})
    marks.set({"a": 3})
    assert marks.get(["a"]) == {"a": 5}


def test_the_oldest_marks_go_where_there_are_too_many() -> None:
    marks = Marks(most=2)
    marks.set({"a": 1, "b": 1})
    marks.set({"a": 2, "c": 1, "x" * 1000: 1})
    assert marks.get(["a", "b", "c", "x" * 1000]) == {"a": 2, "c": 1}


def test_the_notebooks_token_is_handed_out_and_never_kept_by_anybody_between(ray_dir: Path) -> None:
    made = job_files.serve(ADDRESS, ray_dir, "secret")
    try:
        connection = http.client.HTTPConnection(ADDRESS, ports.JOB_FILES, timeout=10)
        connection.request("GET", "/notebook-token")
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (200, b"secret")
        assert reply.headers["Cache-Control"] == "no-store"
        connection.close()
    finally:
        made.shutdown()
        made.server_close()


def test_without_a_notebook_there_is_no_token(server: ThreadingHTTPServer) -> None:
    assert ask("GET", "/notebook-token")[0] == 404


@pytest.mark.usefixtures("server")
def test_a_body_without_an_end_is_not_waited_for() -> None:
    with contextlib.closing(http.client.HTTPConnection(ADDRESS, ports.JOB_FILES, timeout=10)) as link:
        link.request("POST", "/logs", headers={"Content-Length": "-1"})
        assert link.getresponse().status == 404
