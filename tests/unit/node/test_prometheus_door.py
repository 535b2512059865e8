"""The way through the head to Prometheus."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.node import job_files

ADDRESS = "127.91.0.1"


class FakePrometheus(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        body = json.dumps({"status": "success", "data": "x" * 100_000}).encode()
        self.send_response(400 if "bad" in self.path else 200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def prometheus() -> Iterator[str]:
    FakePrometheus.asked = []
    server = ThreadingHTTPServer((ADDRESS, 0), FakePrometheus)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{ADDRESS}:{server.server_port}"
    server.shutdown()
    server.server_close()


def head(tmp_path: Path, prometheus: str | None) -> Iterator[httpx.Client]:
    server = job_files.serve(ADDRESS, tmp_path, prometheus=prometheus)
    with httpx.Client(base_url=f"http://{ADDRESS}:{ports.JOB_FILES}", trust_env=False) as client:
        yield client
    server.shutdown()
    server.server_close()


@pytest.fixture
def monitored(tmp_path: Path, prometheus: str) -> Iterator[httpx.Client]:
    yield from head(tmp_path, prometheus)


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[httpx.Client]:
    """Prometheus is down."""
    yield from head(tmp_path, f"http://{ADDRESS}:1")


@pytest.fixture
def without(tmp_path: Path) -> Iterator[httpx.Client]:
    yield from head(tmp_path, None)


def test_questions_are_handed_on_as_they_are(monitored: httpx.Client) -> None:
    for path in (
        "/api/v1/query?query=up%7Ba%3D%22b%22%7D",
        "/api/v1/series?match[]=up&start=1",
        "/api/v1/query_range?bad",
    ):
        reply = monitored.get(f"/prometheus{path}")
        assert reply.status_code == (400 if "bad" in path else 200)
        assert len(reply.json()["data"]) == 100_000
        assert FakePrometheus.asked[-1] == str(reply.request.url.raw_path, "ascii").removeprefix("/prometheus")


@pytest.mark.parametrize(
    "path",
    ["/", "/api/v1/admin/tsdb/snapshot", "/api/v1/query/../admin", "/-/quit", "/api/v1/query?" + "x" * 9000, "//x"],
)
def test_nothing_else_is_handed_on(monitored: httpx.Client, path: str) -> None:
    assert monitored.get(f"/prometheus{path}").status_code == 404
    assert FakePrometheus.asked == []


def test_only_get_is_handed_on(monitored: httpx.Client) -> None:
    assert monitored.post("/prometheus/api/v1/query", json={}).status_code == 404
    assert FakePrometheus.asked == []


def test_the_answer_says_what_is_missing(silent: httpx.Client) -> None:
    reply = silent.get("/prometheus/api/v1/query?query=up")
    assert (reply.status_code, "Prometheus does not answer" in reply.json()["error"]) == (502, True)


def test_a_cluster_without_monitoring_says_so(without: httpx.Client) -> None:
    reply = without.get("/prometheus/api/v1/query?query=up")
    assert (reply.status_code, reply.json()["error"]) == (404, "this cluster has no monitoring")
    assert without.get("/spark-targets").json() == []
