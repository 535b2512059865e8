"""Why instances find no node: what is worth waiting for, what is not, and what the error says."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.errors import ClusterFailedError, ClusterNotReadyError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.obstacles import SURE_SECONDS, Obstacles
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePoolState
from airflow_provider_raydp_spcs.spcs.errors import SnowflakeUnreachableError
from tests.unit.cluster.fakes import FakeClient

CONFIG = ClusterConfig("C", worker_groups=[WorkerGroup("GPU_NV_S", name="gpu", count=1)])
NO_GPU = "Unschedulable due to insufficient GPU resources."


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clusters(client: FakeClient, clock: Clock) -> Clusters:
    made = Clusters(client, sleep=clock.sleep)  # type: ignore[arg-type]
    made._obstacles = Obstacles(client, clock)  # type: ignore[arg-type]
    made.create(CONFIG)
    return made


def pool(client: FakeClient, **values: Any) -> None:
    for name in ("C_GPU_POOL", "C_HEAD_POOL"):
        client.compute_pools.there[name] = replace(client.compute_pools.there[name], **values)


def says(client: FakeClient, message: str) -> None:
    client.services.container = replace(client.services.container, message=message)


def test_what_fits_on_no_idle_node_is_not_waited_for(client: FakeClient, clusters: Clusters, clock: Clock) -> None:
    says(client, NO_GPU)
    pool(client, idle_nodes=1)
    with pytest.raises(ClusterFailedError) as caught:
        clusters.wait_for("C", deadline=math.inf, poll=5)
    assert clock.now == SURE_SECONDS
    text = str(caught.value)
    assert "C_GPU" in text
    assert NO_GPU in text
    assert "(GPU_NV_S)" in text
    assert "Take an instance family with GPUs" in text


@pytest.mark.parametrize("values", [{"idle_nodes": 0}, {"idle_nodes": 1, "state": ComputePoolState.RESIZING}])
def test_nodes_that_may_still_come_or_be_freed_are_waited_for(
    client: FakeClient, clusters: Clusters, clock: Clock, values: dict[str, Any]
) -> None:
    says(client, "Unschedulable due to insufficient resources")
    pool(client, **values)
    with pytest.raises(ClusterNotReadyError, match="has room for it"):
        clusters.wait_for("C", deadline=10 * SURE_SECONDS, poll=5, clock=clock)


def test_room_that_was_found_in_between_counts_anew(client: FakeClient, clusters: Clusters, clock: Clock) -> None:
    says(client, NO_GPU)
    pool(client, idle_nodes=1)
    status = clusters.status("C")
    assert clusters._obstacles.final(status) is None
    clock.now = SURE_SECONDS - 1
    says(client, "Waiting to start")
    assert clusters._obstacles.final(clusters.status("C")) is None
    clock.now = SURE_SECONDS + 1
    assert clusters._obstacles.final(status) is None
    clock.now = 2 * SURE_SECONDS + 1
    assert clusters._obstacles.final(status)


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (
            {"error_code": "392508", "status_message": "Compute pool has reached the maximum node limit."},
            ("C_GPU_POOL is at its limit of 1 nodes of GPU_NV_S", "ALTER COMPUTE POOL C_GPU_POOL SET MAX_NODES"),
        ),
        (
            {"error_code": "392507", "status_message": "We have observed CAPACITY_ERROR."},
            ("no free nodes of GPU_NV_S", "observed CAPACITY_ERROR", "another instance family"),
        ),
    ],
)
def test_a_pool_that_gets_no_nodes_is_waited_for_and_named_at_the_end(
    client: FakeClient, clusters: Clusters, values: dict[str, Any], parts: tuple[str, ...]
) -> None:
    says(client, "Compute pool node(s) are being provisioned")
    pool(client, state=ComputePoolState.STARTING, **values)
    with pytest.raises(ClusterNotReadyError) as caught:
        clusters.wait_for("C", deadline=0)
    for part in parts:
        assert part in str(caught.value)


def test_looks_at_pools_cost_nothing_while_nodes_come(client: FakeClient, clusters: Clusters) -> None:
    assert not clusters.has_reached(clusters.status("C"), target="ready")  # type: ignore[arg-type]
    assert not [call for call in client.calls if call.startswith("describe pool")]


def test_a_snowflake_that_does_not_tell_is_no_second_error(
    client: FakeClient, clusters: Clusters, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(name: str) -> None:
        raise SnowflakeUnreachableError(name)

    monkeypatch.setattr(client.compute_pools, "describe", silent)
    with pytest.raises(ClusterNotReadyError, match="Waiting to start"):
        clusters.wait_for("C", deadline=0)
