"""One close look at a cluster: everything that a person wants to see of it, in a handful of short statements."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass, field

from airflow_provider_raydp_spcs.cluster.comment import by_cluster
from airflow_provider_raydp_spcs.cluster.config import RESERVED_GROUPS
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.listing import ClusterState, ClusterSummary, summarise
from airflow_provider_raydp_spcs.cluster.naming import HEAD
from airflow_provider_raydp_spcs.cluster.status import ClusterStatus, ServiceState
from airflow_provider_raydp_spcs.spcs.errors import ObjectDoesNotExistError
from airflow_provider_raydp_spcs.spcs.service_info import GOING, UP, EndpointInfo, ServiceInfo


@dataclass(frozen=True)
class Look:
    """A cluster at one moment.

    :param summary: what the list of clusters shows; None where there is no such cluster.
    :param status: its services, each with all its containers.
    :param endpoints: the public ones of services that are up.
    """

    summary: ClusterSummary | None
    status: ClusterStatus
    endpoints: tuple[EndpointInfo, ...] = ()
    groups: dict[str, ServiceState] = field(default_factory=dict)
    """The services by their group: ``HEAD``, the worker groups, and those of the monitoring."""

    @property
    def pages(self) -> dict[str, str]:
        """Addresses that can be opened: name of the endpoint → ``https://…``."""
        return {each.name: f"https://{each.ingress_host}" for each in self.endpoints if each.ingress_host}

    @property
    def worker_groups(self) -> dict[str, ServiceState]:
        """The services of the worker groups."""
        return {group: state for group, state in self.groups.items() if group not in RESERVED_GROUPS}

    @property
    def is_incomplete(self) -> bool:
        """Whether a creation or deletion stopped half-way: a pool has no service, or there is no head."""
        if self.summary is None or self.summary.state is ClusterState.DELETING:
            return False
        used = {state.service.compute_pool for state in self.status.services}
        return HEAD not in self.groups or any(pool.name not in used for pool in self.summary.pools)

    @property
    def is_open(self) -> bool:
        """Whether it is ready, and every public endpoint has its address."""
        return self.status.is_ready and all(each.ingress_host for each in self.endpoints)


def look_at(clusters: Clusters, name: str, now: dt.datetime | None = None) -> Look:
    """How a cluster is, without a summary where there is none.

    :param now: with time zone; up to when its cost is reckoned.
    :raises SpcsError: Snowflake refuses to show it.
    """
    name = name.upper()
    services, pools = clusters.services(name), clusters.pools(name)
    if not services and not pools:
        return Look(None, ClusterStatus(name, ()))
    own_services, own_pools = (
        (by_cluster(services)[name] if services else []),
        (by_cluster(pools)[name] if pools else []),
    )
    states: dict[str, ServiceState] = {}
    endpoints: list[EndpointInfo] = []
    for comment, service in own_services:
        states[comment.group] = _with_containers(clusters, service)
        if comment.group in RESERVED_GROUPS and service.status in UP:
            with contextlib.suppress(ObjectDoesNotExistError):
                endpoints += [each for each in clusters.client.services.endpoints(service.full_name) if each.is_public]
    ordered = dict(sorted(states.items(), key=lambda pair: _place(pair[0])))
    summary = summarise(name, own_services, own_pools, now)
    return Look(summary, ClusterStatus(name, tuple(ordered.values())), tuple(endpoints), ordered)


def _with_containers(clusters: Clusters, service: ServiceInfo) -> ServiceState:
    if service.status in GOING:
        return ServiceState(service)
    try:
        return ServiceState(service, tuple(clusters.client.services.containers(service.full_name)))
    except ObjectDoesNotExistError:  # it went meanwhile
        return ServiceState(service)


def _place(group: str) -> tuple[bool, bool, bool, str]:
    """The head first, then those that Spark runs on, then the other workers, then the monitoring."""
    return group != HEAD, group in RESERVED_GROUPS, group != "WORKER", group
