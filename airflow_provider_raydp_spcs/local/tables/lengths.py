"""``VARCHAR(n)`` has a length: DuckDB's texts have none, so each such column of a table gets a check of it.

Tables that are made from other ones (``AS SELECT``, ``LIKE``, ``CLONE``) and columns that are added later get none, for
DuckDB can give them no checks.
"""

from __future__ import annotations

import re
from typing import Any, Final

import sqlglot
from sqlglot import exp

from airflow_provider_raydp_spcs.local.tables.file_formats import name

UNLIMITED: Final = 16_777_216
"""Characters of a VARCHAR without a length."""
TOO_LONG: Final = re.compile(r"\(Error: (String '.*' is too long and would be truncated)\)\s*\Z", re.DOTALL)
"""How DuckDB tells that the check of a length has failed."""
_LENGTH: Final = re.compile(r"length\(.+?\) > (\d+)")
_CHARACTERS: Final = (exp.DataType.Type.CHAR, exp.DataType.Type.NCHAR, exp.DataType.Type.NVARCHAR)
HAS_CHECK: Final = "column that has a CHECK constraint"
"""In DuckDB's refusal to change the type of such a column."""


def check_lengths(statement: Any) -> None:
    """Give the columns of a new table their checks.

    :param statement: of DuckDB's, with the lengths that fakesnow found beside it.
    """
    schema = statement.this if isinstance(statement, exp.Create) else None
    if not isinstance(schema, exp.Schema) or statement.args.get("kind") != "TABLE":
        return
    lengths = dict(statement.args.get("text_lengths") or ())
    for column in schema.expressions:
        length = lengths.get(column.name) if isinstance(column, exp.ColumnDef) else None
        if length and length < UNLIMITED:
            check = exp.CheckColumnConstraint(this=_condition(column.name, length))
            column.append("constraints", exp.ColumnConstraint(kind=check))


def lengths_of(duck: Any, table: tuple[str, str, str]) -> dict[str, int]:
    """The columns of a table that have a length, with it."""
    where = "constraint_type = 'CHECK' AND database_name = ? AND schema_name = ? AND table_name = ?"
    sql = f"SELECT constraint_column_names[1], constraint_text FROM duckdb_constraints() WHERE {where}"
    found = ((key, _LENGTH.search(text)) for key, text in duck.execute(sql, table).fetchall())
    return {key: int(length[1]) for key, length in found if length}


def widen_characters(statement: Any) -> None:
    """``CHAR(n)`` is a ``VARCHAR(n)``, and ``CHAR`` is a ``VARCHAR(1)``."""
    for kind in statement.find_all(exp.DataType):
        if kind.this in _CHARACTERS:
            if not kind.expressions and kind.this is not exp.DataType.Type.NVARCHAR:
                kind.set("expressions", [exp.DataTypeParam(this=exp.Literal.number(1))])
            kind.set("this", exp.DataType.Type.VARCHAR)


def change_lengths(duck: Any, table: tuple[str, str, str], lengths: dict[str, int]) -> None:
    """Give columns that have a check another length. DuckDB can change no check, so the table is made anew.

    :param table: database, schema and name.
    """
    where = "database_name = ? AND schema_name = ? AND table_name = ?"
    (sql,) = duck.execute(f"SELECT sql FROM duckdb_tables() WHERE {where}", table).fetchone()
    made = sqlglot.parse_one(sql, read="duckdb")
    for call in made.find_all(exp.GT):
        column = call.this.find(exp.Column)
        if isinstance(call.this, exp.Length) and column is not None and column.name in lengths:
            call.set("expression", exp.Literal.number(lengths[column.name]))
    old, new = (".".join(map(name, (*table[:2], last))) for last in (table[2], f"{table[2]}_ANEW"))
    made.this.set("this", exp.to_table(new))
    for step in (
        made.sql(dialect="duckdb"),
        f"INSERT INTO {new} SELECT * FROM {old}",
        f"DROP TABLE {old}",
        f"ALTER TABLE {new} RENAME TO {name(table[2])}",
    ):
        duck.execute(step)


def _condition(column: str, length: int) -> Any:
    value = name(column)
    text = f"'String ''' || {value} || ''' is too long and would be truncated'"
    return sqlglot.parse_one(f"CASE WHEN LENGTH({value}) > {length} THEN ERROR({text}) ELSE TRUE END", read="duckdb")
