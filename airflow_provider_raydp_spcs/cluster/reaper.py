"""Deleting what nobody came back for: clusters past their time, and pools whose cluster is gone.

It goes by the COMMENT of services and pools alone, so it works for whatever made them, and after it died.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.cluster.creation import Progress
from airflow_provider_raydp_spcs.cluster.errors import ClusterError, ReapingFailedError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePoolInfo
from airflow_provider_raydp_spcs.spcs.errors import LeaseTableMissingError, SpcsError
from airflow_provider_raydp_spcs.spcs.service_info import ServiceInfo

ORPHAN_AGE: Final = timedelta(minutes=15)
"""A pool without services may belong to a creation that is under way; this long it is left alone."""


@dataclass(frozen=True)
class Expired:
    """A cluster that the reaper may delete, and why."""

    cluster: str
    owner: str
    run: str
    reason: str

    def __str__(self) -> str:
        whose = f" of {self.owner} ({self.run})" if self.owner or self.run else ""
        return f"cluster {self.cluster}{whose}: {self.reason}"


def find_expired(
    clusters: Clusters,
    *,
    now: datetime | None = None,
    owner: str | None = None,
    max_age: timedelta | None = None,
) -> list[Expired]:
    """The clusters of the schema that have expired; those that somebody holds a lease of are spared.

    :param owner: only this owner's, such as a DAG's id.
    :param max_age: also those older than this, whatever their COMMENT says.
    """
    now = now or datetime.now(UTC)
    services, pools = clusters.all_services(), clusters.client.compute_pools.show()
    alive = {comment.cluster for comment in _comments(services)}
    held = _held(clusters)
    found: dict[str, Expired] = {}
    items: list[ServiceInfo | ComputePoolInfo] = [*services, *pools]
    for item in items:
        comment = ClusterComment.read(item.comment)
        if comment is None or comment.cluster in held or (owner is not None and comment.owner != owner):
            continue
        reason = _reason(comment, item.created_on, now, max_age)
        if reason is None and isinstance(item, ComputePoolInfo) and comment.cluster not in alive:
            age = now - item.created_on if item.created_on else ORPHAN_AGE
            reason = "its services are gone and its compute pools are left" if age >= ORPHAN_AGE else None
        if reason is not None:
            found.setdefault(comment.cluster, Expired(comment.cluster, comment.owner, comment.run, reason))
    return [found[name] for name in sorted(found)]


def reap(clusters: Clusters, found: Iterable[Expired], progress: Progress = lambda line: None) -> list[str]:
    """Delete clusters; answer the names of those that are gone.

    :raises ReapingFailedError: some could not be deleted; the others were.
    """
    gone, failures = [], []
    for expired in found:
        progress(f"deleting {expired}")
        try:
            clusters.delete(expired.cluster, progress=progress)
            gone.append(expired.cluster)
        except (SpcsError, ClusterError) as error:
            failures.append(f"{expired.cluster}: {error}")
    if failures:
        msg = f"{len(failures)} of the expired clusters could not be deleted: {'; '.join(failures)}"
        raise ReapingFailedError(msg)
    return gone


def _reason(comment: ClusterComment, made: datetime | None, now: datetime, max_age: timedelta | None) -> str | None:
    if comment.expires:
        try:
            expires = datetime.fromisoformat(comment.expires)
        except ValueError:
            return None
        if expires <= now:
            return f"it expired at {comment.expires}"
    if max_age is not None and made is not None and now - made >= max_age:
        return f"it is older than {max_age}"
    return None


def _comments(services: Iterable[ServiceInfo]) -> Iterable[ClusterComment]:
    for service in services:
        comment = ClusterComment.read(service.comment)
        if comment is not None:
            yield comment


def _held(clusters: Clusters) -> set[str]:
    """Clusters with a living lease; none where nobody has set up the lease table."""
    try:
        return {lease.cluster for lease in clusters.client.leases.all() if lease.is_live}
    except LeaseTableMissingError:
        return set()
