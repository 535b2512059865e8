"""How clusters live and die. Every step may be repeated after a crash at any line."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from airflow_provider_raydp_spcs.cluster.blueprint import Blueprint, draw
from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.errors import (
    ClusterFailedError,
    ClusterNotDeletedError,
    ClusterNotFoundError,
    ClusterNotReadyError,
    NameTakenError,
)
from airflow_provider_raydp_spcs.cluster.resting import Resting
from airflow_provider_raydp_spcs.cluster.status import ClusterStatus, ServiceState
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePool, ComputePoolInfo
from airflow_provider_raydp_spcs.spcs.errors import ObjectDoesNotExistError, SpcsError
from airflow_provider_raydp_spcs.spcs.service_info import ASLEEP, GOING, UP, ContainerInfo, ContainerStatus, ServiceInfo
from airflow_provider_raydp_spcs.spcs.services import Service

Progress = Callable[[str], None]
READY_TIMEOUT: Final = 1200.0
"""Nodes take minutes to come (SPCS reference 1.2), and public endpoints up to five more (2.5)."""
POLL_SECONDS: Final = 2.0
DELETE_TIMEOUT: Final = 300.0


@dataclass(frozen=True)
class Deleted:
    """What a deletion removed."""

    services: tuple[str, ...]
    pools: tuple[str, ...]


@dataclass
class Made:
    """What a creation made itself, and may take back; what existed before is not in it."""

    pools: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)


class Clusters(Resting):
    """The clusters of one schema.

    :param client: whose session has the role that owns them.
    :param database: where they are; by default that of the session.
    :param sleep: how to wait; replaced in tests.
    """

    def __init__(
        self,
        client: SpcsClient,
        database: str | None = None,
        schema: str | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._database, self._schema, self._sleep = client, database, schema, sleep

    def blueprint(self, config: ClusterConfig, *, owner: str = "", run: str = "", expires: str = "") -> Blueprint:
        """What :meth:`create` would ask for."""
        return draw(config, *self._scope(config), owner=owner, run=run, expires=expires)

    def create(
        self,
        config: ClusterConfig,
        *,
        owner: str = "",
        run: str = "",
        expires: str | None = None,
        made: Made | None = None,
        progress: Progress = lambda line: None,
    ) -> None:
        """Ask for all pools and services at once; they come up by themselves, see :meth:`wait_until_ready`.

        What exists already is used as it is, or altered where it was asked for differently. On failure everything that
        this call made is taken back. A cluster that sleeps is woken.

        :param expires: written on what is made or altered; by default the configuration's ``max_life_seconds`` from now.
        :param made: filled with what this call makes, before it is made, so that the caller may take it back later.
        :raises SpcsError: Snowflake refuses something.
        :raises NameTakenError: a name is in use by something that is not this cluster.
        """
        expires = _expires(config) if expires is None else expires
        blueprint = self.blueprint(config, owner=owner, run=run, expires=expires)
        self._wait_while_going(config.name, progress)
        made = Made() if made is None else made
        try:
            pools = {pool.name: pool for pool in self._client.compute_pools.show(f"{config.name}_")}
            for pool in blueprint.pools:
                self._ensure_pool(config.name, pool, pools.get(pool.name), made, progress)
            services = {service.name: service for service in self._services(config.name)}
            for service in blueprint.services:
                own = service.name.rpartition(".")[2]
                self._ensure_service(service, services.get(own), made, progress)
            if any(service.status in ASLEEP for service in services.values()):
                self.resume(config.name, progress=progress)
        except BaseException:
            self.take_back(made, progress)
            raise

    def wait_until_ready(
        self,
        name: str,
        *,
        timeout: float = READY_TIMEOUT,
        poll: float = POLL_SECONDS,
        progress: Progress = lambda line: None,
    ) -> ClusterStatus:
        """Wait until every service answers and every public endpoint has its address.

        :param timeout: seconds.
        :param poll: seconds between looks.
        :param progress: called with each line that changed since the last look.
        :raises ClusterFailedError: a service will not come up.
        :raises ClusterNotReadyError: not in time.
        :raises ClusterNotFoundError: there is no such cluster.
        """
        deadline = time.monotonic() + timeout
        told: set[str] = set()
        while True:
            status = self.status(name)
            lines = status.lines()
            for line in lines:
                if line not in told:
                    progress(line)
            told = set(lines)
            if status.failure:
                msg = f"cluster {name.upper()} will not become ready: {status.failure}"
                raise ClusterFailedError(msg)
            if status.is_ready and self._endpoints_open(status):
                return status
            if time.monotonic() >= deadline:
                msg = f"cluster {name.upper()} is not ready after {timeout:g} s: {'; '.join(lines)}"
                raise ClusterNotReadyError(msg)
            self._sleep(poll)

    def status(self, name: str) -> ClusterStatus:
        """How the cluster is; containers are asked for only where a service is not up.

        :raises ClusterNotFoundError: there is no such cluster.
        """
        services = self._services(name)
        if not services:
            msg = f"there is no cluster {name.upper()} here; look with SHOW SERVICES, or create it first"
            raise ClusterNotFoundError(msg)
        states = []
        for service in services:
            containers: tuple[ContainerInfo, ...] = ()
            if service.status not in UP:
                with contextlib.suppress(ObjectDoesNotExistError):
                    containers = tuple(self._client.services.containers(_full(service)))
            states.append(ServiceState(service, containers))
        return ClusterStatus(name.upper(), tuple(states))

    def endpoints(self, name: str) -> dict[str, str]:
        """Addresses of the public endpoints that can be reached: name → ``https://…``.

        :raises ClusterNotFoundError: there is no such cluster.
        """
        found = {}
        for service in self.status(name).services:
            for endpoint in self._client.services.endpoints(_full(service.service)):
                if endpoint.is_public and endpoint.ingress_host:
                    found[endpoint.name] = f"https://{endpoint.ingress_host}"
        return found

    def delete(self, name: str, *, timeout: float = DELETE_TIMEOUT, progress: Progress = lambda line: None) -> Deleted:
        """Drop every service and pool that belongs to the cluster; nothing to drop is no error.

        :raises ClusterNotDeletedError: services did not go in time; call again.
        """
        services = [service for service in self._services(name) if service.status not in GOING]
        for service in services:
            self._client.services.drop(_full(service), force=True)
            progress(f"dropping service {service.name}")
        self._wait_while_going(name, progress, timeout)
        pools = self._pools(name)
        for pool in pools:
            self._client.compute_pools.stop_all(pool.name)
            self._client.compute_pools.drop(pool.name)
            progress(f"dropped compute pool {pool.name}")
        return Deleted(tuple(each.name for each in services), tuple(each.name for each in pools))

    def take_back(self, made: Made, progress: Progress = lambda line: None) -> None:
        """Drop what a creation made, in reverse. What cannot be dropped is told; nothing is raised, for the caller has
        an error of its own to raise.
        """
        for name in reversed(made.services):
            try:
                self._client.services.drop(name, force=True)
                progress(f"took back service {name}")
            except SpcsError as error:
                progress(f"could not take back service {name}: {error}")
        with contextlib.suppress(SpcsError, ClusterNotDeletedError):
            self._wait_while_gone(made.services)
        for name in reversed(made.pools):
            try:
                self._client.compute_pools.stop_all(name)
                self._client.compute_pools.drop(name)
                progress(f"took back compute pool {name}")
            except SpcsError as error:
                progress(f"could not take back compute pool {name}: {error}")

    def last_words(self, name: str, lines: int = 20) -> list[str]:
        """The end of the log of every container that is not ready, for whoever wants to know why."""
        told: list[str] = []
        with contextlib.suppress(SpcsError, ClusterNotFoundError):
            for state in self.status(name).services:
                for container in state.containers:
                    if container.status is not ContainerStatus.READY:
                        where = f"{state.service.name} {container.instance_id} {container.container_name}"
                        with contextlib.suppress(SpcsError):
                            full = _full(state.service)
                            text = self._client.services.logs(
                                full, container.instance_id, container.container_name, lines=lines
                            )
                            told += [f"log of {where} ends with:", *text.splitlines()]
        return told

    def _scope(self, config: ClusterConfig | None = None) -> tuple[str, str]:
        database = (config.database if config else None) or self._database
        schema = (config.schema if config else None) or self._schema
        if database is None or schema is None:
            current = self._client.current_schema()
            database, schema = database or current[0], schema or current[1]
        self._database, self._schema = database, schema
        return database, schema

    def _services(self, name: str) -> list[ServiceInfo]:
        found = self._client.services.show(f"{name.upper()}_", schema=".".join(self._scope()))
        return [service for service in found if _belongs(service.comment, name)]

    def _pools(self, name: str) -> list[ComputePoolInfo]:
        return [pool for pool in self._client.compute_pools.show(f"{name.upper()}_") if _belongs(pool.comment, name)]

    def _endpoints_open(self, status: ClusterStatus) -> bool:
        for state in status.services:
            for endpoint in self._client.services.endpoints(_full(state.service)):
                if endpoint.is_public and not endpoint.ingress_host:
                    return False
        return True

    def _ensure_pool(
        self, cluster: str, pool: ComputePool, there: ComputePoolInfo | None, made: Made, progress: Progress
    ) -> None:
        if there is None:
            made.pools.append(pool.name)
            self._client.compute_pools.create(pool)
            progress(f"asked for compute pool {pool.name}: {pool.max_nodes} x {pool.instance_family}")
            return
        if not _belongs(there.comment, cluster):
            msg = (
                f"compute pool {pool.name} exists and does not belong to cluster {cluster}; choose another cluster name"
            )
            raise NameTakenError(msg)
        if (there.min_nodes, there.max_nodes) != (pool.min_nodes, pool.max_nodes):
            self._client.compute_pools.alter(pool.name, min_nodes=pool.min_nodes, max_nodes=pool.max_nodes)
        progress(f"compute pool {pool.name} exists and is used")

    def _ensure_service(self, service: Service, there: ServiceInfo | None, made: Made, progress: Progress) -> None:
        if there is None:
            made.services.append(service.name)
            self._client.services.create(service)
            progress(f"asked for service {service.name}: {service.instances} instance(s)")
            return
        wanted, found = ClusterComment.read(service.comment or ""), ClusterComment.read(there.comment)
        if wanted is not None and found is not None and wanted.digest == found.digest:
            progress(f"service {service.name} exists and is used")
        else:
            self._client.services.alter_specification(service.name, service.specification)
            self._client.services.alter(service.name, instances=service.instances, comment=service.comment)
            progress(f"service {service.name} exists and was altered")

    def _wait_while_gone(self, names: list[str]) -> None:
        """Wait until services are gone, whatever cluster they belong to."""
        deadline = time.monotonic() + DELETE_TIMEOUT
        left = {name.rpartition(".")[2] for name in names}
        while left and time.monotonic() < deadline:
            left &= {service.name for service in self._client.services.show(schema=".".join(self._scope()))}
            if left:
                self._sleep(min(0.5, POLL_SECONDS))

    def _wait_while_going(self, name: str, progress: Progress, timeout: float = DELETE_TIMEOUT) -> None:
        """Wait until services that are being dropped are gone."""
        deadline = time.monotonic() + timeout
        told = False
        while going := [service.name for service in self._services(name) if service.status in GOING]:
            if not told:
                progress(f"waiting until {', '.join(going)} is gone")
                told = True
            if time.monotonic() >= deadline:
                msg = f"the services {going} of cluster {name.upper()} are still being dropped after {timeout:g} s; try again"
                raise ClusterNotDeletedError(msg)
            self._sleep(min(0.5, POLL_SECONDS))


def _belongs(comment: str, cluster: str) -> bool:
    found = ClusterComment.read(comment)
    return found is not None and found.cluster == cluster.upper()


def _expires(config: ClusterConfig) -> str:
    if config.max_life_seconds is None:
        return ""
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=config.max_life_seconds)
    return moment.isoformat(timespec="seconds")


def _full(service: ServiceInfo) -> str:
    return service.full_name
