"""What nodes shipped while they ran, on the stage: which lives of nodes there are, and removing old ones.

The head of any cluster removes what is too old too (``node.live_clean_up``); this is for when no cluster runs any more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_raydp_spcs.cluster.log_places import LIVE, Boot
from airflow_provider_raydp_spcs.cluster.naming import cluster_name

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient


@dataclass(frozen=True)
class LiveLogs:
    """What one node shipped in one of its lives.

    :param path: its folder on the stage.
    :param size: bytes of all its files.
    :param last: when it shipped last; while it runs, that is an hour ago at most.
    """

    cluster: str
    boot: Boot
    path: str
    size: int
    last: dt.datetime


def live_logs(client: SpcsClient, stage: str, cluster: str | None = None) -> list[LiveLogs]:
    """What nodes have shipped, the oldest first.

    :param stage: its name, without ``@``.
    :param cluster: of which cluster; None for all.
    """
    place = f"{LIVE}/{cluster_name(cluster)}/" if cluster else f"{LIVE}/"
    found: dict[tuple[str, Boot], LiveLogs] = {}
    for file in client.stages.files(f"@{stage}/{place}"):
        parts = file.path.split("/")
        boot = Boot.read(parts[-2]) if len(parts) == 4 and parts[0] == LIVE else None
        if boot is not None:
            key = parts[1], boot
            last = max(file.modified or boot.time, boot.time)
            before = found.get(key) or LiveLogs(parts[1], boot, f"{LIVE}/{parts[1]}/{boot}", 0, last)
            found[key] = LiveLogs(parts[1], boot, before.path, before.size + file.size, max(before.last, last))
    return sorted(found.values(), key=lambda each: each.last)


def remove_old(
    client: SpcsClient,
    stage: str,
    keep: dt.timedelta,
    now: dt.datetime,
    *,
    cluster: str | None = None,
    only_tell: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> list[LiveLogs]:
    """Remove what was shipped last longer ago than that; answer what it was. Exported logs stay.

    :param only_tell: remove nothing.
    :raises SpcsError: the stage cannot be read or written.
    """
    old = [each for each in live_logs(client, stage, cluster) if now - each.last > keep]
    for each in old:
        if not only_tell:
            client.stages.remove(f"@{stage}/{each.path}/")
            progress(f"removed {each.path}")
    return old
