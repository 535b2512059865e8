"""Databases, schemas and tables: who may make, use and drop them. The engine for tables does the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_raydp_spcs.local.errors import cannot, no_schema, unsupported
from airflow_provider_raydp_spcs.local.security.access import ACCOUNT, IN_SCHEMA
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name
from airflow_provider_raydp_spcs.local.sql.statements.snapshots import SNAPSHOT
from airflow_provider_raydp_spcs.local.wire.answers import Answer, DropDatabaseAnswer, ReplaceDatabaseAnswer, status

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_REPLACED = ("", "OR REPLACE ")
_LASTING = ("", "TRANSIENT ")
_TEMPORARY = ("TEMP ", "TEMPORARY ", "LOCAL TEMP ", "LOCAL TEMPORARY ", "VOLATILE ")


@dataclass(frozen=True)
class CreateDatabase:
    name: str
    replace: bool
    if_not_exists: bool = False

    def run(self, context: Context) -> Answer | None:
        context.needs("CREATE DATABASE", ACCOUNT)
        if not _PLAIN.fullmatch(self.name):
            raise unsupported(f"the quoted name {self.name!r} of a database")
        if self.if_not_exists and context.catalogue.has("Database", self.name):
            return status(f"{self.name} already exists, statement succeeded.")
        if self.replace:
            context.access.require_ownership_to_replace(context.session.role, "Database", self.name)
            _empty(context, self.name)
            _forget(context, "Database", self.name)
        _record(context, "Database", self.name)
        _record(context, "Schema", f"{self.name}.PUBLIC")
        return ReplaceDatabaseAnswer(self.name) if self.replace else None


@reads("CREATE DATABASE", "CREATE TRANSIENT DATABASE")
def create_database(cursor: Cursor) -> Statement:
    if_not_exists = cursor.if_not_exists()
    return CreateDatabase(cursor.name(), replace=False, if_not_exists=if_not_exists)


@reads("CREATE OR REPLACE DATABASE", "CREATE OR REPLACE TRANSIENT DATABASE")
def replace_database(cursor: Cursor) -> Statement:
    return CreateDatabase(cursor.name(), replace=True)


@dataclass(frozen=True)
class CreateSchema:
    name: str
    replace: bool

    def run(self, context: Context) -> Answer | None:
        name = _schema(self.name, context)
        context.needs("USAGE", "Database", name.partition(".")[0])
        context.needs("CREATE SCHEMA", "Database", name.partition(".")[0])
        if self.replace:
            context.access.require_ownership_to_replace(context.session.role, "Schema", name)
            _empty(context, name)
            _forget(context, "Schema", name)
        if self.replace or not context.catalogue.has("Schema", name):
            context.made.append(("Schema", name))
        _record(context, "Schema", name)
        return None


@reads("CREATE SCHEMA", "CREATE TRANSIENT SCHEMA")
def create_schema(cursor: Cursor) -> Statement:
    cursor.if_not_exists()
    return CreateSchema(cursor.name(), replace=False)


@reads("CREATE OR REPLACE SCHEMA", "CREATE OR REPLACE TRANSIENT SCHEMA")
def replace_schema(cursor: Cursor) -> Statement:
    return CreateSchema(cursor.name(), replace=True)


@dataclass(frozen=True)
class Use:
    """USE DATABASE and USE SCHEMA."""

    kind: str
    name: str

    def run(self, context: Context) -> Answer | None:
        name = self.name if self.kind == "Database" else _schema(self.name, context)
        if context.access.scope(context.session.role, *_split(name), context.secondary_roles) != _split(name):
            raise cannot("Object does not exist, or operation cannot be performed.")
        return None


@reads("USE DATABASE")
def use_database(cursor: Cursor) -> Statement:
    return Use("Database", cursor.name())


@reads("USE SCHEMA")
def use_schema(cursor: Cursor) -> Statement:
    return Use("Schema", cursor.name())


@reads("USE")
def use(cursor: Cursor) -> Statement:
    name = cursor.name()
    return Use("Schema" if "." in name else "Database", name)


@dataclass(frozen=True)
class DropDatabase:
    name: str
    if_exists: bool

    def run(self, context: Context) -> Answer:
        if context.catalogue.has("Database", self.name):
            context.needs("OWNERSHIP", "Database", self.name)
        _empty(context, self.name)
        _forget(context, "Database", self.name)
        return DropDatabaseAnswer(self.name, self.if_exists)


@reads("DROP DATABASE")
def drop_database(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    _ = cursor.take("CASCADE") or cursor.take("RESTRICT")
    cursor.end()
    return DropDatabase(name, if_exists)


@dataclass(frozen=True)
class DropSchema:
    name: str

    def run(self, context: Context) -> Answer | None:
        name = _schema(self.name, context)
        if context.catalogue.has("Schema", name):
            context.needs("OWNERSHIP", "Schema", name)
        _empty(context, name)
        _forget(context, "Schema", name)
        return None


@reads("DROP SCHEMA")
def drop_schema(cursor: Cursor) -> Statement:
    cursor.if_exists()
    return DropSchema(cursor.name())


@dataclass(frozen=True)
class CreateTable:
    kind: str
    name: str

    def run(self, context: Context) -> Answer | None:
        outer = [context.session.database, context.session.schema][: 3 - len(self.name.split("."))]
        if all(outer):
            context.needs_to_create(self.kind, full_name(self.name, context.session, "CREATE"))
        return None


@reads(*(f"CREATE {replaced}{lasting}TABLE" for replaced in _REPLACED for lasting in _LASTING))
def create_table(cursor: Cursor) -> Statement:
    cursor.if_not_exists()
    return CreateTable("Table", cursor.name())


@reads(*(f"CREATE {replaced}VIEW" for replaced in _REPLACED))
def create_view(cursor: Cursor) -> Statement:
    cursor.if_not_exists()
    return CreateTable("View", cursor.name())


@reads(*(f"CREATE {replaced}SEQUENCE" for replaced in _REPLACED))
def create_sequence(cursor: Cursor) -> Statement:
    cursor.if_not_exists()
    return CreateTable("Sequence", cursor.name())


@reads(*(f"CREATE {replaced}FUNCTION" for replaced in _REPLACED))
def create_function(cursor: Cursor) -> Statement:
    cursor.if_not_exists()
    name = cursor.name()
    while not cursor.at_end and not cursor.take("LANGUAGE"):
        cursor.skip()
    if not cursor.at_end and cursor.words(1) != ("SQL",):
        raise unsupported(f"CREATE FUNCTION … LANGUAGE {cursor.word()}")
    return CreateTable("Function", name)


@reads(*(f"CREATE {replaced}{lasting}FUNCTION" for replaced in _REPLACED for lasting in _TEMPORARY[:2]))
def create_temporary_function(cursor: Cursor) -> Statement:
    raise unsupported("CREATE TEMPORARY FUNCTION")


def _schema(name: str, context: Context) -> str:
    if "." in name:
        return name
    if not context.session.database:
        raise no_schema("USE SCHEMA")
    return f"{context.session.database}.{name}"


def _split(name: str) -> tuple[str | None, str | None]:
    database, _, schema = name.partition(".")
    return database, schema or None


def _record(context: Context, kind: str, name: str) -> None:
    """Remember who owns it; whether it can be made is for the engine to say."""
    context.catalogue.create(kind, name, {"owner": context.session.role}, if_not_exists=True)


def _empty(context: Context, outer: str) -> None:
    """Forget what is in a database or schema.

    :raises SnowflakeFault: services are, which must be dropped first.
    """
    inside = f"{outer}."
    left = [row["name"] for row in context.platform.show_services() if _name_of(row).startswith(inside)]
    if left:
        msg = f"{outer} cannot be dropped: services {', '.join(sorted(left))} still exist in it."
        raise cannot(msg)
    for kind in (*sorted(IN_SCHEMA), "Schema"):
        for name in [name for name, _ in context.catalogue.all(kind) if name.startswith(inside)]:
            _forget(context, kind, name)


def _forget(context: Context, kind: str, name: str) -> None:
    if kind == SNAPSHOT and (body := context.catalogue.find(kind, name)):
        context.platform.snapshots.forget(body["folder"])
    context.catalogue.drop(kind, name, if_exists=True)
    context.access.forget(kind, name)
    if kind == "Stage":
        context.files.clear(name)


def _name_of(row: dict[str, object]) -> str:
    return f"{row['database_name']}.{row['schema_name']}.{row['name']}"
