"""Deleting what nobody else did: clusters whose time is over, and pools that lost their cluster."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from airflow_provider_raydp_spcs.cluster.comment import ClusterComment, by_cluster
from airflow_provider_raydp_spcs.cluster.creation import Progress
from airflow_provider_raydp_spcs.cluster.errors import ClusterError, ClustersNotReapedError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.naming import HEAD
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePoolInfo
from airflow_provider_raydp_spcs.spcs.errors import LeaseTableMissingError, SpcsError
from airflow_provider_raydp_spcs.spcs.service_info import ServiceInfo

ORPHAN_AGE: Final = dt.timedelta(minutes=15)
"""A younger pool without services may belong to a cluster that is just being created."""

_Info = TypeVar("_Info", ServiceInfo, ComputePoolInfo)
_Commented = list[tuple[ClusterComment, _Info]]


@dataclass(frozen=True)
class Expired:
    """A cluster, or what is left of it, that may be deleted.

    :param owner: who asked for it, as its COMMENT says; may be empty.
    :param reason: why it may be deleted, in words.
    """

    cluster: str
    owner: str
    reason: str
    services: tuple[str, ...]
    pools: tuple[str, ...]

    def __str__(self) -> str:
        what = ", ".join([*self.services, *self.pools])
        return f"{self.cluster} of {self.owner or 'unknown owner'}: {self.reason} ({what})"


def find_expired(
    client: SpcsClient, now: dt.datetime, *, max_age: dt.timedelta | None = None, owner: str | None = None
) -> list[Expired]:
    """What may be deleted in the session's schema. Only what carries this package's COMMENT is looked at.

    :param now: with time zone.
    :param max_age: clusters older than this have expired too, whatever their COMMENT says.
    :param owner: look only at the clusters of this owner.
    :raises SpcsError: Snowflake refuses to show services or pools.
    """
    services = by_cluster(client.services.show(schema=".".join(client.current_schema())))
    pools = by_cluster(client.compute_pools.show())
    found = []
    for cluster in sorted({*services, *pools}):
        own_services, own_pools = services.get(cluster, []), pools.get(cluster, [])
        reason = _expiry(own_services, now, max_age) if own_services else _orphaned(own_pools, now)
        comments = [comment for comment, _ in (*own_services, *own_pools)]
        whose = next((each.owner for each in sorted(comments, key=lambda each: each.group != HEAD)), "")
        if reason and owner in (None, whose):
            names = tuple(info.name for _, info in own_services), tuple(info.name for _, info in own_pools)
            found.append(Expired(cluster, whose, reason, *names))
    return found


def reap(
    clusters: Clusters,
    found: Sequence[Expired],
    *,
    dry_run: bool = False,
    progress: Progress = lambda line: None,
    is_held: Callable[[str], bool] | None = None,
) -> list[Expired]:
    """Delete what was found; answer what was deleted, or would have been.

    :param dry_run: only tell.
    :param is_held: whether somebody uses the cluster of this name, which spares it; by default who holds a living lease.
    :raises ClustersNotReapedError: some could not be deleted; the others were.
    """
    is_held = is_held or held_clusters(clusters.client).__contains__
    reaped, failures = [], []
    for each in found:
        try:
            if is_held(each.cluster):
                progress(f"spared, for it is in use: {each}")
                continue
            progress(f"{'would delete' if dry_run else 'deleting'} {each}")
            if not dry_run:
                clusters.delete(each.cluster, progress=progress)
            reaped.append(each)
        except (SpcsError, ClusterError) as error:
            progress(f"could not delete {each.cluster}: {error}")
            failures.append((each.cluster, error))
    if failures:
        told = "; ".join(f"{cluster}: {error}" for cluster, error in failures)
        msg = f"{len(failures)} of {len(found)} clusters could not be reaped, try again: {told}"
        raise ClustersNotReapedError(msg) from ExceptionGroup("reaping", [error for _, error in failures])
    return reaped


def held_clusters(client: SpcsClient) -> frozenset[str]:
    """Clusters with a living lease; none where nobody has set up the lease table."""
    try:
        return frozenset(lease.cluster for lease in client.leases.all() if lease.is_live)
    except LeaseTableMissingError:
        return frozenset()


def _expiry(services: _Commented[ServiceInfo], now: dt.datetime, max_age: dt.timedelta | None) -> str | None:
    # The head's word counts: workers that were not altered with it still carry an older one.
    heads = [comment for comment, _ in services if comment.group == HEAD]
    expiries = [comment.expiry for comment in heads or [comment for comment, _ in services]]
    past = [moment for moment in expiries if moment is not None and moment <= now]
    if len(past) == len(expiries):
        return f"expired at {max(past).isoformat(timespec='seconds')}"
    births = [info.created_on for _, info in services if info.created_on]
    if max_age is not None and births and now - min(births) >= max_age:
        return f"created at {min(births).isoformat(timespec='seconds')}, more than {max_age} ago"
    return None


def _orphaned(pools: _Commented[ComputePoolInfo], now: dt.datetime) -> str | None:
    # Pools belong to the account and services to a schema: the pool itself knows of services in other schemas.
    left = all(
        not info.num_services and info.created_on is not None and now - info.created_on >= ORPHAN_AGE
        for _, info in pools
    )
    return "orphaned pool" if left else None
