"""What is written on a cluster's services and pools, so that anybody can tell whose they are: JSON in their COMMENT."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

_KEY: Final = "raydp"


@dataclass(frozen=True)
class ClusterComment:
    """Whose a service or pool is.

    :param owner: who asked for the cluster, such as a DAG's id.
    :param run: for which run.
    :param digest: of what was asked for, to tell whether it is still the same.
    :param expires: when the reaper may delete it, as UTC in ISO 8601; empty for never.
    """

    cluster: str
    group: str
    owner: str = ""
    run: str = ""
    digest: str = ""
    expires: str = ""

    def __str__(self) -> str:
        return json.dumps({_KEY: {key: value for key, value in asdict(self).items() if value}}, sort_keys=True)

    @classmethod
    def read(cls, text: str) -> ClusterComment | None:
        """Read a comment; None for one that this package did not write."""
        try:
            values = json.loads(text)[_KEY]
            return cls(**{key: str(value) for key, value in values.items() if key in cls.__dataclass_fields__})
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


def cluster_of(comment: str) -> str:
    """The cluster that something belongs to, by its comment; empty for what is no cluster's."""
    found = ClusterComment.read(comment)
    return found.cluster if found else ""
