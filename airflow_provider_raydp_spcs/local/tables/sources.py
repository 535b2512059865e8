"""What a query reads besides tables: staged files, rows that the server has, and earlier results."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.tables.file_formats import FileFormat, name, quoted
from airflow_provider_raydp_spcs.local.tables.results import TableResult, plain
from airflow_provider_raydp_spcs.local.wire.answers import RowsAnswer

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_raydp_spcs.local.tables.session import TableSession


@dataclass(frozen=True)
class Rows:
    """Rows of a statement that the server answered."""

    name: str
    rows: RowsAnswer | TableResult

    def open(self, tables: TableSession) -> None:
        """Let them be read."""
        tables.duck.register(self.name, arrow(self.rows))


@dataclass(frozen=True)
class StagedFiles:
    """Files of a stage, as ``$1``, ``$2`` … and the columns of their metadata.

    :param files: paths on disk.
    :param staged: the same as ``METADATA$FILENAME`` tells them.
    :param width: the highest number of a column that the query asks for.
    :param fields: keys that the query takes out of ``$1``, which columns of Parquet files give as they are.
    """

    name: str
    files: Sequence[str]
    staged: Sequence[str]
    format: FileFormat
    width: int = 1
    fields: Sequence[str] = field(default_factory=tuple)

    def open(self, tables: TableSession) -> None:
        """Let them be read."""
        tables.duck.execute(f"CREATE OR REPLACE TEMP VIEW {name(self.name)} AS {self.select(tables)}")

    def select(self, tables: TableSession) -> str:
        """DuckDB's query of them.

        :raises SnowflakeFault: they cannot be read as what they should be.
        """
        if not self.files:
            columns = [f"${number}" for number in range(1, self.width + 1)] + [f"$1:{key}" for key in self.fields]
            metadata = ["METADATA$FILENAME", "METADATA$FILE_ROW_NUMBER", "METADATA$FILE_LAST_MODIFIED"]
            return f"SELECT {', '.join(f'NULL::VARCHAR AS {name(each)}' for each in columns + metadata)} WHERE false"
        if self.format.kind == "PARQUET":
            return self._parquet(tables)
        if self.format.kind == "JSON":
            more = [f"json_extract(json, {quoted(_path(key))}) AS {name(f'$1:{key}')}" for key in self.fields]
            row = "row_number() OVER (PARTITION BY filename)"
            columns = ['json AS "$1"', *more, *self._metadata(row)]
            return f"SELECT {', '.join(columns)} FROM {self.format.json(self.files)}"
        return self._csv(tables)

    def _parquet(self, tables: TableSession) -> str:
        relation = self.format.parquet(self.files)
        there = [
            row[0]
            for row in tables.duck.execute(
                f"DESCRIBE SELECT * EXCLUDE (filename, file_row_number) FROM {relation}"
            ).fetchall()
        ]
        packed = ", ".join(f"{quoted(each)}, {name(each)}" for each in there)
        columns = [f'json_object({packed}) AS "$1"']
        columns += [f"{name(key) if key in there else 'NULL'} AS {name(f'$1:{key}')}" for key in self.fields]
        return f"SELECT {', '.join(columns + self._metadata('file_row_number + 1'))} FROM {relation}"

    def _csv(self, tables: TableSession) -> str:
        relation = self.format.csv(self.files, None).removesuffix(")") + ", filename = true)"
        there = [
            row[0] for row in tables.duck.execute(f"DESCRIBE SELECT * EXCLUDE (filename) FROM {relation}").fetchall()
        ]
        columns = [f"{name(each)} AS {name(f'${number}')}" for number, each in enumerate(there, 1)]
        columns += [f"NULL::VARCHAR AS {name(f'${number}')}" for number in range(len(there) + 1, self.width + 1)]
        row = "row_number() OVER (PARTITION BY filename)"
        return f"SELECT {', '.join(columns + self._metadata(row))} FROM {relation}"

    def _metadata(self, row: str) -> list[str]:
        known = ", ".join(f"{quoted(path)}: {quoted(told)}" for path, told in zip(self.files, self.staged, strict=True))
        return [
            f'(MAP {{{known}}})[filename] AS "METADATA$FILENAME"',
            f'{row} AS "METADATA$FILE_ROW_NUMBER"',
            'now()::TIMESTAMP AS "METADATA$START_SCAN_TIME"',
        ]


def _path(key: str) -> str:
    return '$."' + key.replace('"', '\\"') + '"'


def arrow(rows: RowsAnswer | TableResult) -> pa.Table:
    """Rows as an Arrow table."""
    import pyarrow as pa

    if isinstance(rows, TableResult):
        return plain(rows.table)
    kinds: dict[str, Any] = {"FIXED": pa.int64(), "BOOLEAN": pa.bool_(), "TIMESTAMP_LTZ": pa.timestamp("us", "UTC")}
    columns = []
    for index, column in enumerate(rows.columns):
        kind = kinds.get(column.type, pa.string())
        values = [_value(row[index], column.type) for row in rows.rows]
        columns.append(pa.array(values, kind))
    return pa.Table.from_arrays(columns, names=[column.name for column in rows.columns])


def _value(value: object, kind: str) -> object:
    if value is None or (value == "" and kind != "TEXT"):
        return None
    if kind == "FIXED":
        return int(str(value))
    if kind == "BOOLEAN":
        return str(value).lower() == "true"
    if kind.startswith("TIMESTAMP"):
        return value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    return str(value)


def not_found(key: str) -> SnowflakeFault:
    """A result that is not, or no longer, there."""
    return SnowflakeFault(709, "02000", f"Statement {key} not found")
