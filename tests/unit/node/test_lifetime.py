"""The dead-man's switch: when it acts, what it does, and that errors do not stop it."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.node import lifetime
from airflow_provider_raydp_spcs.node.errors import JobsUnknownError, SettingError
from airflow_provider_raydp_spcs.node.lifetime import DeadMansSwitch, ray_jobs
from airflow_provider_raydp_spcs.node.settings import NodeSettings, Role
from airflow_provider_raydp_spcs.runtime.warm.places import METADATA
from airflow_provider_raydp_spcs.spcs.errors import SnowflakeUnreachableError
from tests.unit.cluster.fakes import FakeClient

START = 1_900_000_000.0
IDLE = {"RAYDP_MAX_IDLE_SECONDS": "600"}
LIFE = {"RAYDP_MAX_LIFE_SECONDS": "3600"}


class World:
    """A head's surroundings: a clock, Ray's jobs, Snowflake, and the log."""

    def __init__(self, **environment: str) -> None:
        self.client = FakeClient()
        self.clusters = Clusters(self.client, sleep=lambda seconds: None)  # type: ignore[arg-type]
        self.clusters.create(ClusterConfig("C"))
        self.set_created(START)
        self.client.calls.clear()
        self.time, self.log, self.connections = START, [], 0  # type: tuple[float, list[str], int]
        self.jobs: list[dict[str, Any]] | Exception = []
        self.refusal: Exception | None = None
        settings = NodeSettings.read(Role.HEAD, {"RAYDP_CLUSTER": "C", **environment})
        self.switch = DeadMansSwitch(settings, self._jobs, self._open, self.log.append, lambda: self.time)

    def set_created(self, created: float) -> None:
        moment = dt.datetime.fromtimestamp(created, dt.UTC)
        there = self.client.services.there
        self.client.services.there = {name: replace(info, created_on=moment) for name, info in there.items()}

    def look_at(self, seconds: float) -> bool:
        self.time = START + seconds
        return self.switch.look()

    def _jobs(self) -> list[dict[str, Any]]:
        if isinstance(self.jobs, Exception):
            raise self.jobs
        return self.jobs

    @contextlib.contextmanager
    def _open(self) -> Iterator[Clusters]:
        self.connections += 1
        if self.refusal:
            raise self.refusal
        yield self.clusters


def ended(seconds: float, kind: str = "SUBMISSION") -> dict[str, Any]:
    return {"type": kind, "status": "SUCCEEDED", "end_time": (START + seconds) * 1000}


def test_an_idle_cluster_is_suspended_the_head_last() -> None:
    world = World(**IDLE)
    assert not world.look_at(599)
    assert (world.connections, world.log) == (0, [])
    assert world.look_at(600)
    assert world.client.calls == [
        "suspend service C_WORKER", "suspend pool C_WORKER_POOL", "suspend pool C_HEAD_POOL", "suspend service C_HEAD",
    ]  # fmt: skip
    assert world.log[0] == (
        "lifetime: suspend cluster C, for no Ray job has run for 600 s, and max_idle_seconds is 600"
    )
    assert world.log[1] == "lifetime: suspending service C_WORKER"


def test_an_idle_cluster_is_dropped_where_that_is_wanted() -> None:
    world = World(**IDLE, RAYDP_IDLE_ACTION="drop")
    assert world.look_at(600)
    assert world.client.calls[-1] == "drop service C_HEAD"
    assert set(world.client.compute_pools.there) == {"C_HEAD_POOL"}


@pytest.mark.parametrize("status", ["PENDING", "RUNNING"])
@pytest.mark.parametrize("kind", ["SUBMISSION", "DRIVER"])
def test_a_cluster_with_a_job_is_not_idle(status: str, kind: str) -> None:
    world = World(**IDLE)
    world.jobs = [ended(0), {"type": kind, "status": status, "end_time": None}]
    assert not world.look_at(10_000)
    world.jobs = [{"type": kind, "status": "STOPPED", "end_time": None}]
    assert not world.look_at(10_599), "idle since it was last seen running, though Ray tells no end"
    assert world.look_at(10_600)


def test_a_warm_session_is_no_work() -> None:
    world = World(**IDLE)
    world.jobs = [{"type": "DRIVER", "status": "RUNNING", "end_time": None, "metadata": {METADATA: "key"}}]
    assert world.look_at(600)


def test_idleness_counts_from_the_last_end() -> None:
    world = World(**IDLE)
    world.jobs = [ended(100), ended(300, "DRIVER"), {"type": "DRIVER", "status": "SUCCEEDED", "end_time": 0}]
    assert not world.look_at(899)
    assert world.look_at(900)


def test_a_job_that_comes_while_connecting_is_seen() -> None:
    world = World(**IDLE)
    opened = world.switch._clusters

    @contextlib.contextmanager
    def slowly() -> Iterator[Clusters]:
        with opened() as clusters:
            world.jobs = [{"status": "RUNNING"}]
            yield clusters

    world.switch._clusters = slowly
    assert not world.look_at(600)
    assert (world.client.calls, world.log) == ([], [])


def test_an_old_cluster_is_dropped_though_a_job_runs() -> None:
    world = World(**LIFE)
    world.jobs = [{"status": "RUNNING"}]
    assert not world.look_at(3599)
    assert world.look_at(3600)
    assert world.client.calls == [
        "drop service C_WORKER", "drop pool C_WORKER_POOL", "drop service C_HEAD",
    ]  # fmt: skip
    assert world.log[0] == "lifetime: drop cluster C, for it is 3600 s old, and max_life_seconds is 3600"
    assert world.log[-1].endswith("left to the reaper")


def test_a_restart_is_no_new_life() -> None:
    world = World(**LIFE)
    world.set_created(START - 3000)
    assert not world.look_at(599)
    assert world.connections == 1
    assert not world.look_at(599.5)
    assert world.connections == 1, "the service's age is asked for once"
    assert world.look_at(600)


def test_both_limits_hold() -> None:
    world = World(**LIFE, **IDLE)
    world.jobs = JobsUnknownError("Ray is dead")
    assert not world.look_at(3599)
    assert world.look_at(3600), "an old cluster goes though nobody knows of jobs"


def test_errors_are_said_once_and_tried_again() -> None:
    world = World(**IDLE)
    world.refusal = SnowflakeUnreachableError("nobody there")
    assert not world.look_at(600)
    assert not world.look_at(610)
    assert world.log == ["lifetime: SnowflakeUnreachableError: nobody there; trying again"]
    world.refusal = ValueError("what nobody thought of")
    assert not world.look_at(620)
    world.refusal = None
    world.client.services.fail_on = "C_HEAD"
    assert not world.look_at(630)
    world.client.services.fail_on = ""
    assert world.look_at(640)
    assert world.client.calls[-2:] == ["suspend service C_HEAD"] * 2


def test_not_knowing_is_not_idleness() -> None:
    world = World(**IDLE)
    world.jobs = JobsUnknownError("no answer")
    assert not world.look_at(10_000)
    assert world.log == ["lifetime: JobsUnknownError: no answer; trying again"]


def test_it_looks_until_it_has_acted() -> None:
    world = World(**IDLE)
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        world.time += 300

    world.switch.run(10, sleep)
    assert naps == [10, 10]


def test_it_is_started_only_where_a_limit_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = threading.Event()
    monkeypatch.setattr(DeadMansSwitch, "look", lambda self: looks.set() or True)
    assert lifetime.start(NodeSettings.read(Role.HEAD, {}), "127.0.0.1", print) is None
    thread = lifetime.start(NodeSettings.read(Role.HEAD, LIFE), "127.0.0.1", print, every=0)
    assert thread is not None
    assert thread.daemon
    assert looks.wait(5)
    thread.join(5)
    assert not thread.is_alive()


def test_settings_are_checked() -> None:
    with pytest.raises(SettingError, match="RAYDP_IDLE_ACTION is 'explode'; allowed are suspend, drop"):
        NodeSettings.read(Role.HEAD, {"RAYDP_IDLE_ACTION": "explode"})
    with pytest.raises(SettingError, match="RAYDP_MAX_LIFE_SECONDS is '1h'"):
        NodeSettings.read(Role.HEAD, {"RAYDP_MAX_LIFE_SECONDS": "1h"})


@pytest.mark.parametrize(
    ("status", "body", "part"),
    [(200, json.dumps([ended(1)]), None), (500, "oops", "HTTP 500: oops"), (200, "{", "Expecting"), (200, "{}", "{}")],
)
def test_ray_is_asked_for_its_jobs(status: int, body: str, part: str | None) -> None:
    address = f"127.{random.randint(100, 200)}.{random.randint(0, 250)}.{random.randint(2, 250)}"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/api/jobs/" else 404)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
            pass

    server = ThreadingHTTPServer((address, ports.DASHBOARD), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        if part is None:
            assert ray_jobs(address) == [ended(1)]
        else:
            with pytest.raises(JobsUnknownError, match=part):
                ray_jobs(address)
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(JobsUnknownError, match="refused"):
        ray_jobs(address)


def test_the_containers_own_connection_is_used_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []

    @contextlib.contextmanager
    def connection(**arguments: Any) -> Iterator[object]:
        told.append(arguments)
        yield object()
        told.append("closed")

    monkeypatch.setattr(lifetime, "connection", connection)
    with lifetime.own_clusters() as clusters:
        assert isinstance(clusters, Clusters)
    assert told[0]["login_timeout"] == 30
    assert told[-1] == "closed"
