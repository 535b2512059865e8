"""What is written on a cluster's services and pools, so that anybody can tell whose they are: JSON in their COMMENT."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final, Protocol, TypeVar

_KEY: Final = "raydp"


@dataclass(frozen=True)
class ClusterComment:
    """Whose a service or pool is.

    :param owner: who asked for the cluster, such as a DAG's id.
    :param run: for which run.
    :param digest: of what was asked for, to tell whether it is still the same.
    :param expires: from when on anybody may delete the cluster, as UTC ISO 8601 in seconds; empty for never.
    """

    cluster: str
    group: str
    owner: str = ""
    run: str = ""
    digest: str = ""
    expires: str = ""

    @property
    def expiry(self) -> dt.datetime | None:
        """The moment in ``expires``; None for never, and for a text that is none, for then nothing may be deleted."""
        try:
            moment = dt.datetime.fromisoformat(self.expires)
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)

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


class Commented(Protocol):
    """A service or a pool, as Snowflake shows it."""

    @property
    def comment(self) -> str:
        """Its COMMENT."""
        ...


T = TypeVar("T", bound=Commented)


def by_cluster(infos: Iterable[T]) -> dict[str, list[tuple[ClusterComment, T]]]:
    """Services or pools by the cluster that they belong to, each with its comment read; what is no cluster's is left out."""
    found: dict[str, list[tuple[ClusterComment, T]]] = defaultdict(list)
    for info in infos:
        if comment := ClusterComment.read(info.comment):
            found[comment.cluster].append((comment, info))
    return dict(found)
