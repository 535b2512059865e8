"""Statements that load staged Parquet files into a table.

Values go through ``$1:"COLUMN"`` with a cast to the column's type, and not by MATCH_BY_COLUMN_NAME: so texts can become
VARIANTs, and names that differ in case only stay apart. Texts are cast without a length, for a cast to ``VARCHAR(3)`` cuts
silently and the insertion of a longer text fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from airflow_provider_raydp_spcs.spcs import rows, sql
from airflow_provider_raydp_spcs.spcs.session import Session

MAX_FILES: Final = 1000
"""So many files may be named in one COPY."""
FORMAT: Final = "(TYPE = PARQUET USE_LOGICAL_TYPE = TRUE BINARY_AS_TEXT = FALSE)"
_SEMI_STRUCTURED: Final = ("VARIANT", "OBJECT", "ARRAY")
_WITHOUT_LENGTH: Final = {"VARCHAR": "VARCHAR", "BINARY": "BINARY"}


@dataclass(frozen=True)
class TableColumn:
    """A column as DESCRIBE TABLE tells it.

    :param type: as ``NUMBER(10,2)``.
    :param has_default: whether rows may leave it out although it is not nullable.
    """

    name: str
    type: str
    nullable: bool = True
    has_default: bool = False

    @property
    def base(self) -> str:
        """The type without its numbers."""
        return self.type.partition("(")[0].strip().upper()


@dataclass(frozen=True)
class Assignment:
    """A column of the files, and the one of the table that it goes into."""

    source: str
    column: TableColumn

    @property
    def value(self) -> str:
        """The expression over a staged file."""
        field = f"$1:{sql.quoted(self.source)}"
        if self.column.base in _SEMI_STRUCTURED:
            parsed = f"PARSE_JSON({field}::VARCHAR)"
            return parsed if self.column.base == "VARIANT" else f"{parsed}::{self.column.type}"
        return f"{field}::{_WITHOUT_LENGTH.get(self.column.base, self.column.type)}"


def columns_of(session: Session, table: str) -> list[TableColumn]:
    """The columns of a table, which needs no warehouse.

    :param table: rendered by :func:`sql.table`.
    """
    found = session.execute(f"DESCRIBE TABLE {table}")
    return [
        TableColumn(
            rows.text(row, "name"),
            rows.text(row, "type"),
            nullable=rows.text(row, "null?") == "Y",
            has_default=row.get("default") is not None or row.get("autoincrement") is not None,
        )
        for row in found
        if rows.text(row, "kind") == "COLUMN"
    ]


def copies(table: str, assignments: Sequence[Assignment], stage: str, files: Sequence[str] | None) -> Iterator[str]:
    """COPY statements of files, so many that none names more files than it may.

    Each file is loaded by one transaction only; FORCE lets one that was rolled back be tried again, whatever Snowflake
    remembers of it.

    :param table: rendered.
    :param stage: ``@[database.][schema.]stage[/folder]``.
    :param files: their paths in it; None for every file that is there.
    """
    into = ", ".join(sql.quoted(each.column.name) for each in assignments)
    values = ", ".join(each.value for each in assignments)
    place = sql.stage_path(stage)
    for start in range(0, 1 if files is None else len(files), MAX_FILES):
        named = "" if files is None else f" FILES = ({', '.join(map(sql.literal, files[start : start + MAX_FILES]))})"
        yield f"COPY INTO {table} ({into}) FROM (SELECT {values} FROM {place}){named} FILE_FORMAT = {FORMAT} FORCE = TRUE"  # noqa: S608


def create_like(name: str, table: str, assignments: Sequence[Assignment]) -> str:
    """A temporary table with the columns that are loaded; making one needs no privilege."""
    chosen = ", ".join(sql.quoted(each.column.name) for each in assignments)
    return f"CREATE TEMPORARY TABLE {sql.identifier(name)} AS SELECT {chosen} FROM {table} WHERE FALSE"  # noqa: S608


def doubles(loaded: str, keys: Sequence[str]) -> str:
    """How many keys are there more than once."""
    listed = ", ".join(map(sql.quoted, keys))
    return f"SELECT COUNT(*) AS DOUBLES FROM (SELECT {listed} FROM {sql.identifier(loaded)} GROUP BY {listed} HAVING COUNT(*) > 1)"  # noqa: S608


def delete_partitions(table: str, loaded: str, partition_by: Sequence[str]) -> str:
    """Delete the rows of a table whose partition is among the loaded ones; NULL is a partition too."""
    keys = ", ".join(f"{sql.quoted(each)} AS RAYDP_PART_{number}" for number, each in enumerate(partition_by))
    same = " AND ".join(
        f"{sql.quoted(each)} IS NOT DISTINCT FROM RAYDP_PART_{number}" for number, each in enumerate(partition_by)
    )
    return f"DELETE FROM {table} USING (SELECT DISTINCT {keys} FROM {sql.identifier(loaded)}) AS PARTS WHERE {same}"  # noqa: S608


def insert_all(table: str, loaded: str, assignments: Sequence[Assignment]) -> str:
    """Every loaded row into the table."""
    listed = ", ".join(sql.quoted(each.column.name) for each in assignments)
    return f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {sql.identifier(loaded)}"  # noqa: S608


def merge(table: str, loaded: str, assignments: Sequence[Assignment], keys: Sequence[str]) -> str:
    """Loaded rows replace those with the same keys, and others are added; a NULL is the same as another NULL.

    The loaded columns get names of their own, so that the table's need no alias.
    """
    new = {each.column.name: f"RAYDP_NEW_{number}" for number, each in enumerate(assignments)}
    source = ", ".join(f"{sql.quoted(name)} AS {renamed}" for name, renamed in new.items())
    same = " AND ".join(f"{sql.quoted(each)} IS NOT DISTINCT FROM S.{new[each]}" for each in keys)
    changed = ", ".join(f"{sql.quoted(name)} = S.{renamed}" for name, renamed in new.items() if name not in keys)
    update = f" WHEN MATCHED THEN UPDATE SET {changed}" if changed else ""
    listed, values = ", ".join(map(sql.quoted, new)), ", ".join(f"S.{renamed}" for renamed in new.values())
    return (
        f"MERGE INTO {table} USING (SELECT {source} FROM {sql.identifier(loaded)}) AS S ON {same}{update} "  # noqa: S608
        f"WHEN NOT MATCHED THEN INSERT ({listed}) VALUES ({values})"
    )


def delete(table: str, where: str | None = None, *, is_marked: bool = False) -> str:
    """Delete rows, all by default; TRUNCATE would end the transaction.

    :param table: rendered.
    :param where: a condition, which is the caller's SQL.
    :param is_marked: whether values are bound to its ``%s`` marks; what names hold is no mark.
    """
    return f"DELETE FROM {_unmarked(table, is_marked)}" + (f" WHERE {where}" if where else "")  # noqa: S608


def select(table: str, columns: Sequence[str] | None, where: str | None, *, is_marked: bool = False) -> str:
    """The query of a table, or of part of it.

    :param columns: as a user writes them; all by default.
    :param where: a condition, which is the caller's SQL.
    :param is_marked: see :func:`delete`.
    """
    chosen = ", ".join(map(sql.column, columns)) if columns else "*"
    condition = f" WHERE {where}" if where else ""
    names = _unmarked(f"SELECT {chosen} FROM {sql.table(table)}", is_marked)  # noqa: S608
    return f"{names}{condition}"


def _unmarked(names: str, is_marked: bool) -> str:
    return names.replace("%", "%%") if is_marked else names
