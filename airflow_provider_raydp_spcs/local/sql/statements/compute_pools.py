"""Compute pools (SPCS reference, part 1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_raydp_spcs.local.errors import unsupported
from airflow_provider_raydp_spcs.local.security.access import ACCOUNT
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import like_matches, unquoted
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status

_KIND = "Compute pool"
_DONE = "Statement executed successfully."
MOST_NODES = 1000
"""Of one pool; more than any account has by default (SPCS reference 1.6)."""
_PROPERTIES: dict[str, p.Reader] = {
    "MIN_NODES": p.at_least(1, "MIN_NODES", MOST_NODES),
    "MAX_NODES": p.at_least(1, "MAX_NODES", MOST_NODES),
    "INSTANCE_FAMILY": p.value,
    "AUTO_RESUME": Cursor.boolean,
    "INITIALLY_SUSPENDED": Cursor.boolean,
    "AUTO_SUSPEND_SECS": p.at_least(0, "AUTO_SUSPEND_SECS"),
    "COMMENT": p.text,
    "PLACEMENT_GROUP": p.value,
    "BACKUP_INSTANCE_FAMILIES": Cursor.texts,
}


@dataclass(frozen=True)
class CreatePool:
    name: str
    if_not_exists: bool
    values: dict[str, Any]

    def run(self, context: Context) -> Answer:
        context.needs("CREATE COMPUTE POOL", ACCOUNT)
        return status(
            context.platform.pools.create(
                unquoted(self.name), self.values, context.session.role, if_not_exists=self.if_not_exists
            )
        )


@reads("CREATE COMPUTE POOL")
def create(cursor: Cursor) -> Statement:
    if_not_exists = cursor.if_not_exists()
    name = cursor.name()
    if cursor.words(2) == ("FOR", "APPLICATION"):
        raise unsupported("CREATE COMPUTE POOL … FOR APPLICATION")
    return CreatePool(name, if_not_exists, p.read_properties(cursor, _PROPERTIES))


_DEFAULTS: dict[str, Any] = {
    "AUTO_SUSPEND_SECS": 3600,
    "AUTO_RESUME": True,
    "COMMENT": None,
    "PLACEMENT_GROUP": None,
    "BACKUP_INSTANCE_FAMILIES": [],
}
"""What UNSET takes back, and to what."""


@dataclass(frozen=True)
class AlterPool:
    name: str
    if_exists: bool
    action: str
    values: dict[str, Any]
    types: tuple[str, ...] = ()

    def run(self, context: Context) -> Answer:
        pools = context.platform.pools
        if self.if_exists and not pools.has(self.name):
            return status(_DONE)
        context.needs("MODIFY" if self.action == "SET" else "OPERATE", _KIND, self.name)
        if self.action == "SUSPEND":
            pools.suspend(self.name)
        elif self.action == "RESUME":
            pools.resume(self.name)
        elif self.action == "STOP":
            pools.stop_all(self.name, self.types)
        else:
            pools.alter(self.name, self.values)
        return status(_DONE)


@reads("ALTER COMPUTE POOL")
def alter(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    if cursor.take("SET"):
        readers = {key: reader for key, reader in _PROPERTIES.items() if key != "INITIALLY_SUSPENDED"}
        return AlterPool(name, if_exists, "SET", p.read_set(cursor, readers))
    if cursor.take("UNSET"):
        unset = {key: _DEFAULTS[key] for key in p.read_unset(cursor, dict.fromkeys(_DEFAULTS, p.value))}
        return AlterPool(name, if_exists, "SET", unset)
    if cursor.take("STOP", "ALL"):
        types = read_types(cursor) if cursor.take("OF", "TYPE") else ()
        cursor.end()
        return AlterPool(name, if_exists, "STOP", {}, types)
    for action in ("SUSPEND", "RESUME"):
        if cursor.take(action):
            cursor.end()
            return AlterPool(name, if_exists, action, {})
    raise cursor.fault()


def read_types(cursor: Cursor) -> tuple[str, ...]:
    """Workload types after OF TYPE, in upper case."""
    found = [cursor.value().upper()]
    while cursor.take(","):
        found.append(cursor.value().upper())
    return tuple(found)


@dataclass(frozen=True)
class DropPool:
    name: str
    if_exists: bool

    def run(self, context: Context) -> Answer:
        if context.platform.pools.has(self.name):
            context.needs("OWNERSHIP", _KIND, self.name)
        done = status(context.platform.pools.drop(self.name, if_exists=self.if_exists))
        context.access.forget(_KIND, self.name)
        return done


@reads("DROP COMPUTE POOL")
def drop(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    cursor.end()
    return DropPool(name, if_exists)


@dataclass(frozen=True)
class ShowPools:
    filters: ShowFilters

    def run(self, context: Context) -> Answer:
        rows = [row for row in context.platform.pools.show() if context.sees(_KIND, row["name"])]
        return answer_of("compute pools", self.filters.apply(rows))


@dataclass(frozen=True)
class ShowFilters:
    """LIKE, STARTS WITH and LIMIT … FROM, which every SHOW has.

    :param after: only what follows the first name that begins with this.
    """

    like: str | None = None
    starts: str | None = None
    limit: int | None = None
    after: str | None = None

    def apply(self, rows: list[dict[str, Any]], column: str = "name") -> list[dict[str, Any]]:
        """The rows that pass.

        :param column: which names the objects.
        """
        kept = [
            row
            for row in rows
            if like_matches(self.like, str(row[column])) and str(row[column]).startswith(self.starts or "")
        ]
        if self.after:
            first = next((i for i, row in enumerate(kept) if str(row[column]).startswith(self.after)), len(kept))
            kept = kept[first + 1 :]
        return kept[: self.limit]


def read_filters(cursor: Cursor, filters: ShowFilters = ShowFilters()) -> ShowFilters:
    """Read what comes of them."""
    while True:
        if cursor.take("LIKE"):
            filters = replace(filters, like=cursor.text())
        elif cursor.take("STARTS", "WITH"):
            filters = replace(filters, starts=cursor.text())
        elif cursor.take("LIMIT"):
            filters = replace(filters, limit=cursor.number())
            if cursor.take("FROM"):
                filters = replace(filters, after=cursor.text())
        else:
            return filters


@reads("SHOW COMPUTE POOLS")
def show(cursor: Cursor) -> Statement:
    filters = read_filters(cursor)
    cursor.end()
    return ShowPools(filters)


@dataclass(frozen=True)
class DescribePool:
    name: str

    def run(self, context: Context) -> Answer:
        context.needs("MONITOR", _KIND, self.name)
        return answer_of("compute pool", [context.platform.pools.describe(self.name)])


@reads("DESC COMPUTE POOL", "DESCRIBE COMPUTE POOL")
def describe(cursor: Cursor) -> Statement:
    name = cursor.name()
    cursor.end()
    return DescribePool(name)


@dataclass(frozen=True)
class ShowNodes:
    name: str
    filters: ShowFilters

    def run(self, context: Context) -> Answer:
        context.needs("USAGE", _KIND, self.name)
        return answer_of("nodes", self.filters.apply(context.platform.pools.nodes(self.name), "node_id"))


@reads("SHOW NODES IN COMPUTE POOL")
def nodes(cursor: Cursor) -> Statement:
    name = cursor.name()
    filters = read_filters(cursor)
    cursor.end()
    return ShowNodes(name, filters)


@dataclass(frozen=True)
class ShowFamilies:
    def run(self, context: Context) -> Answer:
        return answer_of("instance families", context.platform.pools.families())


@reads("SHOW COMPUTE POOL INSTANCE FAMILIES")
def families(cursor: Cursor) -> Statement:
    cursor.end()
    return ShowFamilies()
