"""Suspending, resuming, and dropping a cluster from within, over a Snowflake in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_raydp_spcs.cluster import power
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.errors import ClusterNotFoundError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.target import Target
from airflow_provider_raydp_spcs.spcs.errors import SnowflakeUnreachableError
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from tests.unit.cluster.fakes import FakeClient

CONFIG = ClusterConfig("C")
SUSPENSION = [
    "suspend service C_WORKER", "suspend pool C_WORKER_POOL", "suspend pool C_HEAD_POOL", "suspend service C_HEAD",
]  # fmt: skip


@pytest.fixture
def clusters(client: FakeClient) -> Clusters:
    made = Clusters(client, sleep=lambda seconds: None)  # type: ignore[arg-type]
    made.create(CONFIG)
    made.create(replace(CONFIG, name="C_2"))
    client.calls.clear()
    return made


def test_the_head_is_suspended_last_and_other_clusters_not_at_all(client: FakeClient, clusters: Clusters) -> None:
    power.suspend(clusters, "c")
    assert client.calls == SUSPENSION
    assert clusters.has_reached(clusters.find("c"), Target.SUSPENDED)
    client.calls.clear()
    power.suspend(clusters, "c")
    assert client.calls == [], "what sleeps is left alone"


def test_a_suspension_that_broke_off_goes_on(client: FakeClient, clusters: Clusters) -> None:
    client.services.fail_on = "C_HEAD"
    with pytest.raises(SnowflakeUnreachableError):
        power.suspend(clusters, "C")
    client.services.fail_on = ""
    client.calls.clear()
    power.suspend(clusters, "C")
    assert client.calls == SUSPENSION[3:]


def test_pools_are_resumed_before_services_and_the_head_first(client: FakeClient, clusters: Clusters) -> None:
    power.suspend(clusters, "C")
    client.calls.clear()
    power.resume(clusters, "C")
    assert client.calls == [
        "resume pool C_HEAD_POOL", "resume pool C_WORKER_POOL", "resume service C_HEAD", "resume service C_WORKER",
    ]  # fmt: skip
    client.calls.clear()
    power.resume(clusters, "C")
    assert client.calls == []


def test_creating_wakes_a_cluster_that_sleeps(client: FakeClient, clusters: Clusters) -> None:
    power.suspend(clusters, "C")
    client.calls.clear()
    clusters.create(CONFIG)
    assert "resume service C_HEAD" in client.calls
    assert {service.status for service in client.services.there.values()} == {ServiceStatus.PENDING}


def test_dropping_from_inside_ends_with_the_head_and_leaves_its_pool(client: FakeClient, clusters: Clusters) -> None:
    lines: list[str] = []
    power.drop_from_inside(clusters, "C", progress=lines.append)
    assert client.calls == [
        "drop service C_WORKER", "drop pool C_WORKER_POOL", "drop service C_HEAD",
    ]  # fmt: skip
    assert lines[-1] == "dropping service C_HEAD; its compute pool suspends itself and is left to the reaper"
    assert set(client.compute_pools.there) == {"C_HEAD_POOL", "C_2_HEAD_POOL", "C_2_WORKER_POOL"}


def test_a_pool_that_never_suspends_itself_is_made_to(client: FakeClient) -> None:
    clusters = Clusters(client, sleep=lambda seconds: None)  # type: ignore[arg-type]
    clusters.create(replace(CONFIG, auto_suspend_secs=0))
    power.drop_from_inside(clusters, "C")
    assert client.compute_pools.there["C_HEAD_POOL"].auto_suspend_secs == 60


def test_the_head_of_a_cluster(client: FakeClient, clusters: Clusters) -> None:
    assert clusters.head_state("c").service.name == "C_HEAD"
    del client.services.there["C_HEAD"]
    with pytest.raises(ClusterNotFoundError, match="no cluster C"):
        clusters.head_state("c")
