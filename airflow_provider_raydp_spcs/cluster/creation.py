"""Making a cluster out of what is there: asked for in parallel, reconciled with what exists, taken back on failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final

from airflow_provider_raydp_spcs.cluster.blueprint import Blueprint
from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.cluster.errors import ClusterConflictError, NameTakenError
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePool, ComputePoolInfo, ComputePoolState
from airflow_provider_raydp_spcs.spcs.service_info import ASLEEP, ServiceInfo
from airflow_provider_raydp_spcs.spcs.services import Service

Progress = Callable[[str], None]
PARALLEL: Final = 8
"""Statements at once; one connection serves several threads."""


def at_once(steps: Iterable[Callable[[], None]]) -> None:
    """Do steps side by side; the first error is raised when all have ended."""
    with ThreadPoolExecutor(max_workers=PARALLEL) as threads:
        running = [threads.submit(step) for step in steps]
    for each in running:
        each.result()


class Creation:
    """One reconciliation of a blueprint with what exists.

    Same → used; suspended → resumed; changed by its own owner → altered. What belongs to somebody else and is configured
    otherwise is an error, for altering it would disturb whoever uses it.

    :param cluster: the cluster's name.
    :param progress: gets a line for each thing done; called from several threads.
    """

    def __init__(self, client: SpcsClient, cluster: str, progress: Progress) -> None:
        self._client, self._cluster, self._progress = client, cluster, progress

    def plan(
        self, blueprint: Blueprint, pools: Iterable[ComputePoolInfo], services: Iterable[ServiceInfo]
    ) -> Callable[[], None]:
        """What there is to do. Called, it asks for all pools at once, then for all services at once.

        Calling it raises :class:`SpcsError` where Snowflake refuses something; what was begun has ended by then.

        :raises ClusterConflictError, NameTakenError: found before anything is asked for.
        """
        pool_steps, service_steps = self.steps(blueprint, pools, services)

        def act() -> None:
            at_once(pool_steps)
            at_once(service_steps)

        return act

    def steps(
        self, blueprint: Blueprint, pools: Iterable[ComputePoolInfo], services: Iterable[ServiceInfo]
    ) -> tuple[list[Callable[[], None]], list[Callable[[], None]]]:
        """The same as single steps, each a statement or two: for the pools, and then for the services.

        :raises ClusterConflictError, NameTakenError: found before anything is asked for.
        """
        found_pools = {pool.name: pool for pool in pools}
        found_services = {service.name: service for service in services}
        pool_steps = [self._pool_step(pool, found_pools.get(pool.name)) for pool in blueprint.pools]
        service_steps = [
            self._service_step(service, found_services.get(service.name.rpartition(".")[2]))
            for service in blueprint.services
        ]
        return pool_steps, service_steps

    def _pool_step(self, pool: ComputePool, there: ComputePoolInfo | None) -> Callable[[], None]:
        if there is None:
            return partial(self._create_pool, pool)
        comment = self._own(f"compute pool {pool.name}", there.comment)
        if there.instance_family != pool.instance_family:
            msg = (
                f"compute pool {pool.name} has nodes of {there.instance_family}, not {pool.instance_family}, and a running "
                f"pool cannot change them. Delete cluster {self._cluster} first, or choose another cluster name"
            )
            raise ClusterConflictError(msg)
        same = (there.min_nodes, there.max_nodes) == (pool.min_nodes, pool.max_nodes)
        if not same:
            self._check_owner(f"compute pool {pool.name}", comment, pool.comment)
        return partial(self._keep_pool, pool, there, same=same)

    def _service_step(self, service: Service, there: ServiceInfo | None) -> Callable[[], None]:
        if there is None:
            return partial(self._create_service, service)
        found, wanted = self._own(f"service {service.name}", there.comment), ClusterComment.read(service.comment or "")
        same = wanted is not None and found.digest == wanted.digest
        if not same:
            self._check_owner(f"service {service.name}", found, service.comment)
        return partial(self._keep_service, service, there, found, same=same)

    def _create_pool(self, pool: ComputePool) -> None:
        self._client.compute_pools.create(pool)
        self._progress(f"asked for compute pool {pool.name}: {pool.max_nodes} x {pool.instance_family}")

    def _keep_pool(self, pool: ComputePool, there: ComputePoolInfo, *, same: bool) -> None:
        if not same:
            self._client.compute_pools.alter(pool.name, min_nodes=pool.min_nodes, max_nodes=pool.max_nodes)
        if there.state in (ComputePoolState.SUSPENDED, ComputePoolState.STOPPING):
            self._client.compute_pools.resume(pool.name)
        self._progress(f"compute pool {pool.name} exists and {'is used' if same else 'was altered'}")

    def _create_service(self, service: Service) -> None:
        self._client.services.create(service)
        self._progress(f"asked for service {service.name}: {service.instances} instance(s)")

    def _keep_service(self, service: Service, there: ServiceInfo, found: ClusterComment, *, same: bool) -> None:
        services = self._client.services
        if not same:
            services.alter_specification(service.name, service.specification)
        if not same or there.target_instances != service.instances:
            wanted = ClusterComment.read(service.comment or "") or found
            # Whoever made it stays its owner, so that a later failure does not take back what was there before.
            services.alter(service.name, instances=service.instances, comment=str(replace(found, digest=wanted.digest)))
        if there.status in ASLEEP:
            services.resume(service.name)
        told = "is used" if same else "was altered"
        self._progress(f"service {service.name} exists and {told}")

    def _own(self, what: str, comment: str) -> ClusterComment:
        found = ClusterComment.read(comment)
        if found is None or found.cluster != self._cluster:
            msg = f"{what} exists and does not belong to cluster {self._cluster}; choose another cluster name"
            raise NameTakenError(msg)
        return found

    def _check_owner(self, what: str, found: ClusterComment, wanted: str | None) -> None:
        asking = ClusterComment.read(wanted or "")
        if asking is not None and found.owner != asking.owner:
            msg = (
                f"{what} was made by {found.owner or 'somebody'} with another configuration than {asking.owner or 'now'} "
                f"asks for. Give cluster {self._cluster} another name, or ask for the same configuration"
            )
            raise ClusterConflictError(msg)
