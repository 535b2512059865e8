"""Services: made, changed, dropped (SPCS reference 2.1, 2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name, unquoted
from airflow_provider_raydp_spcs.local.sql.spec_sources import Source, read_source
from airflow_provider_raydp_spcs.local.sql.statements.snapshots import read_restore
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status

_KIND = "Service"
_DONE = "Statement executed successfully."
MOST_INSTANCES = 1000
"""Of one service or job on this machine; the real Snowflake documents no limit."""
LOG_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF")
_SET: dict[str, p.Reader] = {
    "MIN_INSTANCES": p.at_least(1, "MIN_INSTANCES", MOST_INSTANCES),
    "MAX_INSTANCES": p.at_least(1, "MAX_INSTANCES", MOST_INSTANCES),
    "MIN_READY_INSTANCES": p.at_least(0, "MIN_READY_INSTANCES", MOST_INSTANCES),
    "AUTO_RESUME": Cursor.boolean,
    "AUTO_SUSPEND_SECS": p.at_least(0, "AUTO_SUSPEND_SECS"),
    "EXTERNAL_ACCESS_INTEGRATIONS": Cursor.names,
    "QUERY_WAREHOUSE": Cursor.name,
    "LOG_LEVEL": p.one_of("LOG_LEVEL", *LOG_LEVELS),
    "COMMENT": p.text,
}


def check_properties(context: Context, values: dict[str, Any]) -> None:
    """Integrations and warehouse must be there, and the role's to use."""
    for integration in values.get("EXTERNAL_ACCESS_INTEGRATIONS") or ():
        context.needs("USAGE", "Integration", integration)
        context.catalogue.get("Integration", integration)
    if values.get("QUERY_WAREHOUSE"):
        context.needs("USAGE", "Warehouse", values["QUERY_WAREHOUSE"])
        context.catalogue.get("Warehouse", values["QUERY_WAREHOUSE"])


@dataclass(frozen=True)
class CreateService:
    name: str
    if_not_exists: bool
    pool: str
    source: Source
    values: dict[str, Any]

    def run(self, context: Context) -> Answer:
        name = unquoted(full_name(self.name, context.session, "CREATE SERVICE"))
        context.needs_to_create(_KIND, name)
        context.needs("USAGE", "Compute pool", self.pool)
        check_properties(context, self.values)
        text = self.source.read(context, "CREATE SERVICE")
        services, role = context.platform.services, context.session.role
        return status(services.create(name, self.pool, text, self.values, role, if_not_exists=self.if_not_exists))


@reads("CREATE SERVICE")
def create(cursor: Cursor) -> Statement:
    if_not_exists = cursor.if_not_exists()
    name = cursor.name()
    pool, source, values = read_placed(cursor, _SET)
    return CreateService(name, if_not_exists, pool, source, values)


def read_placed(cursor: Cursor, readers: Mapping[str, p.Reader]) -> tuple[str, Source, dict[str, Any]]:
    """Read pool, specification and properties of a service or job, in any order (SPCS reference 2.1).

    :raises SnowflakeFault: pool or specification are missing or given twice.
    """
    pool: list[str] = []
    source: list[Source] = []

    def read_pool(at: Cursor) -> None:
        at.expect("COMPUTE", "POOL")
        pool.append(at.name())

    def read_specification(at: Cursor) -> None:
        source.append(read_source(at))

    values = p.read_properties(cursor, {**readers, "IN": read_pool, "FROM": read_specification})
    if len(pool) != 1 or len(source) != 1:
        raise cursor.fault()
    return pool[0], source[0], {key: value for key, value in values.items() if key not in ("IN", "FROM")}


@dataclass(frozen=True)
class AlterService:
    name: str
    if_exists: bool
    action: str
    values: dict[str, Any]
    source: Source | None = None

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "ALTER SERVICE")
        services = context.platform.services
        if self.if_exists and not services.has(name):
            return status(_DONE)
        context.needs("OWNERSHIP" if self.action in ("SET", "UNSET") else "OPERATE", _KIND, name)
        if self.source is not None:
            services.replace_specification(name, self.source.read(context, "ALTER SERVICE"))
        elif self.action == "SUSPEND":
            services.suspend(name)
        elif self.action == "RESUME":
            services.resume(name)
        elif self.action == "UNSET":
            services.unset(name, list(self.values))
        else:
            check_properties(context, self.values)
            services.alter(name, self.values)
        return status(_DONE)


@reads("ALTER SERVICE")
def alter(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    if cursor.take("SET"):
        return AlterService(name, if_exists, "SET", p.read_set(cursor, _SET))
    if cursor.take("UNSET"):
        return AlterService(name, if_exists, "UNSET", dict.fromkeys(p.read_unset(cursor, _SET)))
    if cursor.take("FROM"):
        source = read_source(cursor)
        cursor.end()
        return AlterService(name, if_exists, "FROM", {}, source)
    if cursor.take("RESTORE", "VOLUME"):
        return read_restore(cursor, name, if_exists=if_exists)
    for action in ("SUSPEND", "RESUME"):
        if cursor.take(action):
            cursor.end()
            return AlterService(name, if_exists, action, {})
    raise cursor.fault()


@dataclass(frozen=True)
class DropService:
    name: str
    if_exists: bool
    force: bool

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "DROP SERVICE")
        if context.platform.services.has(name):
            context.needs("OWNERSHIP", _KIND, name)
        done = status(context.platform.services.drop(name, if_exists=self.if_exists, force=self.force))
        context.access.forget(_KIND, name)
        return done


@reads("DROP SERVICE")
def drop(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    force = cursor.take("FORCE")
    cursor.end()
    return DropService(name, if_exists, force)
