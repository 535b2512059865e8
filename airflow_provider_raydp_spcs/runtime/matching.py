"""Which column of the data goes into which column of the table, told before anything is moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.spcs import sql
from airflow_provider_raydp_spcs.spcs.table_loads import Assignment, TableColumn

_NUMBERS: Final = {"NUMBER", "FLOAT", "DECFLOAT", "VARCHAR"}
_MOMENTS: Final = {"TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ", "VARCHAR"}
_VARIANT: Final = {"VARIANT", "OBJECT", "ARRAY"}
_FITS: Final = {
    "integer": _NUMBERS,
    "decimal": _NUMBERS,
    "float": _NUMBERS,
    "boolean": {"BOOLEAN", "VARCHAR"},
    "date": {"DATE", *_MOMENTS},
    "moment": _MOMENTS,
    "binary": {"BINARY"},
    "nested": _VARIANT,
    "null": None,
    # Snowflake reads texts as whatever the column is, and fails at one that it cannot read.
    "text": {"VARCHAR", "NUMBER", "FLOAT", "DECFLOAT", "BOOLEAN", "DATE", "TIME", *_MOMENTS, *_VARIANT},
}
_CAST: Final = {
    "NUMBER": "cast({} as decimal(38, 0))",
    "FLOAT": "cast({} as double)",
    "BOOLEAN": "cast({} as boolean)",
    "DATE": "cast({} as date)",
    "TIME": "date_format({}, 'HH:mm:ss')",
    "BINARY": "cast({} as binary)",
    "VARCHAR": "cast({} as string)",
    "TIMESTAMP_NTZ": "cast({} as timestamp_ntz)",
    "TIMESTAMP_LTZ": "cast({} as timestamp)",
    "TIMESTAMP_TZ": "cast({} as timestamp)",
    "VARIANT": "to_json(struct({}))",
}
_NEW: Final = {
    "integer": "NUMBER(38, 0)",
    "decimal": "NUMBER({})",
    "float": "FLOAT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "moment": "TIMESTAMP_NTZ",
    "binary": "BINARY",
    "nested": "VARIANT",
    "text": "VARCHAR",
    "null": "VARCHAR",
}


def kind_of(spark_type: str) -> str:
    """The family of a Spark type, by its short name as in ``decimal(10,2)``; the empty text where Snowflake has none."""
    base = spark_type.partition("(")[0].partition("<")[0]
    if base in ("tinyint", "smallint", "int", "bigint"):
        return "integer"
    names = {"double": "float", "string": "text", "varchar": "text", "char": "text", "void": "null"}
    names |= {"timestamp": "moment", "timestamp_ntz": "moment", "struct": "nested", "array": "nested", "map": "nested"}
    found = names.get(base, base)
    return found if found in _FITS else ""


def match(data: Mapping[str, str], columns: Sequence[TableColumn], table: str) -> list[Assignment]:
    """Find the table's column for each column of the data: the one of the same name, else that which differs in case only.

    :param data: names and Spark's short names of the types.
    :param table: what messages call it.
    :raises TableError: the data and the table do not fit; the message has the change that makes them.
    """
    exact = {column.name: column for column in columns}
    alike = Counter(column.name.upper() for column in columns)
    folded = {column.name.upper(): column for column in columns if alike[column.name.upper()] == 1}
    found = []
    for name, spark_type in data.items():
        column = exact.get(name) or folded.get(name.upper())
        if column is None:
            raise TableError(_unknown(name, spark_type, columns, table))
        _check_fit(name, spark_type, column, table)
        found.append(Assignment(name, column))
    twice = [name for name, times in Counter(each.column.name for each in found).items() if times > 1]
    if twice:
        msg = f"more than one column of the data would go into column {twice[0]} of {table}; drop or rename one"
        raise TableError(msg)
    taken = {each.column.name for each in found}
    for column in columns:
        if column.name not in taken and not column.nullable and not column.has_default:
            msg = f"column {column.name} of {table} is NOT NULL without a default, and the data has no such column; add it"
            raise TableError(msg)
    return found


def chosen(names: Sequence[str], assignments: Sequence[Assignment], what: str, table: str) -> list[str]:
    """The table's names of columns that the caller names, such as keys.

    :raises TableError: none are named, or the data has no such column.
    """
    by_name = {each.source: each.column.name for each in assignments}
    by_name |= {each.source.upper(): each.column.name for each in assignments if each.source.upper() not in by_name}
    missing = [name for name in names if name not in by_name and name.upper() not in by_name]
    if missing:
        msg = f"{what} for {table} names {missing[0]!r}, which the data does not have; it has {', '.join(each.source for each in assignments)}"
        raise TableError(msg)
    return [by_name.get(name) or by_name[name.upper()] for name in names]


def _unknown(name: str, spark_type: str, columns: Sequence[TableColumn], table: str) -> str:
    new = _NEW.get(kind_of(spark_type), "VARCHAR").format(spark_type.partition("(")[2].rstrip(")"))
    return (
        f"the data has a column {name} and {table} has none; it has {', '.join(column.name for column in columns)}. "
        f"Rename or drop the column, or run: ALTER TABLE {table} ADD COLUMN {sql.quoted(name)} {new}"
    )


def _check_fit(name: str, spark_type: str, column: TableColumn, table: str) -> None:
    kind = kind_of(spark_type)
    if not kind:
        msg = f"column {name} has the type {spark_type}, which Snowflake has none for; cast it: cast({name} as string)"
        raise TableError(msg)
    allowed = _FITS[kind]
    if allowed is not None and column.base not in allowed:
        cast = _CAST.get(column.base, "cast({} as string)").format(name)
        msg = f"column {name} has the type {spark_type}, and column {column.name} of {table} is {column.type}; cast it: {cast}"
        raise TableError(msg)
    if kind == "decimal" and column.base == "NUMBER" and _scale(spark_type) > _scale(column.type):
        whole = _numbers(column.type)
        msg = (
            f"column {name} is {spark_type}, and column {column.name} of {table} is {column.type}, which would cut digits; "
            f"round it: cast({name} as decimal({', '.join(map(str, whole))}))"
        )
        raise TableError(msg)


def _numbers(type_name: str) -> list[int]:
    inside = type_name.partition("(")[2].rstrip(")")
    return [int(part) for part in inside.split(",")] if inside else [38, 0]


def _scale(type_name: str) -> int:
    numbers = _numbers(type_name)
    return numbers[1] if len(numbers) > 1 else 0
