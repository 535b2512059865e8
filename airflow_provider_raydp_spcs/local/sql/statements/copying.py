"""COPY INTO a table, COPY INTO a stage, and COPY FILES (SPCS reference, part 5)."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, unsupported
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.inline import rewrite
from airflow_provider_raydp_spcs.local.sql.mentions import check_mentions
from airflow_provider_raydp_spcs.local.sql.options import format_of, read_options
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name
from airflow_provider_raydp_spcs.local.sql.stage_locations import READ, STAGE, WRITE, Location
from airflow_provider_raydp_spcs.local.tables.loading import Load, StagedFile, Transformation
from airflow_provider_raydp_spcs.local.tables.sources import StagedFiles
from airflow_provider_raydp_spcs.local.tables.unloading import DEFAULT_FILE_SIZE, Unload
from airflow_provider_raydp_spcs.local.wire.answers import Answer, Column, RowsAnswer

_MATCHES: Final = ("NONE", "CASE_SENSITIVE", "CASE_INSENSITIVE")
_ON_ERROR: Final = re.compile(r"CONTINUE|ABORT_STATEMENT|SKIP_FILE(_\d+%?)?")


def _on_error(cursor: Cursor) -> str:
    found = cursor.value().upper()
    if cursor.take("%"):
        found += "%"
    if not _ON_ERROR.fullmatch(found):
        text = f"invalid value '{found}' for property 'ON_ERROR'; allowed are CONTINUE, SKIP_FILE, SKIP_FILE_<n>, SKIP_FILE_<n>%, ABORT_STATEMENT"
        raise SnowflakeFault(1420, "22023", f"SQL compilation error:\n{text}")
    return found


def _match(cursor: Cursor) -> str:
    found = cursor.value().upper()
    if found not in _MATCHES:
        text = f"SQL compilation error:\nInvalid value '{found}' for parameter MATCH_BY_COLUMN_NAME"
        raise SnowflakeFault(1008, "22023", text)
    return found


_LOAD_OPTIONS: dict[str, p.Reader] = {
    "FILE_FORMAT": read_options,
    "FILES": Cursor.texts,
    "PATTERN": p.text,
    "ON_ERROR": _on_error,
    "SIZE_LIMIT": Cursor.number,
    "PURGE": Cursor.boolean,
    "RETURN_FAILED_ONLY": Cursor.boolean,
    "MATCH_BY_COLUMN_NAME": _match,
    "ENFORCE_LENGTH": Cursor.boolean,
    "TRUNCATECOLUMNS": Cursor.boolean,
    "FORCE": Cursor.boolean,
    "LOAD_UNCERTAIN_FILES": Cursor.boolean,
    "VALIDATION_MODE": p.value,
}
_UNLOAD_OPTIONS: dict[str, p.Reader] = {
    "FILE_FORMAT": read_options,
    "OVERWRITE": Cursor.boolean,
    "SINGLE": Cursor.boolean,
    "MAX_FILE_SIZE": p.at_least(1, "MAX_FILE_SIZE"),
    "INCLUDE_QUERY_ID": Cursor.boolean,
    "DETAILED_OUTPUT": Cursor.boolean,
    "HEADER": Cursor.boolean,
    "VALIDATION_MODE": p.value,
}


@dataclass(frozen=True)
class CopyIntoTable:
    table: str
    columns: tuple[str, ...] | None
    location: Location | None
    query: str | None
    values: dict[str, Any]

    def run(self, context: Context) -> Answer:
        if "VALIDATION_MODE" in self.values:
            raise unsupported("VALIDATION_MODE")
        database, schema, short = full_name(self.table, context.session, "COPY").split(".", 2)
        context.needs("USAGE", "Database", database)
        context.needs("USAGE", "Schema", f"{database}.{schema}")
        given = {**self.values.get("FILE_FORMAT", {})}
        transformation, location = None, self.location
        if self.query is not None:
            cursor = Cursor(self.query)
            check_mentions(cursor.tokens, context)
            rewritten = rewrite(cursor, (), context, given)
            staged = [each for each in (rewritten.sources if rewritten else []) if isinstance(each, StagedFiles)]
            if rewritten is None or len(staged) != 1:
                raise SnowflakeFault(
                    1011, "42601", "SQL compilation error:\nCOPY needs exactly one stage in its query."
                )
            others = [each for each in rewritten.sources if each is not staged[0]]
            transformation = Transformation(rewritten.sql, staged[0], others)
            text = next(each.text for each in cursor.tokens if each.text.startswith("@"))
            location = Location.of(text)
        assert location is not None  # noqa: S101 - one of the two is read
        stage = (
            context.catalogue.find(STAGE, full_name(location.stage, context.session, "COPY"))
            if _named(location)
            else {}
        )
        form = format_of(context, (stage or {}).get("file_format") or {}, given)
        names = self.values.get("FILES")
        found = location.files(context, "COPY", self.values.get("PATTERN"), names)
        copied = {**((stage or {}).get("copy_options") or {}), **self.values}
        return Load(
            (database, schema, short),
            self.columns,
            [StagedFile(path, told) for path, told in found],
            form,
            transformation,
            named=names is not None,
            match=copied.get("MATCH_BY_COLUMN_NAME", "NONE"),
            on_error=copied.get("ON_ERROR", "ABORT_STATEMENT"),
            force=copied.get("FORCE", False),
            purge=copied.get("PURGE", False),
            size_limit=copied.get("SIZE_LIMIT"),
            truncates=copied.get("TRUNCATECOLUMNS", False) or not copied.get("ENFORCE_LENGTH", True),
            only_failed=copied.get("RETURN_FAILED_ONLY", False),
        )


@dataclass(frozen=True)
class CopyIntoLocation:
    target: Location
    table: str | None
    query: str | None
    partition: str | None
    values: dict[str, Any]

    def run(self, context: Context) -> Answer:
        if "VALIDATION_MODE" in self.values:
            raise unsupported("VALIDATION_MODE")
        if self.values.get("INCLUDE_QUERY_ID") and self.partition is None:
            raise unsupported("INCLUDE_QUERY_ID without PARTITION BY")
        stage = self.target.stage_in(context, "COPY", WRITE)
        record = context.catalogue.find(STAGE, stage) or {}
        inner = self.query if self.query is not None else f"SELECT * FROM {_spelled(self.table or '', context)}"  # noqa: S608 - quoted
        cursor = Cursor(inner)
        check_mentions(cursor.tokens, context)
        rewritten = rewrite(cursor, (), context)
        sql = rewritten.sql if rewritten else inner
        if self.partition is not None:
            sql = f'SELECT *, {self.partition} AS "_PARTITION_" FROM ({sql})'  # noqa: S608 - the client's own query
        context.files.inside(context.files.folder(stage), self.target.path)
        return Unload(
            sql,
            context.files.folder(stage),
            self.target.path,
            format_of(context, record.get("file_format") or {}, self.values.get("FILE_FORMAT", {})),
            rewritten.sources if rewritten else (),
            partitioned=self.partition is not None,
            header=self.values.get("HEADER", False),
            overwrite=self.values.get("OVERWRITE", False),
            single=self.values.get("SINGLE", False),
            max_file_size=self.values.get("MAX_FILE_SIZE", DEFAULT_FILE_SIZE),
            detailed=self.values.get("DETAILED_OUTPUT", False),
        )


@reads("COPY INTO")
def copy_into(cursor: Cursor) -> Statement:
    if cursor.peek_is_text():
        return _into_location(cursor)
    table = cursor.name()
    columns = tuple(cursor.names()) if cursor.words(1) == ("(",) else None
    cursor.expect("FROM")
    location = query = None
    if cursor.words(1) == ("(",):
        query = cursor.raw_group()
    else:
        text = cursor.text()
        if not text.startswith("@"):
            if "://" in text:
                raise unsupported("COPY from an external location")
            raise SnowflakeFault(1011, "42601", f"SQL compilation error:\ninvalid URL prefix found in: '{text}'")
        location = Location.of(text)
    return CopyIntoTable(table, columns, location, query, p.read_properties(cursor, _LOAD_OPTIONS))


def _into_location(cursor: Cursor) -> Statement:
    text = cursor.text()
    if "://" in text:
        raise unsupported(f"COPY INTO an external location ({text.partition(':')[0]})")
    target = Location.of(text)
    cursor.expect("FROM")
    table = query = partition = None
    if cursor.words(1) == ("(",):
        query = cursor.raw_group()
    else:
        table = cursor.name()
    if cursor.take("PARTITION", "BY"):
        partition = cursor.raw_group()
    return CopyIntoLocation(target, table, query, partition, p.read_properties(cursor, _UNLOAD_OPTIONS))


@dataclass(frozen=True)
class CopyFiles:
    target: Location
    source: Location
    values: dict[str, Any]

    def run(self, context: Context) -> Answer:
        for each in (self.target, self.source):
            if not _named(each):
                raise unsupported("COPY FILES with the stage of a table or user")
        self.source.stage_in(context, "COPY FILES", READ)
        stage = self.target.stage_in(context, "COPY FILES", WRITE)
        root = context.files.folder(stage)
        origin = context.files.folder(full_name(self.source.stage, context.session, "COPY FILES"))
        found = self.source.files(context, "COPY FILES", self.values.get("PATTERN"), self.values.get("FILES"))
        copied = []
        for path, _ in found:
            relative = path.resolve().relative_to(origin.resolve()).as_posix()
            inside = relative.removeprefix(
                self.source.path.rpartition("/")[0] if not self.source.path.endswith("/") else self.source.path
            )
            place = context.files.inside(
                root, "/".join(each for each in (self.target.path.strip("/"), inside.lstrip("/")) if each)
            )
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary = context.files.unfinished()
            try:
                shutil.copyfile(path, temporary)
                temporary.replace(place)
            finally:
                temporary.unlink(missing_ok=True)
            copied.append(place.relative_to(root.resolve()).as_posix())
        if self.values.get("DETAILED_OUTPUT", True):
            return RowsAnswer([Column("file")], [[each] for each in copied])
        return RowsAnswer([Column("number of files copied", "FIXED")], [[len(copied)]])


@reads("COPY FILES INTO")
def copy_files(cursor: Cursor) -> Statement:
    target = Location.read(cursor)
    cursor.expect("FROM")
    if cursor.words(1) == ("(",):
        raise unsupported("COPY FILES FROM (SELECT …)")
    source = Location.read(cursor)
    readers: dict[str, p.Reader] = {"FILES": Cursor.texts, "PATTERN": p.text, "DETAILED_OUTPUT": Cursor.boolean}
    return CopyFiles(target, source, p.read_properties(cursor, readers))


def _named(location: Location) -> bool:
    return location.stage != "~" and not location.stage.rpartition(".")[2].startswith("%")


def _spelled(name: str, context: Context) -> str:
    """The whole name of a table as it is written in SQL."""
    parts = full_name(name, context.session, "COPY").split(".", 2)
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
