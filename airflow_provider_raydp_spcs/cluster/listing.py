"""All clusters of a schema at one look: whose they are, how they are, what they cost. Three statements, however many there are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.cluster.comment import ClusterComment, by_cluster
from airflow_provider_raydp_spcs.cluster.cost import Cost, cost_of
from airflow_provider_raydp_spcs.cluster.naming import HEAD
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePoolInfo, ComputePoolState
from airflow_provider_raydp_spcs.spcs.service_info import ASLEEP, BROKEN, GOING, UP, ServiceInfo, ServiceStatus

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient


class ClusterState(StrEnum):
    """A cluster's state in one word, out of those of its services."""

    READY = "READY"
    """Every service answers."""
    STARTING = "STARTING"
    FAILED = "FAILED"
    """A service will not come up."""
    SUSPENDING = "SUSPENDING"
    SUSPENDED = "SUSPENDED"
    DELETING = "DELETING"
    LEFT_OVER = "LEFT_OVER"
    """Compute pools without any service: a deletion or creation that was not finished. ``delete`` removes them."""


@dataclass(frozen=True)
class PoolSummary:
    """The nodes of one group.

    :param group: ``HEAD``, the name of a worker group, or ``MONITORING``.
    :param nodes: that are there.
    :param wanted: that were asked for.
    :param credits_per_hour: 0 for a pool that is suspended; None where the family's rate is not published.
    """

    group: str
    name: str
    instance_family: str
    state: ComputePoolState
    nodes: int
    wanted: int
    credits_per_hour: float | None


@dataclass(frozen=True)
class ClusterSummary:
    """One cluster.

    :param owner: who asked for it, as its COMMENT says, such as a DAG's id; may be empty, like ``run``.
    :param created_on: when the first of it was made.
    :param expires_on: from when on it may be reaped; None for never.
    :param services: names with their states.
    :param pools: the head's first.
    """

    name: str
    state: ClusterState
    owner: str
    run: str
    created_on: dt.datetime | None
    expires_on: dt.datetime | None
    services: tuple[tuple[str, ServiceStatus], ...]
    pools: tuple[PoolSummary, ...]
    cost: Cost

    @property
    def credits_per_hour(self) -> float | None:
        """What it costs now; None where a family's rate is not published."""
        return self.cost.credits_per_hour

    @property
    def credits(self) -> float | None:
        """What it has cost at most, as if no pool had ever been suspended; None likewise."""
        return self.cost.whole_credits

    def to_json(self) -> dict[str, Any]:
        """Plain values; times in ISO 8601."""
        return {
            "name": self.name,
            "state": str(self.state),
            "owner": self.owner,
            "run": self.run,
            "created_on": _iso(self.created_on),
            "expires_on": _iso(self.expires_on),
            "services": {name: str(status) for name, status in self.services},
            "pools": [
                {
                    "group": pool.group,
                    "name": pool.name,
                    "instance_family": pool.instance_family,
                    "state": str(pool.state),
                    "nodes": pool.nodes,
                    "wanted": pool.wanted,
                    "credits_per_hour": pool.credits_per_hour,
                }
                for pool in self.pools
            ],
            "credits_per_hour": self.credits_per_hour,
            "credits_at_most": None if self.credits is None else round(self.credits, 6),
        }


def list_clusters(client: SpcsClient, now: dt.datetime | None = None) -> list[ClusterSummary]:
    """The clusters of the session's schema that the role may see, by name.

    :param now: with time zone; up to when their cost is reckoned.
    :raises SpcsError: Snowflake refuses to show services or pools.
    """
    services = by_cluster(client.services.show(schema=".".join(client.current_schema())))
    pools = by_cluster(client.compute_pools.show())
    # Pools belong to the account and services to a schema: a pool with services elsewhere is another schema's cluster.
    left = {cluster for cluster, own in pools.items() if not any(info.num_services for _, info in own)}
    names = sorted({*services, *left})
    return [summarise(name, services.get(name, []), pools.get(name, []), now) for name in names]


def summarise(
    name: str,
    services: Sequence[tuple[ClusterComment, ServiceInfo]],
    pools: Sequence[tuple[ClusterComment, ComputePoolInfo]],
    now: dt.datetime | None = None,
) -> ClusterSummary:
    """One cluster out of its services and pools, of which there must be at least one."""
    comments = [comment for comment, _ in (*services, *pools)]
    speaker = next((each for each in comments if each.group == HEAD), comments[0])  # the head's word counts
    moments = [service.created_on for _, service in services] + [pool.created_on for _, pool in pools]
    births = [moment for moment in moments if moment is not None]
    cost = cost_of((info for _, info in pools), now)
    per_hour = {pool.name: pool.credits_per_hour for pool in cost.pools}
    summaries = [
        PoolSummary(
            comment.group,
            info.name,
            info.instance_family,
            info.state,
            info.active_nodes + info.idle_nodes,
            info.max_nodes,
            per_hour[info.name],
        )
        for comment, info in sorted(pools, key=lambda pair: (pair[0].group != HEAD, pair[1].name))
    ]
    return ClusterSummary(
        name,
        _state([info.status for _, info in services]),
        speaker.owner,
        speaker.run,
        min(births, default=None),
        speaker.expiry,
        tuple((info.name, info.status) for _, info in services),
        tuple(summaries),
        cost,
    )


def _state(statuses: Sequence[ServiceStatus]) -> ClusterState:
    if not statuses:
        return ClusterState.LEFT_OVER
    for kind, state in ((BROKEN, ClusterState.FAILED), (GOING, ClusterState.DELETING)):
        if any(each in kind for each in statuses):
            return state
    if all(each is ServiceStatus.SUSPENDED for each in statuses):
        return ClusterState.SUSPENDED
    if all(each in ASLEEP for each in statuses):
        return ClusterState.SUSPENDING
    return ClusterState.READY if all(each in UP for each in statuses) else ClusterState.STARTING


def _iso(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
