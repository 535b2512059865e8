"""How clusters rest, wake, and end from within."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final

from airflow_provider_raydp_spcs.cluster.blueprint import HEAD
from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.cluster.errors import ClusterNotFoundError
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.compute_pools import ASLEEP as POOL_ASLEEP
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePoolInfo
from airflow_provider_raydp_spcs.spcs.service_info import ASLEEP, GOING, ServiceInfo

LINGER_SECONDS: Final = 60
"""How long a head's pool that would never suspend itself may keep its node after the head dropped its own cluster."""
Progress = Callable[[str], None]


class Resting(ABC):
    """The part of :class:`~airflow_provider_raydp_spcs.cluster.lifecycle.Clusters` that a cluster may do to itself."""

    _client: SpcsClient

    @abstractmethod
    def _services(self, name: str) -> list[ServiceInfo]:
        """The cluster's services."""

    @abstractmethod
    def _pools(self, name: str) -> list[ComputePoolInfo]:
        """The cluster's compute pools."""

    @abstractmethod
    def _wait_while_going(self, name: str, progress: Progress) -> None:
        """Wait until services that are being dropped are gone."""

    def head(self, name: str) -> ServiceInfo:
        """The head's service.

        :raises ClusterNotFoundError: there is none.
        """
        for service in self._services(name):
            if _is_head(service.comment):
                return service
        msg = f"cluster {name.upper()} has no head here; look with SHOW SERVICES, or create it first"
        raise ClusterNotFoundError(msg)

    def suspend(self, name: str, *, progress: Progress = lambda line: None) -> None:
        """Stop all containers and release all nodes; services, pools and addresses stay. May be repeated.

        The head goes last, for this may run inside it: its pool takes its service along, whatever becomes of the caller.
        """
        services = [each for each in self._services(name) if each.status not in ASLEEP | GOING]
        pools = [each for each in self._pools(name) if each.state not in POOL_ASLEEP]
        self._suspend_services([each for each in services if not _is_head(each.comment)], progress)
        for pool in sorted(pools, key=lambda each: _is_head(each.comment)):
            progress(f"suspending compute pool {pool.name}")
            self._client.compute_pools.suspend(pool.name)
        self._suspend_services([each for each in services if _is_head(each.comment)], progress)

    def resume(self, name: str, *, progress: Progress = lambda line: None) -> None:
        """Bring nodes and containers back, the head first; they come up by themselves. May be repeated."""
        for pool in self._pools(name):
            if pool.state in POOL_ASLEEP:
                progress(f"resuming compute pool {pool.name}")
                self._client.compute_pools.resume(pool.name)
        for service in sorted(self._services(name), key=lambda each: not _is_head(each.comment)):
            if service.status in ASLEEP:
                progress(f"resuming service {service.name}")
                self._client.services.resume(service.full_name)

    def drop_from_inside(self, name: str, *, progress: Progress = lambda line: None) -> None:
        """Drop the cluster from within its head: the head's service goes last, and the caller with it. May be repeated.

        The head's pool stays, as nothing can drop the pool it runs on: it suspends itself, and the reaper drops it.

        :raises ClusterNotDeletedError: services did not go in time, and the head is still there; call again.
        """
        services = self._services(name)
        for service in services:
            if not _is_head(service.comment) and service.status not in GOING:
                progress(f"dropping service {service.name}")
                self._client.services.drop(service.full_name, force=True)
        self._wait_while_going(name, progress)
        for pool in self._pools(name):
            if not _is_head(pool.comment):
                self._client.compute_pools.stop_all(pool.name)
                self._client.compute_pools.drop(pool.name)
                progress(f"dropped compute pool {pool.name}")
            elif not pool.auto_suspend_secs:
                self._client.compute_pools.alter(pool.name, auto_suspend_secs=LINGER_SECONDS)
        for service in services:
            if _is_head(service.comment):
                progress(f"dropping service {service.name}; its compute pool suspends itself and is left to the reaper")
                self._client.services.drop(service.full_name, force=True)

    def _suspend_services(self, services: Sequence[ServiceInfo], progress: Progress) -> None:
        for service in services:
            progress(f"suspending service {service.name}")
            self._client.services.suspend(service.full_name)


def _is_head(comment: str) -> bool:
    found = ClusterComment.read(comment)
    return found is not None and found.group == HEAD
