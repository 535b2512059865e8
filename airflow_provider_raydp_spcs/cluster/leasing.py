"""Sharing a cluster: who uses it holds a lease, and the last one out deletes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.cluster.errors import ClusterInUseError
from airflow_provider_raydp_spcs.spcs.errors import LeaseTableMissingError

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient


Progress = Callable[[str], None]
LEASE_SECONDS: Final = 24 * 3600
"""Longer than most runs; a run that dies leaves its lease to expire."""
WAIT_SECONDS: Final = 600.0
"""How long to wait while somebody else deletes the cluster."""
LINGER_SECONDS: Final = 60.0
"""How long the last one out keeps the cluster for the next one: runs of a backfill end together and start together."""
POLL_SECONDS: Final = 5.0


def holder(owner: str, run: str) -> str:
    """Name of a run's lease."""
    return f"{owner}/{run}"


def take(client: SpcsClient, cluster: str, holder: str, owner: str, run: str, seconds: int, progress: Progress) -> None:
    """Take or renew a lease; wait while the cluster is being deleted.

    :raises LeaseTableMissingError: sql/step1_user_setup.sql was not run.
    :raises ClusterClosingError: the deletion goes on for too long.
    """
    client.leases.acquire(cluster, holder, owner=owner, run=run, seconds=seconds, wait_seconds=WAIT_SECONDS)
    progress(f"{holder} holds a lease of cluster {cluster.upper()} for {seconds} s")


def keeps_as_last(client: SpcsClient, cluster: str, holder: str, progress: Progress) -> bool:
    """Give a lease back where somebody else holds one; answer whether it was kept, for nobody does."""
    kept = client.leases.release(cluster, holder, unless_last=True)
    if kept:
        progress(f"nobody else uses cluster {cluster.upper()}; it is kept for a while, should somebody come")
    return kept


def is_joined(client: SpcsClient, cluster: str, holder: str) -> bool:
    """Whether somebody else holds a lease."""
    return any(lease.holder != holder for lease in client.leases.live(cluster))


def check_unused(client: SpcsClient, cluster: str) -> None:
    """Whether nobody uses the cluster.

    :raises ClusterInUseError: somebody holds a lease of it.
    """
    try:
        holders = [lease.holder for lease in client.leases.live(cluster)]
    except LeaseTableMissingError:
        return
    if holders:
        msg = f"cluster {cluster.upper()} is in use by {', '.join(sorted(holders))}; wait until they are done, or force it"
        raise ClusterInUseError(msg)


def may_delete(client: SpcsClient, cluster: str, holder: str, progress: Progress) -> bool:
    """Give a lease back; answer whether nobody else holds one, so that the caller deletes the cluster."""
    last = client.leases.release(cluster, holder)
    if not last:
        others = ", ".join(lease.holder for lease in client.leases.live(cluster))
        progress(f"cluster {cluster.upper()} stays, for others use it: {others}")
    return last


def closed(client: SpcsClient, cluster: str, holder: str) -> None:
    """The cluster is gone: others may create it anew."""
    client.leases.closed(cluster, holder)


def leave(clusters: Clusters, cluster: str, holder: str, progress: Progress) -> None:
    """Give a lease back, and delete the cluster where nobody else holds one."""
    if may_delete(clusters.client, cluster, holder, progress):
        clusters.delete(cluster, progress=progress)
        closed(clusters.client, cluster, holder)
