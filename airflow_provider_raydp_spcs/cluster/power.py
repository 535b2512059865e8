"""Changing a living cluster: more or fewer workers, asleep and awake, and its end from within."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.cluster.config import RESERVED_GROUPS
from airflow_provider_raydp_spcs.cluster.creation import Progress
from airflow_provider_raydp_spcs.cluster.errors import WorkerGroupNotFoundError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.naming import HEAD
from airflow_provider_raydp_spcs.cluster.pool_end import drop_pool
from airflow_provider_raydp_spcs.spcs.compute_pools import ASLEEP as POOL_ASLEEP
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePoolInfo
from airflow_provider_raydp_spcs.spcs.service_info import ASLEEP, GOING, ServiceInfo

LINGER_SECONDS: Final = 60
"""How long a head's pool that would never suspend itself may keep its node after the head dropped its own cluster."""


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
    clusters.client.services.alter(service.full_name, instances=count)
    progress(f"service {service.name} is asked for {count} instance(s)")


def suspend(clusters: Clusters, name: str, progress: Progress = lambda line: None) -> None:
    """Stop all containers and release all nodes; services, pools and addresses stay. May be repeated.

    What the head kept in memory is lost. The head goes last, for this may run inside it: its pool takes its service along,
    whatever becomes of the caller.

    :raises ClusterNotFoundError: there is no such cluster.
    """
    found = [state.service for state in clusters.status(name).services]
    services = [each for each in found if each.status not in ASLEEP | GOING]
    pools = [each for each in clusters.pools(name) if each.state not in POOL_ASLEEP]
    _suspend_services(clusters, [each for each in services if not is_head(each)], progress)
    for pool in sorted(pools, key=is_head):
        progress(f"suspending compute pool {pool.name}")
        clusters.client.compute_pools.suspend(pool.name)
    _suspend_services(clusters, [each for each in services if is_head(each)], progress)


def resume(clusters: Clusters, name: str, progress: Progress = lambda line: None) -> None:
    """Bring nodes and containers back, the head first; ``Clusters.wait_for`` waits for them. May be repeated.

    :raises ClusterNotFoundError: there is no such cluster.
    """
    services = [state.service for state in clusters.status(name).services]
    for pool in sorted(clusters.pools(name), key=lambda each: not is_head(each)):
        if pool.state in POOL_ASLEEP:
            progress(f"resuming compute pool {pool.name}")
            clusters.client.compute_pools.resume(pool.name)
    for service in sorted(services, key=lambda each: not is_head(each)):
        if service.status in ASLEEP:
            progress(f"resuming service {service.name}")
            clusters.client.services.resume(service.full_name)


def drop_from_inside(clusters: Clusters, name: str, progress: Progress = lambda line: None) -> None:
    """Drop the cluster from within its head: the head's service goes last, and the caller with it. May be repeated.

    The head's pool stays, as nothing can drop the pool it runs on: it suspends itself, and the reaper drops it.

    :raises ClusterNotDeletedError: services did not go in time, and the head is still there; call again.
    """
    services = [state.service for state in clusters.find(name).services]
    for service in services:
        if not is_head(service) and service.status not in GOING:
            progress(f"dropping service {service.name}")
            clusters.client.services.drop(service.full_name, force=True)
    clusters.wait_while_going(name, progress)
    for pool in clusters.pools(name):
        if not is_head(pool):
            drop_pool(clusters.client, pool.name, clusters.sleep)
            progress(f"dropped compute pool {pool.name}")
        elif not pool.auto_suspend_secs:
            clusters.client.compute_pools.alter(pool.name, auto_suspend_secs=LINGER_SECONDS)
    for service in services:
        if is_head(service):
            progress(f"dropping service {service.name}; its compute pool suspends itself and is left to the reaper")
            clusters.client.services.drop(service.full_name, force=True)


def is_head(info: ServiceInfo | ComputePoolInfo) -> bool:
    """Whether a service or pool is the head's, by its COMMENT."""
    found = ClusterComment.read(info.comment)
    return found is not None and found.group == HEAD


def _suspend_services(clusters: Clusters, services: Sequence[ServiceInfo], progress: Progress) -> None:
    for service in services:
        progress(f"suspending service {service.name}")
        clusters.client.services.suspend(service.full_name)
