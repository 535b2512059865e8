"""Stages and their files (SPCS reference, part 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_raydp_spcs.local.errors import invalid_value, unsupported
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.options import format_of, read_options
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import Scope, full_name, read_scope
from airflow_provider_raydp_spcs.local.sql.stage_locations import STAGE, Location
from airflow_provider_raydp_spcs.local.sql.statements.compute_pools import ShowFilters, read_filters
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status
from airflow_provider_raydp_spcs.local.wording import already_dropped, dropped

__all__ = ["PROPERTIES", "Location", "refuse_external", "stored"]
_KIND = STAGE
PROPERTIES: dict[str, p.Reader] = {
    "ENCRYPTION": read_options,
    "DIRECTORY": read_options,
    "FILE_FORMAT": read_options,
    "COPY_OPTIONS": read_options,
    "COMMENT": p.text,
    "URL": p.text,
    "STORAGE_INTEGRATION": Cursor.name,
    "CREDENTIALS": p.group,
}
_EXTERNAL = ("URL", "STORAGE_INTEGRATION", "CREDENTIALS")
_ENCRYPTIONS = ("SNOWFLAKE_FULL", "SNOWFLAKE_SSE")


@dataclass(frozen=True)
class CreateStage:
    name: str
    replace: bool
    temporary: bool
    if_not_exists: bool
    values: dict[str, Any] = field(default_factory=dict)

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "CREATE STAGE")
        refuse_external(self.values)
        if not self.temporary:
            context.needs_to_create(_KIND, name, replace=self.replace)
        new = context.catalogue.create(
            _KIND,
            name,
            {
                "owner": context.session.role,
                "comment": self.values.get("COMMENT", ""),
                "temporary": self.temporary,
                **stored(self.values, context),
            },
            replace=self.replace,
            if_not_exists=self.if_not_exists,
        )
        if not new:
            return status(f"{name.rpartition('.')[2]} already exists, statement succeeded.")
        if self.replace:
            context.files.clear(name)
        context.files.folder(name)
        if self.temporary:
            context.session.temporary.append(f"{_KIND}:{name}")
        return status(f"Stage area {name.rpartition('.')[2]} successfully created.")


def refuse_external(values: Mapping[str, Any]) -> None:
    """Only internal stages are here.

    :raises SnowflakeFault: a property is one of external ones.
    """
    if found := [key for key in _EXTERNAL if key in values]:
        raise unsupported(f"external stage, as {found[0]} makes it")


def stored(values: dict[str, Any], context: Context) -> dict[str, Any]:
    """Properties as a stage's record keeps them.

    :raises SnowflakeFault: the file format is none.
    """
    found: dict[str, Any] = {}
    if "DIRECTORY" in values:
        found["directory"] = str(values["DIRECTORY"].get("ENABLE", "FALSE")).upper() == "TRUE"
    if "FILE_FORMAT" in values:
        format_of(context, values["FILE_FORMAT"])
        found["file_format"] = values["FILE_FORMAT"]
    if "COPY_OPTIONS" in values:
        switches = {"TRUE": True, "FALSE": False}
        found["copy_options"] = {
            key: switches.get(str(value).upper(), value) for key, value in values["COPY_OPTIONS"].items()
        }
    if "ENCRYPTION" in values:
        kind = str(values["ENCRYPTION"].get("TYPE", "SNOWFLAKE_FULL")).upper()
        if kind not in _ENCRYPTIONS:
            msg = (
                f"invalid value '{kind[:80]}' for property 'TYPE' of ENCRYPTION; allowed are {', '.join(_ENCRYPTIONS)}"
            )
            raise invalid_value(msg)
        found["encryption"] = kind
    return found


@reads("CREATE STAGE")
def create(cursor: Cursor) -> Statement:
    return _create(cursor)


@reads("CREATE TEMP STAGE", "CREATE TEMPORARY STAGE", "CREATE SCOPED TEMP STAGE", "CREATE SCOPED TEMPORARY STAGE")
def create_temporary(cursor: Cursor) -> Statement:
    return _create(cursor, temporary=True)


@reads("CREATE OR REPLACE STAGE")
def create_or_replace(cursor: Cursor) -> Statement:
    return _create(cursor, replace=True)


@reads("CREATE OR REPLACE TEMP STAGE", "CREATE OR REPLACE TEMPORARY STAGE")
def create_or_replace_temporary(cursor: Cursor) -> Statement:
    return _create(cursor, replace=True, temporary=True)


def _create(cursor: Cursor, *, replace: bool = False, temporary: bool = False) -> Statement:
    if_not_exists = cursor.if_not_exists()
    name = cursor.name()
    if cursor.words(1) in (("CLONE",), ("LIKE",)):
        raise unsupported(f"CREATE STAGE … {cursor.word()}")
    return CreateStage(name, replace, temporary, if_not_exists, p.read_properties(cursor, PROPERTIES))


@dataclass(frozen=True)
class DropStage:
    name: str
    if_exists: bool

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "DROP STAGE")
        short = name.rpartition(".")[2]
        if context.catalogue.has(_KIND, name):
            context.needs("OWNERSHIP", _KIND, name)
        if not context.catalogue.drop(_KIND, name, if_exists=self.if_exists):
            return status(already_dropped(short))
        context.access.forget(_KIND, name)
        context.files.clear(name)
        return status(dropped(short))


@reads("DROP STAGE")
def drop(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    cursor.end()
    return DropStage(name, if_exists)


@dataclass(frozen=True)
class ShowStages:
    filters: ShowFilters
    scope: Scope

    def run(self, context: Context) -> Answer:
        rows = []
        for full, body in context.catalogue.all(_KIND):
            database, schema, name = full.split(".", 2)
            if self.scope.holds(full, context.session) and context.sees(_KIND, full):
                values = {
                    "created_on": body["created_on"],
                    "name": name,
                    "database_name": database,
                    "schema_name": schema,
                    "url": "",
                    "has_credentials": "N",
                    "has_encryption_key": "N",
                    "owner": body["owner"],
                    "comment": body["comment"],
                    "type": "INTERNAL TEMPORARY" if body["temporary"] else "INTERNAL",
                    "owner_role_type": "ROLE",
                    "directory_enabled": "Y" if body.get("directory") else "N",
                }
                rows.append(values)
        return answer_of("stages", self.filters.apply(rows))


@reads("SHOW STAGES")
def show(cursor: Cursor) -> Statement:
    filters = read_filters(cursor)
    scope = read_scope(cursor)
    filters = read_filters(cursor, filters)
    cursor.end()
    return ShowStages(filters, scope)
