"""Compute pools: made, changed, suspended, dropped (SPCS reference, part 1)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_raydp_spcs.local.errors import already_exists, does_not_exist, invalid_value
from airflow_provider_raydp_spcs.local.services.records import PoolRecord
from airflow_provider_raydp_spcs.local.store import Store, now
from airflow_provider_raydp_spcs.spcs.errors import UnknownInstanceFamilyError
from airflow_provider_raydp_spcs.spcs.instance_families import InstanceFamily, instance_family

_KIND = "Compute pool"
_FIELDS = {
    "MIN_NODES": "min_nodes",
    "MAX_NODES": "max_nodes",
    "AUTO_RESUME": "auto_resume",
    "AUTO_SUSPEND_SECS": "auto_suspend_secs",
    "COMMENT": "comment",
    "PLACEMENT_GROUP": "placement_group",
    "BACKUP_INSTANCE_FAMILIES": "backup_instance_families",
}
_WHILE_SUSPENDED = ("INSTANCE_FAMILY", "PLACEMENT_GROUP")
"""What can be changed only while no node is there (SPCS reference 1.1)."""
_NAME = re.compile(r"[A-Z_][A-Z0-9_$]{0,254}\Z")


class Pools:
    """The compute pools on disk.

    :param provisioning_seconds: how long nodes take to come up.
    """

    def __init__(self, store: Store, provisioning_seconds: float) -> None:
        self._store = store
        self.provisioning_seconds = provisioning_seconds

    def create(self, name: str, values: Mapping[str, Any], owner: str, *, if_not_exists: bool) -> bool:
        """Make a pool; answer whether it is new.

        :raises SnowflakeFault: a value is missing or not allowed, or the pool exists.
        """
        if self._store.get(_KIND, name) is not None:
            if if_not_exists:
                return False
            raise already_exists(name)
        if not _NAME.match(name):
            msg = f"invalid compute pool name '{name[:80]}'; it must be an identifier without quotes, of at most 255 characters"
            raise invalid_value(msg)
        for needed in ("MIN_NODES", "MAX_NODES", "INSTANCE_FAMILY"):
            if needed not in values:
                msg = f"Missing option(s): [{needed}]"
                raise invalid_value(msg)
        pool = PoolRecord(
            name=name,
            instance_family=_family(values["INSTANCE_FAMILY"]).name,
            min_nodes=values["MIN_NODES"],
            max_nodes=values["MAX_NODES"],
            owner=owner,
            auto_resume=values.get("AUTO_RESUME", True),
            auto_suspend_secs=values.get("AUTO_SUSPEND_SECS", 3600),
            comment=values.get("COMMENT"),
            suspended=values.get("INITIALLY_SUSPENDED", False),
            placement_group=values.get("PLACEMENT_GROUP"),
            backup_instance_families=values.get("BACKUP_INSTANCE_FAMILIES", []),
        )
        self._save(pool)
        return True

    def get(self, name: str) -> PoolRecord:
        """One pool.

        :raises SnowflakeFault: there is none.
        """
        body = self._store.get(_KIND, name)
        if body is None:
            raise does_not_exist("Compute pool", name)
        return PoolRecord(**body)

    def has(self, name: str) -> bool:
        """Whether there is one."""
        return self._store.get(_KIND, name) is not None

    def all(self) -> list[PoolRecord]:
        """Every pool."""
        return [PoolRecord(**body) for _, body in self._store.all(_KIND)]

    def alter(self, name: str, values: Mapping[str, Any], *, has_nodes: bool) -> None:
        """Change properties.

        :param has_nodes: whether a node of it is there.
        """
        pool = self.get(name)
        for key, value in values.items():
            if key in _WHILE_SUSPENDED and (has_nodes or not pool.suspended):
                msg = f"{key} of compute pool {name} can be changed only while it is suspended"
                raise invalid_value(msg)
            if key == "INSTANCE_FAMILY":
                pool.instance_family = _family(value).name
            elif key in _FIELDS:
                setattr(pool, _FIELDS[key], value)
        pool.updated_on = now()
        self._save(pool)

    def set_suspended(self, name: str, *, suspended: bool) -> None:
        """Suspend or resume; resuming starts the provisioning anew."""
        pool = self.get(name)
        if pool.suspended != suspended:
            pool.suspended = suspended
            pool.updated_on = now()
            if not suspended:
                pool.resumed_on = now()
            self._save(pool)

    def set_owner(self, name: str, owner: str) -> None:
        """Hand it over to another role."""
        pool = self.get(name)
        pool.owner = owner
        self._save(pool)

    def drop(self, name: str) -> None:
        """Forget a pool."""
        self._store.delete(_KIND, name)

    def _save(self, pool: PoolRecord) -> None:
        if pool.max_nodes < pool.min_nodes:
            msg = f"MAX_NODES ({pool.max_nodes}) of compute pool {pool.name} must not be below MIN_NODES ({pool.min_nodes})"
            raise invalid_value(msg)
        _check_backups(pool.instance_family, pool.backup_instance_families)
        self._store.put(_KIND, pool.name, pool.to_json())


def _family(name: str) -> InstanceFamily:
    try:
        return instance_family(name)
    except UnknownInstanceFamilyError as error:
        msg = f"invalid value '{name}' for property 'INSTANCE_FAMILY': {error}"
        raise invalid_value(msg) from error


def _check_backups(family: str, backups: Sequence[str]) -> None:
    names = [_family(each).name for each in backups]
    if family in names or len(set(names)) < len(names):
        msg = f"BACKUP_INSTANCE_FAMILIES ({', '.join(names)}) must name each family once, and not INSTANCE_FAMILY ({family})"
        raise invalid_value(msg)
