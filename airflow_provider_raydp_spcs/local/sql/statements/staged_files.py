"""Files in and out of stages, their listing and removal (SPCS reference, part 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.stage_locations import READ, WRITE, Location, prefix
from airflow_provider_raydp_spcs.local.wire.answers import (
    Answer,
    Column,
    DownloadAnswer,
    RowsAnswer,
    UploadAnswer,
)


@dataclass(frozen=True)
class Put:
    source: str
    target: Location
    values: dict[str, Any]

    def run(self, context: Context) -> Answer:
        stage = self.target.stage_in(context, "PUT", WRITE)
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
        stage = self.source.stage_in(context, "GET", READ)
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
        stage = self.source.stage_in(context, "LIST", READ)
        told = prefix(stage)
        files = context.files.listing(stage, self.source.path, self.pattern)
        columns = [Column("name"), Column("size", "FIXED"), Column("md5"), Column("last_modified")]
        return RowsAnswer(columns, [[f"{told}{each.path}", each.size, each.md5, each.last_modified] for each in files])


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
        stage = self.source.stage_in(context, "REMOVE", WRITE)
        told = prefix(stage)
        removed = context.files.remove(stage, self.source.path, self.pattern)
        return RowsAnswer([Column("name"), Column("result")], [[f"{told}{path}", "removed"] for path in removed])


@reads("REMOVE", "RM")
def remove(cursor: Cursor) -> Statement:
    return RemoveFiles(*_location_and_pattern(cursor))
