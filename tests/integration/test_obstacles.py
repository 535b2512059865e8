"""Instances that find no node on a local Snowflake: its words for them, and what the cluster's errors make of those."""

from __future__ import annotations

import time

import pytest

from airflow_provider_raydp_spcs.cluster import obstacles
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.errors import ClusterFailedError, ClusterNotReadyError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.local.services.scheduling import machine_gpus
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration.containers import until

pytestmark = pytest.mark.integration
GPU_FAMILY, GPUS = "GPU_NV_L", 8


@pytest.fixture
def clusters(session: ConnectorSession) -> Clusters:
    return Clusters(SpcsClient(session))


@pytest.mark.skipif(machine_gpus() >= GPUS, reason="this machine has as many GPUs as the family")
def test_gpus_that_are_not_there_are_said_so_at_once(clusters: Clusters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstacles, "SURE_SECONDS", 1.0)
    group = WorkerGroup(GPU_FAMILY, name="gpu", count=1, image="web:1")
    # The image answers no probe of a head's, so its services stay PENDING; the GPU group never gets so far.
    clusters.create(ClusterConfig("GPUS", head=HeadConfig(image="web:1"), worker_groups=[group]))
    try:
        with pytest.raises(ClusterFailedError) as caught:
            clusters.wait_for("GPUS", deadline=time.time() + 60, poll=0.2)
    finally:
        clusters.delete("GPUS")
    for part in ("GPUS_GPU", "Unschedulable due to insufficient GPU resources.", GPU_FAMILY, "Take an instance family"):
        assert part in str(caught.value)


def test_a_pool_at_its_node_limit_is_named_with_the_next_step(clusters: Clusters) -> None:
    group = WorkerGroup("CPU_X64_S", name="full", count=1, image="web:1")
    clusters.create(ClusterConfig("LIMIT", head=HeadConfig(image="web:1"), worker_groups=[group]))
    try:
        clusters.client.services.alter("LIMIT_FULL", instances=2)

        def waiting() -> bool:
            found = clusters.client.services.containers("LIMIT_FULL")
            return any(each.message == "Unschedulable due to insufficient memory resources" for each in found)

        until(waiting)
        pool = clusters.client.compute_pools.describe("LIMIT_FULL_POOL")
        assert pool.error_code == "392508"
        with pytest.raises(ClusterNotReadyError) as caught:
            clusters.wait_for("LIMIT", deadline=0)
        assert "LIMIT_FULL_POOL is at its limit of 1 nodes of CPU_X64_S" in str(caught.value)
        assert "ALTER COMPUTE POOL LIMIT_FULL_POOL SET MAX_NODES" in str(caught.value)
    finally:
        clusters.delete("LIMIT")
    assert clusters.client.compute_pools.show("LIMIT") == []
