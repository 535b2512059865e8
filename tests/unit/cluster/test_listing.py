"""All clusters of a schema at one look."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.listing import ClusterState, list_clusters
from airflow_provider_raydp_spcs.cluster.power import suspend
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePoolState
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from tests.unit.cluster.fakes import FakeClient

NOW = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)
PRICED = ClusterConfig(
    "PRICED",
    head=HeadConfig(instance_family="CPU_X64_SL"),
    worker_groups=[WorkerGroup(instance_family="CPU_X64_L", count=2)],
)


@pytest.fixture
def clusters(client: FakeClient) -> Clusters:
    return Clusters(client, sleep=lambda seconds: None)  # type: ignore[arg-type]


def test_what_a_cluster_is_and_costs(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(PRICED, owner="dag", run="run", expires="2030-01-02T00:00:00+00:00")
    for room in (client.services, client.compute_pools):
        made = NOW - dt.timedelta(hours=2)
        room.there = {name: replace(info, created_on=made) for name, info in room.there.items()}  # type: ignore[attr-defined]
    pool = client.compute_pools.there["PRICED_WORKER_POOL"]
    client.compute_pools.there[pool.name] = replace(pool, active_nodes=1, num_services=1)
    client.services.become(ServiceStatus.RUNNING)
    (found,) = list_clusters(client, NOW)  # type: ignore[arg-type]
    assert (found.name, found.state, found.owner, found.run) == ("PRICED", ClusterState.READY, "dag", "run")
    assert found.created_on == NOW - dt.timedelta(hours=2)
    assert found.expires_on == dt.datetime(2030, 1, 2, tzinfo=dt.UTC)
    assert [(each.group, each.nodes, each.wanted) for each in found.pools] == [("HEAD", 0, 1), ("WORKER", 1, 2)]
    assert found.credits_per_hour == pytest.approx(0.41 + 2 * 0.83)
    assert found.credits == pytest.approx(2 * (0.41 + 2 * 0.83))
    told = found.to_json()
    assert told["credits_at_most"] == pytest.approx(4.14)
    assert told["services"] == {"PRICED_HEAD": "RUNNING", "PRICED_WORKER": "RUNNING"}
    assert told["expires_on"] == "2030-01-02T00:00:00+00:00"


def test_nodes_that_are_not_there_cost_nothing_and_unknown_rates_are_not_guessed(
    client: FakeClient, clusters: Clusters
) -> None:
    clusters.create(PRICED)
    clusters.create(ClusterConfig("CHEAP"))
    suspend(clusters, "PRICED")
    cheap, priced = list_clusters(client, NOW)  # type: ignore[arg-type]
    assert (priced.state, priced.credits_per_hour) == (ClusterState.SUSPENDED, 0.0)
    assert (cheap.credits_per_hour, cheap.credits) == (None, None)
    assert cheap.cost.unpriced == ("CPU_X64_S",)
    pools = client.compute_pools
    pools.there = {name: replace(each, state=ComputePoolState.SUSPENDED) for name, each in pools.there.items()}
    assert [each.credits_per_hour for each in list_clusters(client, NOW)] == [0.0, 0.0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("head", "worker", "state"),
    [
        (ServiceStatus.RUNNING, ServiceStatus.READY, ClusterState.READY),
        (ServiceStatus.RUNNING, ServiceStatus.PENDING, ClusterState.STARTING),
        (ServiceStatus.RUNNING, ServiceStatus.SUSPENDED, ClusterState.STARTING),
        (ServiceStatus.RUNNING, ServiceStatus.FAILED, ClusterState.FAILED),
        (ServiceStatus.DELETING, ServiceStatus.SUSPENDED, ClusterState.DELETING),
        (ServiceStatus.SUSPENDING, ServiceStatus.SUSPENDED, ClusterState.SUSPENDING),
        (ServiceStatus.SUSPENDED, ServiceStatus.SUSPENDED, ClusterState.SUSPENDED),
    ],
)
def test_the_state_in_one_word(
    client: FakeClient, clusters: Clusters, head: ServiceStatus, worker: ServiceStatus, state: ClusterState
) -> None:
    clusters.create(ClusterConfig("C"))
    for name, status in (("C_HEAD", head), ("C_WORKER", worker)):
        client.services.there[name] = replace(client.services.there[name], status=status)
    assert [each.state for each in list_clusters(client, NOW)] == [state]  # type: ignore[arg-type]


def test_pools_without_services_are_left_over_unless_another_schema_uses_them(
    client: FakeClient, clusters: Clusters
) -> None:
    for name in ("ELSEWHERE", "LEFT"):
        clusters.create(ClusterConfig(name), owner="dag")
    client.services.there = {}
    for name in ("ELSEWHERE_HEAD_POOL", "ELSEWHERE_WORKER_POOL"):
        client.compute_pools.there[name] = replace(client.compute_pools.there[name], num_services=1)
    (found,) = list_clusters(client, NOW)  # type: ignore[arg-type]
    assert (found.name, found.state, found.owner, found.services) == ("LEFT", ClusterState.LEFT_OVER, "dag", ())
