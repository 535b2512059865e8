"""One staged file as the rows of a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.tables.faults import fault_of, unreadable
from airflow_provider_raydp_spcs.local.tables.file_formats import FileFormat, name, quoted

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from airflow_provider_raydp_spcs.local.tables.session import TableSession

_UNREADABLE: Final = re.compile(r"Could not convert string ['\"](.*?)['\"] to", re.DOTALL)


@dataclass(frozen=True)
class FileError:
    """A line that cannot be loaded."""

    message: str | None
    line: int | None = None
    character: int | None = None
    column: str | None = None
    number: int | None = None
    code: int = 100038
    sqlstate: str = "22018"


@dataclass(frozen=True)
class Reading:
    """Rows of a file, and its lines that are none.

    :param parsed: how many lines there are in all.
    """

    rows: pa.Table | None
    parsed: int
    errors: Sequence[FileError] = field(default_factory=tuple)


def read_file(tables: TableSession, path: Path, form: FileFormat, columns: Mapping[str, str], match: str) -> Reading:
    """Read a file.

    :param columns: names and DuckDB types of the columns that are wanted.
    :param match: NONE, CASE_SENSITIVE or CASE_INSENSITIVE: how the file's own names find them.
    :raises SnowflakeFault: it cannot be read at all.
    """
    with tables.duck.cursor() as beside:
        try:
            if form.kind == "CSV" and match == "NONE":
                return _csv(beside, path, form, columns)
            rows = beside.sql(_query(beside, path, form, columns, match)).to_arrow_table()
        except SnowflakeFault:
            raise
        except Exception as error:
            raise fault_of(error) from error
    return Reading(rows, rows.num_rows)


def _csv(duck: DuckDBPyConnection, path: Path, form: FileFormat, columns: Mapping[str, str]) -> Reading:
    """By position; DuckDB tells which lines it rejects, and why."""
    kinds = {key: "VARCHAR" if kind == "JSON" else kind for key, kind in columns.items()}
    trims = form.flag("TRIM_SPACE")
    own = {key: f"trim({name(key)})" if trims and kinds[key] == "VARCHAR" else name(key) for key in columns}
    listed = ", ".join(f"CAST({own[key]} AS {kind}) AS {name(key)}" for key, kind in columns.items())
    relation = form.csv([str(path)], kinds, rejects=True)
    rows = duck.sql(f"SELECT {listed} FROM {relation}").to_arrow_table()
    found = duck.execute(
        "SELECT line, greatest(byte_position - line_byte_position + 1, 1), column_name, column_idx, error_type, error_message "
        "FROM reject_errors ORDER BY line, column_idx"
    ).fetchall()
    errors = [_error(columns, *row) for row in found]
    return Reading(rows, rows.num_rows + len({error.line for error in errors}), errors)


def fit(reading: Reading, lengths: Mapping[str, int], *, truncates: bool, first: int = 1) -> Reading:
    """The rows whose texts are no longer than their columns; the others are errors.

    :param lengths: of the columns that have one.
    :param truncates: cut what is too long instead.
    :param first: number of the first line.
    """
    import pyarrow.compute as pc

    rows = reading.rows
    if rows is None:
        return reading
    faults: dict[int, FileError] = {}
    rejected = {error.line for error in reading.errors}
    for number, column in enumerate(rows.column_names, 1):
        if column not in lengths:
            continue
        values = rows.column(column)
        if truncates:
            rows = rows.set_column(number - 1, column, pc.utf8_slice_codeunits(values, 0, lengths[column]))
            continue
        too_long = pc.greater(pc.utf8_length(values), lengths[column])
        for index in pc.indices_nonzero(too_long).to_pylist():
            text = f"String '{values[index].as_py()}' is too long and would be truncated"
            faults.setdefault(index, FileError(text, None, None, column, number, 100078, "22000"))
    if not faults:
        return Reading(rows, reading.parsed, reading.errors)
    lines = [line for line in range(first, first + rows.num_rows + len(rejected)) if line not in rejected]
    errors = [*reading.errors, *(replace(faults[index], line=lines[index]) for index in faults)]
    kept = rows.take([index for index in range(rows.num_rows) if index not in faults])
    return Reading(kept, reading.parsed, sorted(errors, key=lambda error: error.line or 0))


def _error(
    columns: Mapping[str, str],
    line: int,
    character: int | None,
    column: str | None,
    number: int,
    kind: str,
    message: str,
) -> FileError:
    if kind == "CAST":
        value = _UNREADABLE.search(message)
        fault = unreadable(value[1] if value else "?", columns.get(column or "", ""))
        return FileError(fault.message, line, character, column, number, fault.number, fault.sqlstate)
    if kind in ("MISSING COLUMNS", "TOO MANY COLUMNS"):
        counts = re.findall(r"\d+", message)
        text = (
            f"Number of columns in file ({counts[1] if len(counts) > 1 else '?'}) does not match that of the corresponding "
            f"table ({len(columns)}), use file format option error_on_column_count_mismatch=false to ignore this error"
        )
        return FileError(text, line, character, None, None, 100080, "22000")
    return FileError(message.split("\n")[0], line, character, column, number, 100069, "22000")


def _query(duck: DuckDBPyConnection, path: Path, form: FileFormat, columns: Mapping[str, str], match: str) -> str:
    """The query of a file whose columns have names, or whose rows are values of a single VARIANT column."""
    files = [str(path)]
    if form.kind == "JSON":
        relation, there = form.json(files), []
        if match != "NONE":
            keys = f"SELECT DISTINCT unnest(json_keys(json)) FROM {relation}"
            there = [row[0] for row in duck.execute(keys).fetchall()]
    else:
        relation = form.parquet(files) if form.kind == "PARQUET" else form.csv(files, None)
        described = duck.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        there = [row[0] for row in described if row[0] not in ("filename", "file_row_number")]
    if match == "NONE":
        return _whole(form, relation, there, columns)
    found = _matched(there, columns, match)
    if not found:
        return f"SELECT {', '.join(f'CAST(NULL AS {kind}) AS {name(key)}' for key, kind in columns.items())} FROM {relation}"
    items = []
    for key, kind in columns.items():
        value = "NULL"
        if key in found and form.kind == "JSON":
            path_ = quoted('$."' + found[key].replace('"', '\\"') + '"')
            value = f"{'json_extract' if kind == 'JSON' else 'json_extract_string'}(json, {path_})"
        elif key in found:
            value = f"to_json({name(found[key])})" if kind == "JSON" else name(found[key])
        items.append(f"CAST({value} AS {kind}) AS {name(key)}")
    return f"SELECT {', '.join(items)} FROM {relation}"


def _whole(form: FileFormat, relation: str, there: Sequence[str], columns: Mapping[str, str]) -> str:
    value = "json"
    if form.kind == "PARQUET":
        value = "json_object(" + ", ".join(f"{quoted(each)}, {name(each)}" for each in there) + ")"
    return f"SELECT {value} AS {name(next(iter(columns)))} FROM {relation}"


def check_shape(form: FileFormat, columns: Mapping[str, str]) -> None:
    """Values that are not matched by name need a table of one VARIANT column.

    :raises SnowflakeFault: 002019, it is another.
    """
    if form.kind != "CSV" and list(columns.values()) != ["JSON"]:
        text = (
            f"SQL compilation error:\n{form.kind} file format can produce one and only one column of type variant, object, or "
            "array. Load data into separate columns using the MATCH_BY_COLUMN_NAME copy option or copy with transformation."
        )
        raise SnowflakeFault(2019, "0A000", text)


def _matched(there: Sequence[str], columns: Mapping[str, str], match: str) -> dict[str, str]:
    """Which of the file's names is each column's."""
    if match == "CASE_SENSITIVE":
        return {key: key for key in columns if key in there}
    lower = {each.upper(): each for each in there}
    return {key: lower[key.upper()] for key in columns if key.upper() in lower}
