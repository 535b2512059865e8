"""What a cluster may be waited for, and for how long. DAG files import this, so it costs next to nothing."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Never

from airflow_provider_raydp_spcs.cluster.errors import ClusterConfigError

READY_TIMEOUT: Final = 1200.0
"""Nodes take minutes to come (SPCS reference 1.2), and public endpoints up to five more (2.5)."""
DELETE_TIMEOUT: Final = 300.0
SOONEST_SECONDS: Final = 0.5
LATE_SHARE: Final = 0.05
"""In a worker the first looks are so far apart at least, and then by this share of what has passed."""
POLL_SECONDS: Final = 2.0
DEFERRED_POLL_SECONDS: Final = 5.0
"""Between looks, in a worker and in a triggerer."""


class Target(StrEnum):
    """What a cluster may be waited for."""

    READY = "ready"
    SUSPENDED = "suspended"
    GONE = "gone"

    @classmethod
    def _missing_(cls, value: object) -> Never:
        msg = f"a cluster cannot be waited for to be {str(value)[:200]!r}; allowed are {', '.join(cls)}"
        raise ClusterConfigError(msg)
