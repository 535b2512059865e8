"""The logs of a cluster's containers as Snowflake hands them out: their last lines only, again at every look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.cluster.errors import ContainerNotFoundError
from airflow_provider_raydp_spcs.spcs.errors import ObjectDoesNotExistError, StatementFailedError

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient

MAX_BYTES: Final = 100_000
"""The most that Snowflake hands out at once (SPCS reference 2.7); of a longer log the first line may be a part of one."""
FOLLOW_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Source:
    """One container.

    :param service: ``DATABASE.SCHEMA.NAME``.
    """

    service: str
    group: str
    instance: str
    container: str

    @property
    def label(self) -> str:
        """What stands before its lines."""
        return f"{self.group.lower()}/{self.instance} {self.container}"


def sources(
    clusters: Clusters,
    name: str,
    *,
    group: str | None = None,
    instance: int | None = None,
    container: str | None = None,
) -> list[Source]:
    """The containers of a cluster, or those that are meant.

    :raises ClusterNotFoundError: there is no such cluster.
    :raises ContainerNotFoundError: it has none that is meant; the message names those that it has.
    """
    found: list[Source] = []
    for state in clusters.status(name).services:
        comment = ClusterComment.read(state.service.comment)
        full = state.service.full_name
        found += [
            Source(full, comment.group if comment else "", each.instance_id, each.container_name)
            for each in clusters.client.services.containers(full)
            if each.instance_id
        ]
    meant = [
        each
        for each in found
        if (group is None or each.group == group.upper())
        and (instance is None or each.instance == str(instance))
        and (container is None or each.container == container)
    ]
    if not meant:
        there = ", ".join(each.label for each in found) or "none yet"
        msg = f"cluster {name.upper()} has no such container; it has: {there} (group/instance container)"
        raise ContainerNotFoundError(msg)
    return meant


def last_lines(client: SpcsClient, source: Source, lines: int) -> list[str]:
    """The end of a container's log.

    :raises ContainerNotFoundError: it has not started, or is gone.
    """
    try:
        text = client.services.logs(source.service, source.instance, source.container, lines=lines)
    except StatementFailedError as error:
        if type(error) not in (StatementFailedError, ObjectDoesNotExistError):
            raise  # a privilege is missing, or the session has ended
        msg = f"{source.label} has no log: {error}"
        raise ContainerNotFoundError(msg) from error
    found = text.splitlines()
    return found[1:] if len(text.encode()) >= MAX_BYTES else found


def new_lines(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """What came since the last look, by where the two ends of one log overlap."""
    for size in range(min(len(before), len(now)), 0, -1):
        if list(before[-size:]) == list(now[:size]):
            return list(now[size:])
    return list(now)
