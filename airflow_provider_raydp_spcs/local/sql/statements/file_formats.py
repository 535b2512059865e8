"""Named file formats (SPCS reference, part 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.options import FORMAT, read_option
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name, like_matches
from airflow_provider_raydp_spcs.local.sql.statements.administration import read_drop
from airflow_provider_raydp_spcs.local.tables.file_formats import FileFormat
from airflow_provider_raydp_spcs.local.wire.answers import Answer, Column, RowsAnswer, status

_SHOW = [
    "created_on",
    "name",
    "database_name",
    "schema_name",
    "type",
    "owner",
    "comment",
    "format_options",
    "owner_role_type",
]


@dataclass(frozen=True)
class CreateFileFormat:
    name: str
    replace: bool
    temporary: bool
    if_not_exists: bool
    options: dict[str, Any]

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "CREATE FILE FORMAT")
        FileFormat.of(self.options)
        # A temporary one needs the privilege as well: Snowflake's page of this statement makes no exception.
        context.needs_to_create(FORMAT, name, replace=self.replace)
        options = {key: value for key, value in self.options.items() if key != "COMMENT"}
        body = {"options": options, "owner": context.session.role, "comment": self.options.get("COMMENT", "")}
        new = context.catalogue.create(
            FORMAT, name, {**body, "temporary": self.temporary}, replace=self.replace, if_not_exists=self.if_not_exists
        )
        short = name.rpartition(".")[2]
        if not new:
            return status(f"{short} already exists, statement succeeded.")
        if self.temporary:
            context.session.temporary.append(f"{FORMAT}:{name}")
        return status(f"File format {short} successfully created.")


@reads("CREATE FILE FORMAT")
def create(cursor: Cursor) -> Statement:
    return _create(cursor)


@reads("CREATE OR REPLACE FILE FORMAT")
def create_or_replace(cursor: Cursor) -> Statement:
    return _create(cursor, replace=True)


@reads(
    "CREATE TEMP FILE FORMAT",
    "CREATE TEMPORARY FILE FORMAT",
    "CREATE SCOPED TEMP FILE FORMAT",
    "CREATE SCOPED TEMPORARY FILE FORMAT",
)
def create_temporary(cursor: Cursor) -> Statement:
    return _create(cursor, temporary=True)


@reads("CREATE OR REPLACE TEMP FILE FORMAT", "CREATE OR REPLACE TEMPORARY FILE FORMAT")
def create_or_replace_temporary(cursor: Cursor) -> Statement:
    return _create(cursor, replace=True, temporary=True)


def _create(cursor: Cursor, *, replace: bool = False, temporary: bool = False) -> Statement:
    if_not_exists = cursor.if_not_exists()
    name = cursor.name()
    options: dict[str, Any] = {}
    while not cursor.at_end:
        cursor.take(",")
        option = cursor.word()
        cursor.expect("=")
        options[option] = read_option(cursor, option)
    return CreateFileFormat(name, replace, temporary, if_not_exists, options)


@reads("DROP FILE FORMAT")
def drop(cursor: Cursor) -> Statement:
    return read_drop(cursor, FORMAT, "DROP FILE FORMAT")


@dataclass(frozen=True)
class ShowFileFormats:
    like: str | None

    def run(self, context: Context) -> Answer:
        import json

        rows = []
        for full, body in context.catalogue.all(FORMAT):
            database, schema, name = full.split(".", 2)
            if like_matches(self.like, name) and context.sees(FORMAT, full):
                options, kind = body["options"], body["options"].get("TYPE", "CSV")
                rows.append(
                    [
                        body["created_on"],
                        name,
                        database,
                        schema,
                        kind,
                        body["owner"],
                        body["comment"],
                        json.dumps(options),
                        "ROLE",
                    ]
                )
        kinds = {"created_on": "TIMESTAMP_LTZ"}
        return RowsAnswer([Column(each, kinds.get(each, "TEXT")) for each in _SHOW], rows)


@reads("SHOW FILE FORMATS")
def show(cursor: Cursor) -> Statement:
    like = cursor.text() if cursor.take("LIKE") else None
    cursor.rest()
    return ShowFileFormats(like)


@dataclass(frozen=True)
class DescribeFileFormat:
    name: str

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "DESCRIBE FILE FORMAT")
        context.needs("USAGE", FORMAT, name)
        options = {"TYPE": "CSV", **context.catalogue.get(FORMAT, name)["options"]}
        columns = [Column(each) for each in ("property", "property_type", "property_value", "property_default")]
        rows = []
        for key, value in options.items():
            kind = (
                "List"
                if isinstance(value, list)
                else "Boolean"
                if str(value).upper() in ("TRUE", "FALSE")
                else "String"
            )
            rows.append([key, kind, str(value) if not isinstance(value, list) else f"[{', '.join(value)}]", ""])
        return RowsAnswer(columns, rows)


@reads("DESC FILE FORMAT", "DESCRIBE FILE FORMAT")
def describe(cursor: Cursor) -> Statement:
    name = cursor.name()
    cursor.end()
    return DescribeFileFormat(name)
