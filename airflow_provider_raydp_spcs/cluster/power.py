"""Changing a living cluster: more or fewer workers, asleep and awake."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from airflow_provider_raydp_spcs.cluster.blueprint import pool_name
from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.cluster.config import RESERVED_GROUPS
from airflow_provider_raydp_spcs.cluster.errors import WorkerGroupNotFoundError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.status import ServiceState, full_name
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePoolInfo, ComputePoolState

Progress = Callable[[str], None]
_ASLEEP: Final = frozenset({ComputePoolState.SUSPENDED, ComputePoolState.STOPPING})


def scale(clusters: Clusters, name: str, group: str, count: int, progress: Progress = lambda line: None) -> None:
    """Give a worker group another number of nodes; ``Clusters.wait_for`` waits for them.

    Nodes that go take their tasks and executors with them; Ray and Spark run those again elsewhere.

    :raises ClusterNotFoundError: there is no such cluster.
    :raises WorkerGroupNotFoundError: it has no such group.
    :raises InvalidValueError: a count that Snowflake does not allow.
    """
    services = {}
    for state in clusters.status(name).services:
        comment = ClusterComment.read(state.service.comment)
        if comment is not None and comment.group not in RESERVED_GROUPS:
            services[comment.group] = state.service
    service = services.get(group.upper())
    if service is None:
        msg = f"cluster {name.upper()} has no worker group {group!r}; it has {sorted(services)}"
        raise WorkerGroupNotFoundError(msg)
    clusters.client.compute_pools.alter(service.compute_pool, min_nodes=count, max_nodes=count)
    clusters.client.services.alter(full_name(service), instances=count)
    progress(f"service {service.name} is asked for {count} instance(s)")


def suspend(clusters: Clusters, name: str, progress: Progress = lambda line: None) -> None:
    """Stop the containers and release the nodes, the head's last; what the head kept in memory is lost.

    :raises ClusterNotFoundError: there is no such cluster.
    """
    for state in _head_last(name, clusters.status(name).services):
        if not state.is_asleep:
            clusters.client.services.suspend(full_name(state.service))
            progress(f"suspending service {state.service.name}")
    for pool in _head_pool_last(name, clusters.pools(name)):
        if pool.state not in _ASLEEP:
            clusters.client.compute_pools.suspend(pool.name)
            progress(f"suspending compute pool {pool.name}")


def resume(clusters: Clusters, name: str, progress: Progress = lambda line: None) -> None:
    """Bring nodes and containers back; ``Clusters.wait_for`` waits for them.

    :raises ClusterNotFoundError: there is no such cluster.
    """
    services = _head_last(name, clusters.status(name).services)
    for pool in reversed(_head_pool_last(name, clusters.pools(name))):
        if pool.state in _ASLEEP:
            clusters.client.compute_pools.resume(pool.name)
            progress(f"resuming compute pool {pool.name}")
    for state in reversed(services):
        if state.is_asleep:
            clusters.client.services.resume(full_name(state.service))
            progress(f"resuming service {state.service.name}")


def _head_last(name: str, services: Iterable[ServiceState]) -> list[ServiceState]:
    return sorted(services, key=lambda each: each.service.compute_pool == pool_name(name, "HEAD"))


def _head_pool_last(name: str, pools: Iterable[ComputePoolInfo]) -> list[ComputePoolInfo]:
    return sorted(pools, key=lambda each: each.name == pool_name(name, "HEAD"))
