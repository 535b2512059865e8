"""Fixtures of the Airflow face: its connection, its Snowflake, its head."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from airflow.sdk.bases.xcom import BaseXCom

from airflow_provider_raydp_spcs import patience
from airflow_provider_raydp_spcs.hooks import shared
from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook
from airflow_provider_raydp_spcs.jobs import wait
from airflow_provider_raydp_spcs.operators.base import RayDPOperator
from airflow_provider_raydp_spcs.operators.reap_clusters import ReapRayDPClustersOperator
from airflow_provider_raydp_spcs.sensors.base import RayDPSensor
from airflow_provider_raydp_spcs.triggers import watches
from airflow_provider_raydp_spcs.triggers.cluster import RayDPClusterTrigger
from airflow_provider_raydp_spcs.triggers.ray_job import RayDPJobTrigger
from tests.unit.airflow.fakes import CONNECTION, Airflow, FakeHead, FakeSnowflake


@pytest.fixture(autouse=True)
def connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SNOWFLAKE_DEFAULT", json.dumps(CONNECTION))


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def snowflake(monkeypatch: pytest.MonkeyPatch) -> FakeSnowflake:
    """What every hook reaches."""
    made = FakeSnowflake()
    monkeypatch.setattr(SpcsHook, "client", property(lambda hook: made))
    monkeypatch.setattr(SpcsHook, "clusters", property(lambda hook: made.clusters()))
    return made


@pytest.fixture
def head(
    monkeypatch: pytest.MonkeyPatch, snowflake: FakeSnowflake, authority: trustme.CA, tmp_path: Path
) -> Iterator[FakeHead]:
    """The head of cluster C, which is up."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    made = FakeHead(tls)
    snowflake.services.host = made.host
    snowflake.make("C")
    yield made
    made.close()


@pytest.fixture
def airflow() -> Airflow:
    return Airflow()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test waits for a person's sake, and none inherits what another one's event loop shared."""
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(wait, "KILL_SECONDS", 0.3)
    yield
    for kept in (shared._SHARED, watches._HEADS._watches, watches._SCHEMAS._watches):
        kept.clear()


@pytest.fixture
def application(tmp_path: Path) -> str:
    file = tmp_path / "job.py"
    file.write_text("print(1)\n")
    return str(file)


class Recorder:
    """A task's log."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, text: str, *values: Any) -> None:
        self.lines.append(text % values)

    warning = exception = error = info


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """The messages of the task's log so far, when called."""
    recorder = Recorder()
    for kind in (RayDPOperator, ReapRayDPClustersOperator, RayDPSensor, RayDPClusterTrigger, RayDPJobTrigger):
        monkeypatch.setattr(kind, "log", recorder)
    return lambda: list(recorder.lines)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[Any, ...], Any]:
    """XComs as a trigger and a link reach them: by the names of a task."""
    values: dict[tuple[Any, ...], Any] = {}

    def name(key: str, dag_id: str, task_id: str, run_id: str, map_index: int) -> tuple[Any, ...]:
        return key, dag_id, task_id, run_id, map_index

    def set_one(*, key: str, value: Any, **task: Any) -> None:
        values[name(key, **task)] = value

    monkeypatch.setattr(BaseXCom, "get_one", lambda *, key, **task: values.get(name(key, **task)))
    monkeypatch.setattr(BaseXCom, "set", set_one)
    return values
