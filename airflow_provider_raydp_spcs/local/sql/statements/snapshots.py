"""Snapshots of block volumes: taken, shown, restored, dropped (SPCS reference 2.3, 3.3, part 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_raydp_spcs.local.errors import already_exists
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import Scope, full_name, read_scope
from airflow_provider_raydp_spcs.local.sql.statements.administration import AlterObject, DropObject, read_drop
from airflow_provider_raydp_spcs.local.sql.statements.compute_pools import ShowFilters, read_filters
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status

SNAPSHOT = "Snapshot"


@dataclass(frozen=True)
class CreateSnapshot:
    name: str
    service: str
    volume: str
    instance: int
    values: dict[str, Any]
    replace: bool = False
    if_not_exists: bool = False

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "CREATE SNAPSHOT")
        service = full_name(self.service, context.session, "CREATE SNAPSHOT")
        short = name.rpartition(".")[2]
        old = context.catalogue.find(SNAPSHOT, name)
        context.needs_to_create(SNAPSHOT, name, replace=self.replace)
        context.needs("OPERATE", "Service", service)
        if old is not None and self.if_not_exists:
            return status(f"{short} already exists, statement succeeded.")
        if old is not None and not self.replace:
            raise already_exists(name)
        folder, size = context.platform.snapshots.take(service, self.volume, self.instance)
        body = {"service": service, "volume": self.volume, "instance": self.instance, "size": size, "folder": folder}
        body |= {"COMMENT": self.values.get("COMMENT"), "owner": context.session.role}
        context.catalogue.create(SNAPSHOT, name, body, replace=True)
        if old is not None:
            context.platform.snapshots.forget(old["folder"])
        return status(f"Snapshot {short} successfully created.")


def _create(cursor: Cursor, *, replace: bool) -> Statement:
    if_not_exists = cursor.if_not_exists()
    name = cursor.name()
    cursor.expect("FROM", "SERVICE")
    service = cursor.name()
    cursor.expect("VOLUME")
    volume = cursor.key()
    cursor.expect("INSTANCE")
    instance = cursor.number()
    values = p.read_properties(cursor, {"COMMENT": p.text})
    return CreateSnapshot(name, service, volume, instance, values, replace, if_not_exists)


@reads("CREATE SNAPSHOT")
def create(cursor: Cursor) -> Statement:
    return _create(cursor, replace=False)


@reads("CREATE OR REPLACE SNAPSHOT")
def create_or_replace(cursor: Cursor) -> Statement:
    return _create(cursor, replace=True)


@dataclass(frozen=True)
class RestoreVolume:
    """``ALTER SERVICE … RESTORE VOLUME … INSTANCES … FROM SNAPSHOT …``."""

    service: str
    if_exists: bool
    volume: str
    instances: tuple[int, ...]
    snapshot: str

    def run(self, context: Context) -> Answer:
        service = full_name(self.service, context.session, "ALTER SERVICE")
        if not self.if_exists or context.platform.services.has(service):
            snapshot = full_name(self.snapshot, context.session, "ALTER SERVICE")
            context.needs("OPERATE", "Service", service)
            context.needs("USAGE", SNAPSHOT, snapshot)
            folder = context.catalogue.get(SNAPSHOT, snapshot)["folder"]
            context.platform.snapshots.restore(service, self.volume, self.instances, folder)
        return status("Statement executed successfully.")


def read_restore(cursor: Cursor, service: str, *, if_exists: bool) -> Statement:
    """Read what stands behind ``RESTORE VOLUME``."""
    volume = cursor.key()
    cursor.expect("INSTANCES")
    instances = [cursor.number()]
    while cursor.take(","):
        instances.append(cursor.number())
    cursor.expect("FROM", "SNAPSHOT")
    snapshot = cursor.name()
    cursor.end()
    return RestoreVolume(service, if_exists, volume, tuple(instances), snapshot)


@reads("ALTER SNAPSHOT")
def alter(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    if cursor.take("UNSET"):
        return AlterObject(SNAPSHOT, name, if_exists, dict.fromkeys(p.read_unset(cursor, {"COMMENT": p.text})))
    cursor.expect("SET")
    return AlterObject(SNAPSHOT, name, if_exists, p.read_set(cursor, {"COMMENT": p.text}))


@dataclass(frozen=True)
class DropSnapshot:
    """Drop what the catalogue keeps, and then the copy."""

    dropped: DropObject

    def run(self, context: Context) -> Answer:
        body = context.catalogue.find(SNAPSHOT, full_name(self.dropped.name, context.session, self.dropped.verb))
        answer = self.dropped.run(context)
        if body is not None:
            context.platform.snapshots.forget(body["folder"])
        return answer


@reads("DROP SNAPSHOT")
def drop(cursor: Cursor) -> Statement:
    return DropSnapshot(read_drop(cursor, SNAPSHOT, "DROP SNAPSHOT"))


@dataclass(frozen=True)
class ShowSnapshots:
    filters: ShowFilters
    scope: Scope

    def run(self, context: Context) -> Answer:
        found = [
            _row(full, body)
            for full, body in context.catalogue.all(SNAPSHOT)
            if self.scope.holds(full, context.session) and context.sees(SNAPSHOT, full)
        ]
        return answer_of("snapshots", self.filters.apply(found))


@reads("SHOW SNAPSHOTS")
def show(cursor: Cursor) -> Statement:
    filters = read_filters(cursor)
    scope = read_scope(cursor)
    filters = read_filters(cursor, filters)
    cursor.end()
    return ShowSnapshots(filters, scope)


@dataclass(frozen=True)
class DescribeSnapshot:
    name: str

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "DESCRIBE SNAPSHOT")
        context.needs("USAGE", SNAPSHOT, name)
        return answer_of("snapshots", [_row(name, context.catalogue.get(SNAPSHOT, name))])


@reads("DESC SNAPSHOT", "DESCRIBE SNAPSHOT")
def describe(cursor: Cursor) -> Statement:
    name = cursor.name()
    cursor.end()
    return DescribeSnapshot(name)


def _row(full: str, body: dict[str, Any]) -> dict[str, Any]:
    database, schema, name = full.split(".", 2)
    return {
        "name": name,
        "state": "CREATED",
        "database_name": database,
        "schema_name": schema,
        "service_name": body["service"],
        "volume_name": body["volume"],
        "instance": body["instance"],
        "size": body["size"],
        "comment": body["COMMENT"],
        "owner": body["owner"],
        "owner_role_type": "ROLE",
        "created_on": body["created_on"],
        "updated_on": body["created_on"],
        "encryption": "SNOWFLAKE_SSE",
    }
