"""What jobs of one warm session have in common, and so what tells one session from another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

_SQL: Final = "spark.sql."
_FIXED_SQL: Final = frozenset(
    _SQL + name
    for name in (
        "broadcastExchange.maxThreadThreshold",
        "cache.serializer",
        "catalogImplementation",
        "codegen.cache.maxEntries",
        "event.truncate.length",
        "extensions",
        "globalTempDatabase",
        "queryExecutionListeners",
        "sources.disabledJdbcConnProviderList",
        "streaming.streamingQueryListeners",
        "subquery.maxThreadThreshold",
        "ui.retainedExecutions",
        "warehouse.dir",
    )
)
"""Settings of Spark SQL that belong to the application, not to a session."""


@dataclass(frozen=True)
class Sessions:
    """Sessions that can share one Spark application; None leaves a number to the cluster's size.

    :param configs: Spark's settings, but those that each session can have for itself.
    """

    executors: int | None
    executor_cores: int | None
    executor_memory_mib: int | None
    share: float
    configs: Mapping[str, str]

    @classmethod
    def split(
        cls,
        executors: int | None,
        executor_cores: int | None,
        executor_memory_mib: int | None,
        share: float,
        configs: Mapping[str, str],
    ) -> tuple[Self, dict[str, str]]:
        """What is shared, and the settings that are the job's own."""
        own = {name: str(value) for name, value in configs.items() if _is_own(name)}
        shared = {name: str(value) for name, value in configs.items() if name not in own}
        return cls(executors, executor_cores, executor_memory_mib, share, shared), own

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` made."""
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """For a message."""
        return asdict(self)

    @property
    def key(self) -> str:
        """Short name of these sessions."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _is_own(name: str) -> bool:
    return name.startswith(_SQL) and name not in _FIXED_SQL
