"""How clusters live and die. Every step may be repeated after a crash at any line."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from airflow_provider_raydp_spcs.cluster.blueprint import Blueprint, draw
from airflow_provider_raydp_spcs.cluster.comment import ClusterComment, cluster_of
from airflow_provider_raydp_spcs.cluster.config import RESERVED_GROUPS, ClusterConfig
from airflow_provider_raydp_spcs.cluster.creation import Creation, Progress, at_once
from airflow_provider_raydp_spcs.cluster.endpoints import SNOWSIGHT
from airflow_provider_raydp_spcs.cluster.errors import (
    ClusterFailedError,
    ClusterNotDeletedError,
    ClusterNotFoundError,
    ClusterNotReadyError,
)
from airflow_provider_raydp_spcs.cluster.naming import cluster_name, service_name
from airflow_provider_raydp_spcs.cluster.obstacles import Obstacles
from airflow_provider_raydp_spcs.cluster.pool_end import drop_pool
from airflow_provider_raydp_spcs.cluster.status import ClusterStatus, ServiceState, not_found, overdue, tell_changes
from airflow_provider_raydp_spcs.cluster.target import (
    DELETE_TIMEOUT,
    LATE_SHARE,
    POLL_SECONDS,
    SOONEST_SECONDS,
    Target,
)
from airflow_provider_raydp_spcs.spcs import sql
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePoolInfo
from airflow_provider_raydp_spcs.spcs.errors import ObjectDoesNotExistError, SpcsError
from airflow_provider_raydp_spcs.spcs.service_info import (
    GOING,
    UP,
    ContainerInfo,
    ContainerStatus,
    EndpointInfo,
    ServiceInfo,
)
from airflow_provider_raydp_spcs.spcs.snowsight import service_page


@dataclass(frozen=True)
class Deleted:
    """What a deletion removed."""

    services: tuple[str, ...]
    pools: tuple[str, ...]


class Clusters:
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
        self.client = client
        self._database, self._schema, self.sleep = database, schema, sleep
        self._obstacles = Obstacles(client)

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
        roll_back: bool = True,
        progress: Progress = lambda line: None,
    ) -> None:
        """Ask for all pools and services at once; they come up by themselves, see :meth:`wait_for`.

        What exists already is used as it is, or altered where it was asked for differently. On failure everything that
        was made for this owner and run is taken back.

        :param owner: who asks; written into every COMMENT.
        :param run: for which run; :meth:`take_back` goes by both.
        :param expires: when the reaper may delete it, as UTC in ISO 8601; by default after ``max_life_seconds``.
        :param roll_back: otherwise the caller sees to what a failure leaves behind.
        :raises SpcsError: Snowflake refuses something.
        :raises NameTakenError: a name is in use by something that is not this cluster.
        :raises ClusterConflictError: the cluster exists with another configuration, and is somebody else's.
        """
        expires = expiry_of(config) if expires is None else expires
        blueprint = self.blueprint(config, owner=owner, run=run, expires=expires)
        services = self.wait_while_going(config.name, progress)
        creation = Creation(self.client, config.name, progress)
        pools = self.client.compute_pools.show(f"{config.name}_")
        act = creation.plan(blueprint, pools, services)
        try:
            act()
        except BaseException:
            if roll_back:
                self.take_back(config.name, owner, run, progress)
            raise

    def wait_for(
        self,
        name: str,
        target: Target = Target.READY,
        *,
        deadline: float,
        poll: float = POLL_SECONDS,
        progress: Progress = lambda line: None,
        seen: Callable[[ClusterStatus], None] = lambda status: None,
        clock: Callable[[], float] = time.time,
    ) -> ClusterStatus:
        """Wait until a cluster is ready (every service answers, every public endpoint has its address), suspended or gone.

        :param deadline: seconds since 1970.
        :param poll: seconds between looks, at most: at first they come sooner, so that what takes a short time is not
            seen a long time late.
        :param progress: called with each line that changed since the last look.
        :param seen: called with what each look has seen.
        :raises ClusterFailedError: a service will not come up.
        :raises ClusterNotReadyError: not in time.
        :raises ClusterNotFoundError: there is no such cluster.
        """
        told: list[str] = []
        began = clock()
        while True:
            status = self.find(name)
            told = tell_changes(status, told, progress)
            seen(status)
            if self.has_reached(status, target):
                return status
            if clock() >= deadline:
                raise self.overdue(status, target)
            self.sleep(min(poll, max(SOONEST_SECONDS, LATE_SHARE * (clock() - began))))

    def has_reached(self, status: ClusterStatus, target: Target) -> bool:
        """Whether a cluster is as it was waited for.

        :raises ClusterFailedError: it will never be.
        :raises ClusterNotFoundError: it is gone.
        """
        if target is Target.GONE:
            return not status.services
        if not status.services:
            raise not_found(status.name)
        if target is Target.SUSPENDED:
            return status.is_suspended
        if failure := status.failure or self._obstacles.final(status):
            msg = f"cluster {status.name} will not become ready: {failure}"
            raise ClusterFailedError(msg)
        return status.is_ready and self._endpoints_open(status)

    def overdue(self, status: ClusterStatus, target: Target) -> ClusterNotReadyError:
        """The error about a cluster that did not get there in time, with what stands in its way."""
        return overdue(status, target, self._obstacles.all(status) if target is Target.READY else ())

    def find(self, name: str) -> ClusterStatus:
        """How the cluster is, without services where there is none; containers only of services that are not up."""
        return ClusterStatus(cluster_name(name), tuple(self.state_of(service) for service in self.services(name)))

    def all_services(self) -> list[ServiceInfo]:
        """The services of every cluster of the schema, with one statement."""
        found = self.client.services.show(schema=".".join(self._scope()))
        return [each for each in found if cluster_of(each.comment)]

    def state_of(self, service: ServiceInfo) -> ServiceState:
        """A service with its containers, where it is not up."""
        containers: tuple[ContainerInfo, ...] = ()
        if service.status not in UP:
            with contextlib.suppress(ObjectDoesNotExistError):
                containers = tuple(self.client.services.containers(service.full_name))
        return ServiceState(service, containers)

    def status(self, name: str) -> ClusterStatus:
        """How the cluster is.

        :raises ClusterNotFoundError: there is no such cluster.
        """
        status = self.find(name)
        if not status.services:
            raise not_found(name)
        return status

    def head_state(self, name: str) -> ServiceState:
        """How the head's service is.

        :raises ClusterNotFoundError: there is no such cluster.
        """
        head = service_name(name, "HEAD")
        for service in self.services(name):
            if service.name == head:
                return self.state_of(service)
        raise not_found(name)

    def endpoints(self, name: str) -> dict[str, str]:
        """Addresses of the public endpoints that can be reached: name → ``https://…``.

        :raises ClusterNotFoundError: there is no such cluster.
        """
        return self._addresses(self._existing(name))

    def pages(self, name: str) -> dict[str, str]:
        """What a person may open now: the addresses of :meth:`endpoints`, and the head's page in Snowsight, ``snowsight``.

        :raises ClusterNotFoundError: there is no such cluster.
        """
        services, head = self._existing(name), service_name(name, "HEAD")
        found = self._addresses(services)
        page = next((service_page(self.client, service) for service in services if service.name == head), "")
        return {**found, SNOWSIGHT: page} if page else found

    def head_endpoints(self, name: str) -> dict[str, str]:
        """Addresses of the head's public endpoints, with one statement.

        :raises ClusterNotFoundError: there is no such cluster.
        """
        try:
            return _addresses(self.client.services.endpoints(service_name(name, "HEAD")))
        except ObjectDoesNotExistError as error:
            raise not_found(name) from error

    def delete(self, name: str, *, timeout: float = DELETE_TIMEOUT, progress: Progress = lambda line: None) -> Deleted:
        """Drop every service and pool that belongs to the cluster; nothing to drop is no error.

        :raises ClusterNotDeletedError: services did not go in time; call again.
        """
        services = self.drop_services(name, progress)
        self.wait_while_going(name, progress, timeout)
        return Deleted(tuple(services), tuple(self.drop_pools(name, progress)))

    def drop_services(self, name: str, progress: Progress = lambda line: None) -> list[str]:
        """Drop the cluster's services, without waiting until they are gone; answer their names."""
        services = [service for service in self.services(name) if service.status not in GOING]

        def drop(service: ServiceInfo) -> None:
            self.client.services.drop(service.full_name, force=True)
            progress(f"dropping service {service.name}")

        at_once(partial(drop, service) for service in services)
        return [service.name for service in services]

    def drop_pools(self, name: str, progress: Progress = lambda line: None) -> list[str]:
        """Drop the cluster's compute pools, and with them whatever still runs there; answer their names."""
        pools = self.pools(name)

        def drop(pool: ComputePoolInfo) -> None:
            drop_pool(self.client, pool.name, self.sleep)
            progress(f"dropped compute pool {pool.name}")

        at_once(partial(drop, pool) for pool in pools)
        return [pool.name for pool in pools]

    def pools(self, name: str) -> list[ComputePoolInfo]:
        """The cluster's compute pools."""
        return [
            pool for pool in self.client.compute_pools.show(f"{cluster_name(name)}_") if _belongs(pool.comment, name)
        ]

    def take_back(self, name: str, owner: str, run: str, progress: Progress = lambda line: None) -> None:
        """Drop what was made for an owner's run, by its COMMENT, so that it works after a crash too.

        What cannot be dropped is told; nothing is raised, for the caller has an error of its own to raise.
        """

        def is_ours(comment: str) -> bool:
            found = ClusterComment.read(comment)
            return found is not None and (found.cluster, found.owner, found.run) == (name.upper(), owner, run)

        with contextlib.suppress(SpcsError, ClusterNotDeletedError):
            services = [each.full_name for each in self.services(name) if is_ours(each.comment)]
            for service in services:
                _try(partial(self.client.services.drop, service, force=True), f"service {service}", progress)
            self._wait_while_gone(services)
            for pool in [each.name for each in self.pools(name) if is_ours(each.comment)]:
                _try(partial(drop_pool, self.client, pool, self.sleep), f"compute pool {pool}", progress)

    def last_words(self, name: str, lines: int = 20) -> list[str]:
        """The end of the log of every container that is not ready, for whoever wants to know why."""
        told: list[str] = []
        with contextlib.suppress(SpcsError, ClusterNotFoundError):
            for state in self.status(name).services:
                for container in state.containers:
                    if container.status is not ContainerStatus.READY:
                        where = f"{state.service.name} {container.instance_id} {container.container_name}"
                        with contextlib.suppress(SpcsError):
                            full = state.service.full_name
                            text = self.client.services.logs(
                                full, container.instance_id, container.container_name, lines=lines
                            )
                            told += [f"log of {where} ends with:", *text.splitlines()]
        return told

    def _scope(self, config: ClusterConfig | None = None) -> tuple[str, str]:
        database = (config.database if config else None) or self._database
        schema = (config.schema if config else None) or self._schema
        if database is None or schema is None:
            current = self.client.current_schema()
            database, schema = database or current[0], schema or current[1]
        self._database, self._schema = database, schema
        return database, schema

    def in_scope(self, name: str) -> str:
        """The full name, ``DATABASE.SCHEMA.NAME``, of what may be named without database and schema."""
        parts = sql.qualified(name).upper().split(".")
        return ".".join([*self._scope()[: 3 - len(parts)], *parts])

    def services(self, name: str) -> list[ServiceInfo]:
        """The cluster's services, none where there is no such cluster."""
        found = self.client.services.show(f"{cluster_name(name)}_", schema=".".join(self._scope()))
        return [service for service in found if _belongs(service.comment, name)]

    def _existing(self, name: str) -> list[ServiceInfo]:
        services = self.services(name)
        if not services:
            raise not_found(name)
        return services

    def _addresses(self, services: Iterable[ServiceInfo]) -> dict[str, str]:
        return _addresses(self._public(services))

    def _endpoints_open(self, status: ClusterStatus) -> bool:
        return all(each.ingress_host for each in self._public(state.service for state in status.services))

    def _public(self, services: Iterable[ServiceInfo]) -> Iterator[EndpointInfo]:
        """The public endpoints; workers have none, so theirs are not asked for."""
        for service in services:
            comment = ClusterComment.read(service.comment)
            if comment is None or comment.group in RESERVED_GROUPS:
                yield from (each for each in self.client.services.endpoints(service.full_name) if each.is_public)

    def _wait_while_gone(self, names: list[str]) -> None:
        """Wait until services are gone, whatever cluster they belong to."""
        deadline = time.monotonic() + DELETE_TIMEOUT
        left = {name.rpartition(".")[2] for name in names}
        while left and time.monotonic() < deadline:
            left &= {service.name for service in self.client.services.show(schema=".".join(self._scope()))}
            if left:
                self.sleep(min(0.5, POLL_SECONDS))

    def wait_while_going(self, name: str, progress: Progress, timeout: float = DELETE_TIMEOUT) -> list[ServiceInfo]:
        """Wait until services that are being dropped are gone; answer those that are there then."""
        deadline = time.monotonic() + timeout
        told = False
        while True:
            services = self.services(name)
            going = [service.name for service in services if service.status in GOING]
            if not going:
                return services
            if not told:
                progress(f"waiting until {', '.join(going)} is gone")
                told = True
            if time.monotonic() >= deadline:
                msg = f"the services {going} of cluster {name.upper()} are still being dropped after {timeout:g} s; try again"
                raise ClusterNotDeletedError(msg)
            self.sleep(min(0.5, POLL_SECONDS))


def expiry_of(config: ClusterConfig) -> str:
    """When a cluster that is made now may be deleted by anybody, as UTC in ISO 8601; empty for never."""
    if config.max_life_seconds is None:
        return ""
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=config.max_life_seconds)).isoformat(timespec="seconds")


def _addresses(endpoints: Iterable[EndpointInfo]) -> dict[str, str]:
    return {each.name: f"https://{each.ingress_host}" for each in endpoints if each.is_public and each.ingress_host}


def _belongs(comment: str, cluster: str) -> bool:
    return cluster_of(comment) == cluster.upper()


def _try(act: Callable[[], None], what: str, progress: Progress) -> None:
    try:
        act()
        progress(f"took back {what}")
    except SpcsError as error:
        progress(f"could not take back {what}: {error}")
