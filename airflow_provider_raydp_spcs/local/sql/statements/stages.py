"""Stages and their files (SPCS reference, part 5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, unsupported
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name, like_matches
from airflow_provider_raydp_spcs.local.wire.answers import (
    Answer,
    Column,
    DownloadAnswer,
    RowsAnswer,
    UploadAnswer,
    status,
)

_KIND = "Stage"
_PROPERTIES: dict[str, p.Reader] = {
    "ENCRYPTION": p.group,
    "DIRECTORY": p.group,
    "FILE_FORMAT": p.group,
    "COPY_OPTIONS": p.group,
    "COMMENT": p.text,
    "URL": p.text,
}
_SHOW = [
    "created_on",
    "name",
    "database_name",
    "schema_name",
    "url",
    "has_credentials",
    "has_encryption_key",
    "owner",
    "comment",
    "region",
    "type",
    "cloud",
    "notification_channel",
    "storage_integration",
    "endpoint",
    "owner_role_type",
    "directory_enabled",
]


@dataclass(frozen=True)
class Location:
    """``@[db.][schema.]stage[/path]``."""

    stage: str
    path: str

    @classmethod
    def read(cls, cursor: Cursor) -> Location:
        """Read it.

        :raises SnowflakeFault: no location comes.
        """
        text = cursor.text()
        if not text.startswith("@") or len(text) < 2:
            raise SnowflakeFault(
                1003, "42000", f"SQL compilation error:\n'{text}' is no stage; it does not start with @"
            )
        name, _, path = text[1:].partition("/")
        return cls(Cursor(name).name(), path)

    def stage_in(self, context: Context, verb: str) -> str:
        """The stage's full name.

        :raises SnowflakeFault: there is no such stage.
        """
        name = full_name(self.stage, context.session, verb)
        context.catalogue.get(_KIND, name)
        return name


@dataclass(frozen=True)
class CreateStage:
    name: str
    replace: bool
    temporary: bool
    if_not_exists: bool
    values: dict[str, Any] = field(default_factory=dict)

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "CREATE STAGE")
        if "URL" in self.values:
            raise unsupported("external stage")
        if not self.temporary:
            context.needs_to_create(_KIND, name, replace=self.replace)
        new = context.catalogue.create(
            _KIND,
            name,
            {
                "owner": context.session.role,
                "comment": self.values.get("COMMENT", ""),
                "directory": "TRUE" in str(self.values.get("DIRECTORY", "")).upper(),
                "temporary": self.temporary,
            },
            replace=self.replace,
            if_not_exists=self.if_not_exists,
        )
        if not new:
            return status(f"{name.rpartition('.')[2]} already exists, statement succeeded.")
        if self.replace:
            context.files.clear(name)
        context.files.folder(name)
        return status(f"Stage area {name.rpartition('.')[2]} successfully created.")


@reads("CREATE STAGE")
def create(cursor: Cursor) -> Statement:
    return _create(cursor)


@reads("CREATE TEMP STAGE", "CREATE TEMPORARY STAGE")
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
    return CreateStage(cursor.name(), replace, temporary, if_not_exists, p.read_properties(cursor, _PROPERTIES))


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
            return status(f"Drop statement executed successfully ({short} already dropped).")
        context.access.forget(_KIND, name)
        context.files.clear(name)
        return status(f"{short} successfully dropped.")


@reads("DROP STAGE")
def drop(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    cursor.end()
    return DropStage(name, if_exists)


@dataclass(frozen=True)
class ShowStages:
    like: str | None

    def run(self, context: Context) -> Answer:
        rows = []
        for full, body in context.catalogue.all(_KIND):
            database, schema, name = full.split(".")
            if like_matches(self.like, name) and context.sees(_KIND, full):
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
                    "directory_enabled": "Y" if body["directory"] else "N",
                }
                rows.append([values.get(column) for column in _SHOW])
        return RowsAnswer([Column(name) for name in _SHOW], rows)


@reads("SHOW STAGES")
def show(cursor: Cursor) -> Statement:
    like = cursor.text() if cursor.take("LIKE") else None
    cursor.rest()  # IN …: every stage of the account is shown
    return ShowStages(like)


@dataclass(frozen=True)
class Put:
    source: str
    target: Location
    values: dict[str, Any]

    def run(self, context: Context) -> Answer:
        stage = self.target.stage_in(context, "PUT")
        context.needs("WRITE", _KIND, stage)
        folder = context.files.folder(stage)
        return UploadAnswer(
            source=self.source,
            folder=context.files.inside(folder, self.target.path),
            auto_compress=self.values.get("AUTO_COMPRESS", True),
            overwrite=self.values.get("OVERWRITE", False),
            parallel=self.values.get("PARALLEL", 4),
            source_compression=str(self.values.get("SOURCE_COMPRESSION", "auto_detect")).lower(),
        )


def _file(cursor: Cursor) -> str:
    text = cursor.text()
    if not text.startswith("file://"):
        raise SnowflakeFault(
            1003, "42000", f"SQL compilation error:\n'{text}' is no file location; it does not start with file://"
        )
    return text.removeprefix("file://")


@reads("PUT")
def put(cursor: Cursor) -> Statement:
    source, target = _file(cursor), Location.read(cursor)
    readers: dict[str, p.Reader] = {
        "PARALLEL": p.at_least(1, "PARALLEL"),
        "AUTO_COMPRESS": Cursor.boolean,
        "OVERWRITE": Cursor.boolean,
        "SOURCE_COMPRESSION": p.value,
    }
    return Put(source, target, p.read_properties(cursor, readers))


@dataclass(frozen=True)
class Get:
    source: Location
    target: str
    values: dict[str, Any]

    def run(self, context: Context) -> Answer:
        stage = self.source.stage_in(context, "GET")
        context.needs("READ", _KIND, stage)
        folder = context.files.folder(stage)
        files = context.files.matching(stage, self.source.path, self.values.get("PATTERN"))
        relative = [file.relative_to(folder).as_posix() for file in files]
        return DownloadAnswer(folder, relative, self.target, self.values.get("PARALLEL", 10))


@reads("GET")
def get(cursor: Cursor) -> Statement:
    source, target = Location.read(cursor), _file(cursor)
    readers: dict[str, p.Reader] = {"PARALLEL": p.at_least(1, "PARALLEL"), "PATTERN": p.text}
    return Get(source, target, p.read_properties(cursor, readers))


@dataclass(frozen=True)
class ListFiles:
    source: Location
    pattern: str | None

    def run(self, context: Context) -> Answer:
        stage = self.source.stage_in(context, "LIST")
        context.needs("READ", _KIND, stage)
        short = stage.rpartition(".")[2].lower()
        files = context.files.listing(stage, self.source.path, self.pattern)
        columns = [Column("name"), Column("size", "FIXED"), Column("md5"), Column("last_modified")]
        return RowsAnswer(
            columns, [[f"{short}/{each.path}", each.size, each.md5, each.last_modified] for each in files]
        )


def _location_and_pattern(cursor: Cursor) -> tuple[Location, str | None]:
    location = Location.read(cursor)
    return location, p.read_properties(cursor, {"PATTERN": p.text}).get("PATTERN")


@reads("LIST", "LS")
def list_files(cursor: Cursor) -> Statement:
    return ListFiles(*_location_and_pattern(cursor))


@dataclass(frozen=True)
class RemoveFiles:
    source: Location
    pattern: str | None

    def run(self, context: Context) -> Answer:
        stage = self.source.stage_in(context, "REMOVE")
        context.needs("WRITE", _KIND, stage)
        short = stage.rpartition(".")[2].lower()
        removed = context.files.remove(stage, self.source.path, self.pattern)
        return RowsAnswer([Column("name"), Column("result")], [[f"{short}/{path}", "removed"] for path in removed])


@reads("REMOVE", "RM")
def remove(cursor: Cursor) -> Statement:
    return RemoveFiles(*_location_and_pattern(cursor))
