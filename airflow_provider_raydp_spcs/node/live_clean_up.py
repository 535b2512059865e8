"""Removing what nodes shipped while they ran, when it is old: exported logs stay, for nobody else keeps those."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.cluster.log_places import Boot

LAST_SEEN: Final = "last-seen.txt"


def clean_up(live: Path, keep: dt.timedelta, now: dt.datetime, say: Callable[[str], None]) -> None:
    """Remove the folders of nodes that have not been seen for so long, of whatever cluster. Errors are said.

    Folders with other names are not ours and stay.
    """
    try:
        found = [(boot, node) for node in live.glob("*/*") if (boot := Boot.read(node.name)) is not None]
        for boot, node in found:
            if now - _last_seen(boot, node) > keep:
                shutil.rmtree(node)
                say(f"removed {node.relative_to(live.parent)}, last seen more than {keep.days} days ago")
    except OSError as error:
        say(f"old logs cannot be removed: {error}")


def _last_seen(boot: Boot, node: Path) -> dt.datetime:
    try:
        told = dt.datetime.fromisoformat((node / LAST_SEEN).read_text().strip())
    except (OSError, ValueError):
        return boot.time
    return told if told.tzinfo else boot.time  # half of it was written
