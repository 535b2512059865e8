"""What the shell offers at a Tab. It must be quick and must never fail, so nothing is asked of Snowflake.

Names of clusters are those that the last commands have seen, kept in a small file of the user's.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.listing import ClusterSummary


def complete_connections(incomplete: str) -> list[str]:
    """Connections of the connector's ``connections.toml``, and ``env``."""
    import tomllib

    found = ["env", "airflow:"]
    home = os.environ.get("SNOWFLAKE_HOME")
    for folder in [Path(home)] if home else [Path("~/.snowflake").expanduser(), _folder("XDG_CONFIG_HOME", ".config")]:
        with contextlib.suppress(OSError, ValueError):
            found += tomllib.loads((folder / "connections.toml").read_text())
    return [each for each in found if each.startswith(incomplete)]


def complete_families(incomplete: str) -> list[str]:
    """Instance families."""
    from airflow_provider_raydp_spcs.spcs.instance_families import INSTANCE_FAMILIES

    return [each for each in INSTANCE_FAMILIES if each.startswith(incomplete.upper())]


def complete_clusters(incomplete: str) -> list[str]:
    """Clusters that were seen before."""
    return sorted(each for each in _read() if each.startswith(incomplete.upper()))


def complete_groups(ctx: Any, incomplete: str) -> list[str]:
    """Groups of the cluster that the command line names, else of all."""
    seen, name = _read(), str((getattr(ctx, "params", None) or {}).get("name") or "").upper()
    groups = seen[name] if name in seen else {group for each in seen.values() for group in each}
    return sorted(each for each in groups if each.startswith(incomplete.lower()))


def remember(summaries: Iterable[ClusterSummary], *, all_there_are: bool = False) -> None:
    """Keep names of clusters and their groups for the next Tab.

    :param all_there_are: others are gone.
    """
    with contextlib.suppress(OSError):
        seen = {} if all_there_are else _read()
        seen |= {each.name: sorted(pool.group.lower() for pool in each.pools) for each in summaries}
        _write(seen)


def forget(cluster: str) -> None:
    """A cluster is gone."""
    with contextlib.suppress(OSError):
        _write({name: groups for name, groups in _read().items() if name != cluster.upper()})


def _file() -> Path:
    return _folder("XDG_CACHE_HOME", ".cache") / "raydp-spcs" / "seen.json"


def _folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default)


def _read() -> dict[str, list[str]]:
    try:
        found = json.loads(_file().read_text())
        return {str(name): [str(group) for group in groups] for name, groups in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError):
        return {}


def _write(seen: dict[str, list[str]]) -> None:
    file = _file()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_suffix(f".{os.getpid()}")
    new.write_text(json.dumps(seen))
    new.replace(file)
