"""Compute pools (SPCS reference, part 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_raydp_spcs.local.security.access import ACCOUNT
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import like_matches
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status

_KIND = "Compute pool"
_DONE = "Statement executed successfully."
_PROPERTIES: dict[str, p.Reader] = {
    "MIN_NODES": p.at_least(1, "MIN_NODES"),
    "MAX_NODES": p.at_least(1, "MAX_NODES"),
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
            context.platform.create_pool(self.name, self.values, context.session.role, if_not_exists=self.if_not_exists)
        )


@reads("CREATE COMPUTE POOL")
def create(cursor: Cursor) -> Statement:
    if_not_exists = cursor.if_not_exists()
    return CreatePool(cursor.name(), if_not_exists, p.read_properties(cursor, _PROPERTIES))


@dataclass(frozen=True)
class AlterPool:
    name: str
    if_exists: bool
    action: str
    values: dict[str, Any]

    def run(self, context: Context) -> Answer:
        platform = context.platform
        if self.if_exists and not platform.has_pool(self.name):
            return status(_DONE)
        context.needs("MODIFY" if self.action == "SET" else "OPERATE", _KIND, self.name)
        if self.action == "SUSPEND":
            platform.suspend_pool(self.name)
        elif self.action == "RESUME":
            platform.resume_pool(self.name)
        elif self.action == "STOP ALL":
            platform.stop_all(self.name)
        else:
            platform.alter_pool(self.name, self.values)
        return status(_DONE)


@reads("ALTER COMPUTE POOL")
def alter(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    if cursor.take("SET"):
        return AlterPool(name, if_exists, "SET", p.read_properties(cursor, _PROPERTIES))
    if cursor.take("UNSET"):
        defaults: dict[str, Any] = {"AUTO_SUSPEND_SECS": 3600, "AUTO_RESUME": True, "COMMENT": None}
        return AlterPool(name, if_exists, "SET", {key: defaults[key] for key in p.read_unset(cursor, defaults)})
    for action in ("SUSPEND", "RESUME", "STOP ALL"):
        if cursor.take(*action.split()):
            if action == "STOP ALL":
                cursor.rest()  # OF TYPE …: there are only services here
            cursor.end()
            return AlterPool(name, if_exists, action, {})
    raise cursor.fault()


@dataclass(frozen=True)
class DropPool:
    name: str
    if_exists: bool

    def run(self, context: Context) -> Answer:
        if context.platform.has_pool(self.name):
            context.needs("OWNERSHIP", _KIND, self.name)
        done = status(context.platform.drop_pool(self.name, if_exists=self.if_exists))
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
        rows = [row for row in context.platform.show_pools() if context.sees(_KIND, row["name"])]
        return answer_of("compute pools", self.filters.apply(rows))


@dataclass(frozen=True)
class ShowFilters:
    """LIKE, STARTS WITH and LIMIT, which every SHOW has."""

    like: str | None = None
    starts: str | None = None
    limit: int | None = None

    def apply(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows that pass."""
        kept = [
            row
            for row in rows
            if like_matches(self.like, str(row["name"])) and str(row["name"]).startswith(self.starts or "")
        ]
        return kept[: self.limit]


def read_filters(cursor: Cursor, filters: ShowFilters = ShowFilters()) -> ShowFilters:
    """Read what comes of them."""
    like, starts, limit = filters.like, filters.starts, filters.limit
    while True:
        if cursor.take("LIKE"):
            like = cursor.text()
        elif cursor.take("STARTS", "WITH"):
            starts = cursor.text()
        elif cursor.take("LIMIT"):
            limit = cursor.number()
            if cursor.take("FROM"):
                cursor.text()
        else:
            return ShowFilters(like, starts, limit)


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
        return answer_of("compute pool", [context.platform.describe_pool(self.name)])


@reads("DESC COMPUTE POOL", "DESCRIBE COMPUTE POOL")
def describe(cursor: Cursor) -> Statement:
    name = cursor.name()
    cursor.end()
    return DescribePool(name)


@dataclass(frozen=True)
class ShowFamilies:
    def run(self, context: Context) -> Answer:
        return answer_of("instance families", context.platform.show_families())


@reads("SHOW COMPUTE POOL INSTANCE FAMILIES")
def families(cursor: Cursor) -> Statement:
    cursor.end()
    return ShowFamilies()
