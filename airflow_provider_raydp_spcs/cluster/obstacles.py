"""Why instances find no node, and what to do about it: from their messages and their compute pool (SPCS reference 1.3, 2.6).

Most obstacles may go by themselves: nodes are given back, other services end. One does not: a node of the pool stands idle,
and an instance does not fit even there.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Final

from airflow_provider_raydp_spcs.cluster.status import ClusterStatus, ServiceState
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePoolInfo, ComputePoolState
from airflow_provider_raydp_spcs.spcs.errors import SpcsError
from airflow_provider_raydp_spcs.spcs.service_info import ContainerStatus

SURE_SECONDS: Final = 30.0
"""How long an instance must have found no room on an idle node before that is final; the scheduler may lag behind."""
UNSCHEDULABLE: Final = "Unschedulable"
NO_IMAGE: Final = "Failed to pull image"
_NODE_LIMIT, _CAPACITY = "392508", "392507"
_SETTLED: Final = frozenset({ComputePoolState.IDLE, ComputePoolState.ACTIVE})


class Obstacles:
    """What stands in the way of the clusters of one schema.

    :param clock: monotonic seconds.
    """

    def __init__(self, client: SpcsClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._since: dict[str, float] = {}

    def final(self, status: ClusterStatus) -> str | None:
        """The obstacle that waiting does not remove, or None; costs statements only where instances find no room."""
        for state in status.services:
            name, found = state.service.full_name, _unschedulable(state)
            pool = self._pool(state) if found else None
            if found is None or pool is None or pool.state not in _SETTLED or not pool.idle_nodes:
                self._since.pop(name, None)
            elif self._clock() - self._since.setdefault(name, self._clock()) >= SURE_SECONDS:
                return f"service {state.service.name}: {found} {_no_room(found, pool)}"
        return None

    def all(self, status: ClusterStatus) -> list[str]:
        """Every obstacle of services that are not up; nothing where Snowflake does not tell."""
        told = []
        for state in status.services:
            pool = None if state.is_up or state.is_asleep else self._pool(state)
            if pool is not None and (why := explain(state, pool)):
                told.append(f"service {state.service.name}: {why}")
        return told

    def _pool(self, state: ServiceState) -> ComputePoolInfo | None:
        with contextlib.suppress(SpcsError):
            return self._client.compute_pools.describe(state.service.compute_pool)
        return None


def explain(state: ServiceState, pool: ComputePoolInfo) -> str | None:
    """Why a service that is not up finds no image or no node, with the next step; None where neither is the reason."""
    for container in state.containers:
        if container.status is ContainerStatus.PENDING and container.message.startswith(NO_IMAGE):
            return (
                f"the image {container.image_name} is not in its image repository, or the service's role may not read it. "
                "Push it: raydp-spcs images build && raydp-spcs images push; raydp-spcs doctor tells which are lacking"
            )
    if pool.error_code == _NODE_LIMIT or "maximum node limit" in (pool.status_message or ""):
        return (
            f"compute pool {pool.name} is at its limit of {pool.max_nodes} nodes of {pool.instance_family}, and one more is "
            f"needed. Raise it (ALTER COMPUTE POOL {pool.name} SET MAX_NODES = …), end what else runs on the pool, or ask "
            "for fewer nodes or another instance family"
        )
    if pool.error_code == _CAPACITY or "CAPACITY_ERROR" in (pool.status_message or ""):
        return (
            f"Snowflake has no free nodes of {pool.instance_family} for compute pool {pool.name} "
            f"({pool.status_message or 'capacity error'}). Wait longer, or take another instance family"
        )
    found = _unschedulable(state)
    return f"{found} {_no_room(found, pool)}" if found else None


def _unschedulable(state: ServiceState) -> str | None:
    """Snowflake's words for an instance that finds no room, or None."""
    for each in state.containers:
        if each.status is ContainerStatus.PENDING and each.message.startswith(UNSCHEDULABLE):
            return f"{each.message.rstrip('.')}."
    return None


def _no_room(message: str, pool: ComputePoolInfo) -> str:
    if "GPU" in message:
        return (
            f"No node of compute pool {pool.name} ({pool.instance_family}) has the GPUs that it asks for. Take an instance "
            "family with GPUs to be had here (SHOW COMPUTE POOL INSTANCE FAMILIES tells them, with the limit of nodes), or "
            "ask Snowflake's support for more"
        )
    return (
        f"No node of compute pool {pool.name} ({pool.instance_family}) has room for it. End what else runs on the pool, raise "
        f"its limit (ALTER COMPUTE POOL {pool.name} SET MAX_NODES = …), ask for less memory, or take a larger instance family"
    )
