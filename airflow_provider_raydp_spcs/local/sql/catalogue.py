"""Objects that the local Snowflake keeps a record of and does little else with: roles, grants, warehouses, stages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import already_exists, does_not_exist
from airflow_provider_raydp_spcs.local.store import Store, now

SYSTEM_ROLES: Final = ("ACCOUNTADMIN", "SECURITYADMIN", "USERADMIN", "SYSADMIN", "PUBLIC")


class Catalogue:
    """Records by kind and full name."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(
        self,
        kind: str,
        name: str,
        body: dict[str, Any],
        *,
        replace: bool = False,
        if_not_exists: bool = False,
    ) -> bool:
        """Record an object; answer whether it is new.

        :raises SnowflakeFault: it exists, and neither of the two is asked for.
        """
        if not replace and self._store.get(kind, name) is not None:
            if if_not_exists:
                return False
            raise already_exists(name)
        self._store.put(kind, name, {**body, "created_on": now()})
        return True

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """One record.

        :raises SnowflakeFault: there is none.
        """
        body = self._store.get(kind, name)
        if body is None:
            raise does_not_exist(kind, name)
        return body

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """One record, or None."""
        return self._store.get(kind, name)

    def has(self, kind: str, name: str) -> bool:
        """Whether there is one."""
        return self._store.get(kind, name) is not None

    def change(self, kind: str, name: str, **values: Any) -> None:
        """Change fields of a record."""
        self._store.put(kind, name, {**self.get(kind, name), **values})

    def drop(self, kind: str, name: str, *, if_exists: bool) -> bool:
        """Forget a record; answer whether it was there.

        :raises SnowflakeFault: it was not, and ``if_exists`` is not given.
        """
        if not self._store.delete(kind, name):
            if not if_exists:
                raise does_not_exist(kind, name)
            return False
        return True

    def all(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every record of a kind."""
        return self._store.all(kind)

    def has_role(self, name: str) -> bool:
        """Whether the role exists: one of Snowflake's own, or a created one."""
        return name in SYSTEM_ROLES or self.has("Role", name)
