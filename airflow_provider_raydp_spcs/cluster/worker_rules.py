"""What a worker group may call its Ray resources and labels, by Ray's own rules.

A node whose resources or labels Ray does not like ends when it starts, minutes after it was asked for. So they are looked
at here, before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from airflow_provider_raydp_spcs.cluster.errors import ClusterConfigError

SPARK_RESOURCE: Final = "worker"
"""Ray resource of the nodes on which Spark executors run."""
CUSTOM_RESOURCE: Final = "custom_worker"
MAX_AMOUNT: Final = 10**14
"""The most of one resource that a node may have (Ray's MAX_RESOURCE_QUANTITY)."""
OWN_RESOURCES: Final = frozenset({"CPU", "GPU", "memory", "object_store_memory"})
"""Resources that follow from the instance family; Ray takes them in arguments of their own."""
OWN_LABELS: Final = frozenset({"raydp-role", "raydp-group"})
"""Labels that every node has anyway."""
_RESERVED_RESOURCES: Final = ("node:", "accelerator_type:")
_RESERVED_LABELS: Final = "ray.io/"
_NAME: Final = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?")
_PREFIX: Final = re.compile(
    r"(?=.{1,253}\Z)[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*"
)


def check_resources(resources: Mapping[str, float], group: str) -> None:
    """Whether Ray takes these resources on a node of the group.

    :raises ClusterConfigError: names the resource, its amount, and what is allowed.
    """
    for name, amount in resources.items():
        where = f"resource {name!r} of worker group {group}"
        if not isinstance(name, str) or not name.strip() or name != name.strip():
            msg = (
                f"{where} has no name that Ray can hand out; allowed are texts without blanks around, such as 'licence'"
            )
            raise ClusterConfigError(msg)
        if name in OWN_RESOURCES or name.startswith(_RESERVED_RESOURCES):
            msg = (
                f"{where} is Ray's own and follows from the instance family; choose another family for more of it, or "
                "another name, such as 'licence'"
            )
            raise ClusterConfigError(msg)
        fits = not isinstance(amount, bool) and isinstance(amount, int | float) and 1 <= amount <= MAX_AMOUNT
        if not fits or amount != int(amount):
            msg = f"{where} is {amount!r}; allowed are whole numbers from 1 to {MAX_AMOUNT:,}"
            raise ClusterConfigError(msg)


def check_labels(labels: Mapping[str, str], group: str) -> None:
    """Whether Ray takes these labels on a node of the group; its grammar is that of Kubernetes.

    :raises ClusterConfigError: names the label, and what is allowed.
    """
    for key, value in labels.items():
        where = f"label {key!r} of worker group {group}"
        if key in OWN_LABELS or (isinstance(key, str) and key.startswith(_RESERVED_LABELS)):
            taken = ", ".join([*sorted(OWN_LABELS), f"{_RESERVED_LABELS}…"])
            msg = f"{where} is one that the cluster or Ray itself sets ({taken}); choose another key"
            raise ClusterConfigError(msg)
        prefix, slash, name = key.rpartition("/") if isinstance(key, str) else ("", "", "")
        if not _NAME.fullmatch(name) or (slash and not _PREFIX.fullmatch(prefix)):
            msg = (
                f"{where} is no key that Ray takes: at most 63 letters, digits, '-', '_' and '.', with a letter or digit at "
                "both ends, behind a DNS name and '/' where wanted, such as 'zone' or 'example.com/zone'"
            )
            raise ClusterConfigError(msg)
        if not isinstance(value, str) or (value and not _NAME.fullmatch(value)):
            msg = (
                f"{where} has the value {value!r}; Ray takes texts of at most 63 letters, digits, '-', '_' and '.', with a "
                "letter or digit at both ends, or an empty text"
            )
            raise ClusterConfigError(msg)
