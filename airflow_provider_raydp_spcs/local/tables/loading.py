"""COPY INTO a table: staged files, read by DuckDB, with Snowflake's load history and its ways to deal with errors.

Each file is read on a connection beside the session's, so that a bad one spoils no transaction; then all that is to be
loaded goes into the table at once.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.tables.faults import fault_of
from airflow_provider_raydp_spcs.local.tables.file_formats import FileFormat, name
from airflow_provider_raydp_spcs.local.tables.lengths import lengths_of
from airflow_provider_raydp_spcs.local.tables.reading import FileError, Reading, check_shape, fit, read_file
from airflow_provider_raydp_spcs.local.tables.sources import StagedFiles
from airflow_provider_raydp_spcs.local.wire.answers import Column, RowsAnswer, SessionFacts

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_raydp_spcs.local.tables.session import Source, TableSession

COPY: Final = 0x3600
_LOAD: Final = "_LOAD"
_RESULT: Final = [
    Column("file"),
    Column("status"),
    Column("rows_parsed", "FIXED"),
    Column("rows_loaded", "FIXED"),
    Column("error_limit", "FIXED"),
    Column("errors_seen", "FIXED"),
    Column("first_error"),
    Column("first_error_line", "FIXED"),
    Column("first_error_character", "FIXED"),
    Column("first_error_column_name"),
]
_ADVICE: Final = (
    "If you would like to continue loading when an error is encountered, use other values such as 'SKIP_FILE' or "
    "'CONTINUE' for the ON_ERROR option. For more information on loading options, please run 'info loading_data' in a "
    "SQL client."
)


@dataclass(frozen=True)
class StagedFile:
    """A file: where it is on disk, and its path in its stage as results tell it."""

    path: Path
    staged: str


@dataclass(frozen=True)
class Transformation:
    """``FROM (SELECT … FROM @stage)``: the query, and the source in it that stands for the files."""

    sql: str
    files: StagedFiles
    others: Sequence[Source] = ()


@dataclass(frozen=True)
class Load:
    """COPY INTO a table.

    :param table: database, schema and name.
    :param columns: which columns; None for all.
    :param named: whether the files were asked for by name, so that a file that is skipped is told.
    :param match: NONE, CASE_SENSITIVE or CASE_INSENSITIVE.
    :param truncates: cut texts that are longer than their columns; else they are errors.
    :param only_failed: tell only of the files that were not loaded whole.
    """

    table: tuple[str, str, str]
    columns: Sequence[str] | None
    files: Sequence[StagedFile]
    format: FileFormat
    transformation: Transformation | None = None
    named: bool = False
    match: str = "NONE"
    on_error: str = "ABORT_STATEMENT"
    force: bool = False
    purge: bool = False
    size_limit: int | None = None
    truncates: bool = False
    only_failed: bool = False

    def run(self, tables: TableSession, facts: SessionFacts) -> RowsAnswer:
        """Load what has not been loaded."""
        del facts
        target = _Target.find(tables, self.table)
        chosen = target.chosen(self.columns)
        if self.transformation is None and self.match == "NONE":
            check_shape(self.format, chosen)
        outcomes: list[_Outcome] = []
        read = 0
        for file in self.files:
            if self.size_limit is not None and read >= self.size_limit:
                break
            read += file.path.stat().st_size
            if not self.force and target.has_loaded(tables, file):
                outcomes.append(_Outcome(file, "LOAD_SKIPPED", first=FileError("File was loaded before."), seen=1))
            else:
                outcomes.append(self._read(tables, target, chosen, file))
        with tables.transaction():
            for each in outcomes:
                if each.rows is not None and each.status != "LOAD_FAILED":
                    target.insert(tables, list(chosen), each.rows)
            target.remember(tables, [each for each in outcomes if each.rows is not None], self.limit(1))
        if self.purge:
            for each in outcomes:
                if each.status == "LOADED":
                    each.file.path.unlink(missing_ok=True)
        told = [each for each in outcomes if self.named or each.status != "LOAD_SKIPPED"]
        told = [each for each in told if not self.only_failed or each.status != "LOADED"]
        if not told:
            return RowsAnswer([Column("status")], [["Copy executed with 0 files processed."]], COPY)
        return RowsAnswer(_RESULT, [each.row(self.limit(each.parsed), target.short) for each in told], COPY)

    def limit(self, rows: int) -> int | None:
        """So many errors stop the loading of a file."""
        if self.on_error == "CONTINUE":
            return rows
        found = re.fullmatch(r"SKIP_FILE_(\d+)(%?)", self.on_error)
        if not found:
            return 1
        return math.ceil(rows * int(found[1]) / 100) if found[2] else int(found[1])

    def _read(self, tables: TableSession, target: _Target, chosen: dict[str, str], file: StagedFile) -> _Outcome:
        aborts = self.on_error == "ABORT_STATEMENT"
        try:
            if self.transformation is not None:
                rows = self._transformed(tables, chosen, file, self.transformation)
                found = Reading(rows, rows.num_rows)
            else:
                found = read_file(tables, file.path, self.format, chosen, self.match)
            header = int(self.format.flag("PARSE_HEADER")) or int(self.format.options.get("SKIP_HEADER", 0))
            found = fit(found, target.lengths, truncates=self.truncates, first=header + 1)
        except SnowflakeFault as fault:
            if aborts or fault.number in (2, 604):
                raise
            found = Reading(None, 1, [FileError(fault.message.split("\n")[0])])
        errors = found.errors
        if not errors:
            return _Outcome(file, "LOADED", found.rows, found.parsed, found.parsed)
        if aborts:
            raise _aborted(errors[0], file, target.short)
        loaded = found.rows.num_rows if found.rows is not None else 0
        limit = self.limit(found.parsed) or 1
        if (self.on_error != "CONTINUE" and len(errors) >= limit) or not loaded:
            empty = found.rows.slice(0, 0) if found.rows is not None else None
            return _Outcome(file, "LOAD_FAILED", empty, found.parsed, 0, errors[0], len(errors))
        return _Outcome(file, "PARTIALLY_LOADED", found.rows, found.parsed, loaded, errors[0], len(errors))

    def _transformed(
        self, tables: TableSession, chosen: dict[str, str], file: StagedFile, transformation: Transformation
    ) -> pa.Table:
        """The rows that the query makes of one file, as the table has them."""
        source = replace(transformation.files, files=[str(file.path)], staged=[file.staged])
        rows = tables.execute(transformation.sql, None, [source, *transformation.others]).table
        if rows.num_columns != len(chosen):
            text = f"SQL compilation error:\nInsert value list does not match column list expecting {len(chosen)} but got {rows.num_columns}"
            raise SnowflakeFault(2020, "21S01", text)
        rows = rows.rename_columns([f"c{number}" for number in range(rows.num_columns)])
        casts = [f"CAST(c{number} AS {kind}) AS {name(key)}" for number, (key, kind) in enumerate(chosen.items())]
        with tables.duck.cursor() as beside:
            beside.register(_LOAD, rows)
            try:
                return beside.sql(f"SELECT {', '.join(casts)} FROM {_LOAD}").to_arrow_table()
            except Exception as error:
                raise fault_of(error) from error


@dataclass(frozen=True)
class _Outcome:
    """What became of one file."""

    file: StagedFile
    status: str
    rows: pa.Table | None = None
    parsed: int = 0
    loaded: int = 0
    first: FileError | None = None
    seen: int = 0

    def row(self, limit: int | None, table: str) -> list[object]:
        first = self.first or FileError(None)
        skipped = self.status == "LOAD_SKIPPED"
        return [
            self.file.staged,
            self.status,
            self.parsed,
            self.loaded,
            None if skipped else limit,
            self.seen,
            first.message,
            first.line,
            first.character,
            f'"{table}"["{first.column}":{first.number}]' if first.column else None,
        ]


@dataclass(frozen=True)
class _Target:
    """The table that is loaded."""

    database: str
    schema: str
    short: str
    temporary: bool
    columns: dict[str, str] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)

    @classmethod
    def find(cls, tables: TableSession, table: tuple[str, str, str]) -> _Target:
        database, schema, short = table
        sql = (
            "SELECT column_name, data_type, database_name = 'temp' FROM duckdb_columns() WHERE table_name = ? AND "
            "(database_name = 'temp' OR (database_name = ? AND schema_name = ?)) ORDER BY database_name = 'temp' DESC, column_index"
        )
        rows = tables.duck.execute(sql, [short, database, schema]).fetchall()
        if not rows:
            raise SnowflakeFault(
                2003, "42S02", f"SQL compilation error:\nTable '{'.'.join(table)}' does not exist or not authorized."
            )
        temporary = bool(rows[0][2])
        columns = {row[0]: row[1] for row in rows if bool(row[2]) == temporary}
        outer = ("temp", "main") if temporary else (database, schema)
        return cls(database, schema, short, temporary, columns, lengths_of(tables.duck, (*outer, short)))

    def chosen(self, names: Sequence[str] | None) -> dict[str, str]:
        if names is None:
            return self.columns
        for each in names:
            if each not in self.columns:
                raise SnowflakeFault(
                    904, "42000", f"SQL compilation error: error line 1 at position 0\ninvalid identifier '{each}'"
                )
        return {each: self.columns[each] for each in names}

    @property
    def _place(self) -> str:
        return (
            f"temp.main.{name(self.short)}"
            if self.temporary
            else ".".join(map(name, (self.database, self.schema, self.short)))
        )

    @property
    def _loads(self) -> str:
        return f"{name(self.database)}._fs_information_schema._fs_load_history"

    def has_loaded(self, tables: TableSession, file: StagedFile) -> bool:
        """Whether the file was loaded as it is now; one that was written since counts as another."""
        sql = f"SELECT max(LAST_LOAD_TIME::TIMESTAMPTZ) FROM {self._loads} WHERE FILE_NAME = ? AND TABLE_NAME = ? AND SCHEMA_NAME = ? AND STATUS = 'LOADED'"
        # All of it: what is left of a result keeps the connection from other work.
        ((last,),) = tables.duck.execute(sql, [str(file.path), self.short, self.schema]).fetchall()
        return last is not None and last.timestamp() >= file.path.stat().st_mtime

    def insert(self, tables: TableSession, columns: list[str], rows: pa.Table) -> None:
        tables.duck.register(_LOAD, rows)
        try:
            listed = ", ".join(map(name, columns))
            tables.duck.execute(f"INSERT INTO {self._place} ({listed}) SELECT * FROM temp.main.{_LOAD}")
        finally:
            with contextlib.suppress(Exception):
                tables.duck.unregister(_LOAD)

    def remember(self, tables: TableSession, outcomes: Sequence[_Outcome], limit: int | None) -> None:
        if not outcomes or self.temporary:
            return
        when = dt.datetime.now(dt.UTC).isoformat()
        rows: list[list[Any]] = []
        for each in outcomes:
            first = each.first or FileError(None)
            rows.append(
                [
                    *(self.schema, str(each.file.path), self.short, when, each.status, each.loaded, each.parsed),
                    *(first.message, first.line, first.character, first.column, each.seen, limit),
                ]
            )
        tables.duck.executemany(f"INSERT INTO {self._loads} VALUES ({', '.join('?' * 13)})", rows)


def _aborted(error: FileError, file: StagedFile, table: str) -> SnowflakeFault:
    where = f"\n  File '{file.staged}', line {error.line or 1}, character {error.character or 1}"
    if error.column:
        where += f'\n  Row {error.line or 1}, column "{table}"["{error.column}":{error.number}]'
    return SnowflakeFault(error.code, error.sqlstate, f"{error.message}{where}\n  {_ADVICE}")
