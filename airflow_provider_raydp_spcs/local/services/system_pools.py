"""The compute pools that every account has from the beginning (SPCS reference 1.5): for notebooks and the like, not for services."""

from __future__ import annotations

from typing import Any, Final

from airflow_provider_raydp_spcs.local.services.pools import Pools
from airflow_provider_raydp_spcs.local.store import Store

OWNER: Final = "ACCOUNTADMIN"
_COMMON: Final = {"MIN_NODES": 1, "INITIALLY_SUSPENDED": True, "AUTO_SUSPEND_SECS": 600}
_POOLS: Final[dict[str, dict[str, Any]]] = {
    "SYSTEM_COMPUTE_POOL_CPU": {**_COMMON, "INSTANCE_FAMILY": "CPU_X64_S", "MAX_NODES": 150},
    "SYSTEM_COMPUTE_POOL_GPU": {**_COMMON, "INSTANCE_FAMILY": "GPU_NV_S", "MAX_NODES": 50},
}
SYSTEM_POOLS: Final = frozenset(_POOLS)


def furnish(store: Store, pools: Pools) -> list[str]:
    """Make them where the account is new; answer the names of those that were made.

    An administrator may drop them, and then they stay away.
    """
    made = []
    for name, values in _POOLS.items():
        if store.get("System pool", name) is None:
            pools.create(name, values, OWNER, if_not_exists=True)
            made.append(name)
    return made


def remember(store: Store, names: list[str]) -> None:
    """They are complete, with their grants, and are not made again."""
    for name in names:
        store.put("System pool", name, {})
