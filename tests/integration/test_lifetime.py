"""Clusters that end themselves: the real dead-man's switch with a container's own token, and a Ray that never has jobs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.errors import ClusterNotFoundError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePoolState
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration.containers import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

ROOT = Path(__file__).resolve().parents[2]
NODE = """
import dataclasses, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from airflow_provider_raydp_spcs.node import health, lifetime
from airflow_provider_raydp_spcs.node.address import own_address
from airflow_provider_raydp_spcs.node.settings import NodeSettings, Role
from airflow_provider_raydp_spcs.node.supervisor import say

class NoJobs(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[]")

address = own_address()
health.serve(address, lambda: True)
if sys.argv[1] == "head":
    jobs = ThreadingHTTPServer((address, 8265), NoJobs)
    threading.Thread(target=jobs.serve_forever, daemon=True).start()
    settings = NodeSettings.read(Role.HEAD, os.environ)
    # A minute is the least that may be asked for, and too long for a test.
    short = {name: 6 for name in ("max_life_seconds", "max_idle_seconds") if getattr(settings, name)}
    lifetime.start(dataclasses.replace(settings, **short), address, say, every=1)
time.sleep(1000)
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    (folder / "node.py").write_text(NODE)
    for name in ("head", "worker"):
        (folder / f"raydp_{name}").mkdir()
        command = f'["python", "{folder / "node.py"}", "{name}"]'
        (folder / f"raydp_{name}" / "Dockerfile").write_text(
            f"FROM scratch\nENV PYTHONPATH={ROOT}\nENTRYPOINT {command}\n"
        )
    return folder


@pytest.fixture
def client(session: ConnectorSession) -> SpcsClient:
    return SpcsClient(session)


@pytest.fixture
def clusters(client: SpcsClient) -> Iterator[Clusters]:
    made = Clusters(client)
    yield made
    print(*made.last_words("C"), sep="\n")  # pytest shows it where the test fails
    made.delete("C")


def test_an_idle_cluster_suspends_itself_and_is_woken_by_creating_it(client: SpcsClient, clusters: Clusters) -> None:
    config = ClusterConfig("C", max_idle_seconds=60)
    clusters.create(config)
    clusters.wait_for("C", deadline=time.time() + 60, poll=0.2)
    until(lambda: {each.status for each in client.services.show("C_")} == {ServiceStatus.SUSPENDED})
    until(lambda: {each.state for each in client.compute_pools.show("C_")} == {ComputePoolState.SUSPENDED})
    clusters.create(config)
    assert clusters.wait_for("C", deadline=time.time() + 60, poll=0.2).is_ready


@pytest.mark.parametrize("limits", [{"max_life_seconds": 60}, {"max_idle_seconds": 60, "idle_action": "drop"}])
def test_a_cluster_drops_itself_but_for_its_heads_pool(
    client: SpcsClient, clusters: Clusters, limits: dict[str, int]
) -> None:
    clusters.create(ClusterConfig("C", **limits))  # type: ignore[arg-type]
    clusters.wait_for("C", deadline=time.time() + 60, poll=0.2)
    until(lambda: not client.services.show("C_"))
    with pytest.raises(ClusterNotFoundError):
        clusters.status("C")
    assert [pool.name for pool in client.compute_pools.show("C_")] == ["C_HEAD_POOL"]
