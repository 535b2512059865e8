"""INFER_SCHEMA: the columns of staged files, as DuckDB finds them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.local.errors import unsupported
from airflow_provider_raydp_spcs.local.tables.file_formats import FileFormat
from airflow_provider_raydp_spcs.local.tables.sources import Rows
from airflow_provider_raydp_spcs.local.wire.answers import Column, RowsAnswer

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.tables.session import TableSession

_COLUMNS: Final = [
    Column("COLUMN_NAME"),
    Column("TYPE"),
    Column("NULLABLE", "BOOLEAN"),
    Column("EXPRESSION"),
    Column("FILENAMES"),
    Column("ORDER_ID", "FIXED"),
]
_TYPES: Final = {
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
    "FLOAT": "REAL",
    "DOUBLE": "REAL",
    "BLOB": "BINARY",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ",
    "HUGEINT": "NUMBER(38, 0)",
}


@dataclass(frozen=True)
class InferredSchema:
    """``TABLE(INFER_SCHEMA(…))``.

    :param files: paths on disk.
    :param staged: the same as results tell them.
    """

    name: str
    files: Sequence[str]
    staged: Sequence[str]
    format: FileFormat
    ignore_case: bool = False

    def open(self, tables: TableSession) -> None:
        """Let it be read."""
        columns: dict[str, tuple[str, list[str], int]] = {}
        for path, staged in zip(self.files, self.staged, strict=True):
            for order, (column, kind) in enumerate(self._described(tables, path)):
                key = column.upper() if self.ignore_case else column
                known = columns.setdefault(key, (kind, [], order))
                known[1].append(staged)
        rows: list[list[Any]] = []
        for order, (key, (kind, files, _)) in enumerate(columns.items()):
            label = key if re.fullmatch(r"[A-Z_][A-Z0-9_$]*", key) else '"' + key.replace('"', '""') + '"'
            source = f"$1:{label}" if self.format.kind != "CSV" else f"${order + 1}"
            rows.append([key, kind, True, f"{source}::{kind}", ", ".join(files), order])
        Rows(self.name, RowsAnswer(_COLUMNS, rows)).open(tables)

    def _described(self, tables: TableSession, path: str) -> list[tuple[str, str]]:
        with tables.duck.cursor() as beside:
            if self.format.kind == "JSON":
                shape = "array" if self.format.flag("STRIP_OUTER_ARRAY") else "auto"
                relation = f"read_json(['{path.replace(chr(39), chr(39) * 2)}'], format = '{shape}', sample_size = -1)"
            elif self.format.kind == "PARQUET":
                relation = self.format.parquet([path])
            elif self.format.kind == "CSV":
                relation = self.format.csv([path], None).replace("all_varchar = true", "all_varchar = false")
            else:
                raise unsupported(f"INFER_SCHEMA of {self.format.kind} files")
            rows = beside.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        found = [(row[0], snowflake_type(row[1])) for row in rows if row[0] not in ("filename", "file_row_number")]
        if self.format.kind == "CSV" and not self.format.flag("PARSE_HEADER"):
            return [(f"c{number}", kind) for number, (_, kind) in enumerate(found, 1)]
        return found


def snowflake_type(duckdb_type: str) -> str:
    """A type of DuckDB's as INFER_SCHEMA names it."""
    if found := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", duckdb_type):
        return f"NUMBER({found[1]}, {found[2]})"
    if re.fullmatch(r"U?(TINY|SMALL|BIG)?INT(EGER)?", duckdb_type):
        return "NUMBER(38, 0)"
    if duckdb_type.endswith("[]"):
        return "ARRAY"
    if duckdb_type.startswith(("STRUCT", "MAP")):
        return "OBJECT"
    if duckdb_type == "JSON":
        return "VARIANT"
    if duckdb_type.startswith("TIMESTAMP") and duckdb_type not in _TYPES:
        return "TIMESTAMP_NTZ"
    return _TYPES.get(duckdb_type, "TEXT")
