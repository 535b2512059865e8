"""ALTER STAGE and DESCRIBE STAGE (SPCS reference, part 5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_raydp_spcs.local.errors import already_exists, invalid_value
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.directory import refresh
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name
from airflow_provider_raydp_spcs.local.sql.stage_locations import STAGE, WRITE
from airflow_provider_raydp_spcs.local.sql.statements.stages import PROPERTIES, refuse_external, stored
from airflow_provider_raydp_spcs.local.wire.answers import Answer, Column, RowsAnswer, status

_DONE = "Statement executed successfully."
_DESCRIBED = ("parent_property", "property", "property_type", "property_value", "property_default")
_DEFAULTS = (
    ("STAGE_FILE_FORMAT", "TYPE", "String", "CSV"),
    ("STAGE_FILE_FORMAT", "RECORD_DELIMITER", "String", "\\n"),
    ("STAGE_FILE_FORMAT", "FIELD_DELIMITER", "String", ","),
    ("STAGE_FILE_FORMAT", "SKIP_HEADER", "Integer", "0"),
    ("STAGE_FILE_FORMAT", "PARSE_HEADER", "Boolean", "false"),
    ("STAGE_FILE_FORMAT", "FIELD_OPTIONALLY_ENCLOSED_BY", "String", "NONE"),
    ("STAGE_FILE_FORMAT", "NULL_IF", "List", "[\\\\N]"),
    ("STAGE_FILE_FORMAT", "COMPRESSION", "String", "AUTO"),
    ("STAGE_COPY_OPTIONS", "ON_ERROR", "String", "ABORT_STATEMENT"),
    ("STAGE_COPY_OPTIONS", "SIZE_LIMIT", "Long", ""),
    ("STAGE_COPY_OPTIONS", "PURGE", "Boolean", "false"),
    ("STAGE_COPY_OPTIONS", "FORCE", "Boolean", "false"),
    ("STAGE_COPY_OPTIONS", "MATCH_BY_COLUMN_NAME", "String", "NONE"),
    ("STAGE_LOCATION", "URL", "String", ""),
    ("DIRECTORY", "ENABLE", "Boolean", "false"),
    ("DIRECTORY", "AUTO_REFRESH", "Boolean", "false"),
)


@dataclass(frozen=True)
class AlterStage:
    name: str
    if_exists: bool
    values: dict[str, Any] = field(default_factory=dict)
    rename: str | None = None
    refreshes: str | None = None

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "ALTER STAGE")
        if self.if_exists and not context.catalogue.has(STAGE, name):
            return status(_DONE)
        record = context.catalogue.get(STAGE, name)
        if self.refreshes is not None:
            context.needs(WRITE, STAGE, name)
            return refresh(name, context, self.refreshes)
        context.needs("OWNERSHIP", STAGE, name)
        if self.rename is not None:
            new = full_name(self.rename, context.session, "ALTER STAGE")
            if context.catalogue.has(STAGE, new):
                raise already_exists(new)
            context.catalogue.create(STAGE, new, record)
            context.files.move(name, new)
            context.catalogue.drop(STAGE, name, if_exists=True)
            return status(_DONE)
        changed = stored(self.values, context)
        if "COMMENT" in self.values:
            changed["comment"] = self.values["COMMENT"]
        context.catalogue.change(STAGE, name, **changed)
        return status(_DONE)


@reads("ALTER STAGE")
def alter(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    if cursor.take("RENAME", "TO"):
        new = cursor.name()
        cursor.end()
        return AlterStage(name, if_exists, rename=new)
    if cursor.take("REFRESH"):
        path = p.read_properties(cursor, {"SUBPATH": p.text}).get("SUBPATH", "")
        return AlterStage(name, if_exists, refreshes=path)
    if cursor.take("UNSET"):
        names = p.read_unset(cursor, {"COMMENT": p.text})
        return AlterStage(name, if_exists, dict.fromkeys(names, ""))
    cursor.expect("SET")
    values = p.read_set(cursor, PROPERTIES)
    if "ENCRYPTION" in values:  # which the real Snowflake does not change either
        raise invalid_value("invalid property 'ENCRYPTION' for 'STAGE'; it is chosen when the stage is created")
    refuse_external(values)
    return AlterStage(name, if_exists, values)


@dataclass(frozen=True)
class DescribeStage:
    name: str

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "DESCRIBE STAGE")
        body = context.catalogue.get(STAGE, name)
        context.needs("USAGE", STAGE, name)
        given = {
            "STAGE_FILE_FORMAT": dict(body.get("file_format") or {}),
            "STAGE_COPY_OPTIONS": body.get("copy_options") or {},
            "DIRECTORY": {"ENABLE": str(bool(body.get("directory"))).lower()},
        }
        rows = []
        for parent, key, kind, default in _DEFAULTS:
            value = given.get(parent, {}).pop(key, default)
            rows.append([parent, key, kind, _spelled(value), default])
        rows += [
            [parent, key, "String", _spelled(value), ""]
            for parent, rest in given.items()
            for key, value in rest.items()
        ]
        return RowsAnswer(
            [Column(each) for each in _DESCRIBED], sorted(rows, key=lambda row: row[0] != "STAGE_FILE_FORMAT")
        )


@reads("DESC STAGE", "DESCRIBE STAGE")
def describe(cursor: Cursor) -> Statement:
    name = cursor.name()
    cursor.end()
    return DescribeStage(name)


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
