"""Values of ``?`` marks as clients send them: one set, or many rows for one statement."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault

if TYPE_CHECKING:
    import pyarrow as pa

Bindings = Mapping[str, Mapping[str, Any]]
BATCH: Final = "_BATCH"


def values(bindings: Bindings) -> tuple[Any, ...] | dict[str, Any]:
    """The values, by position or by name."""
    if all(name.isdecimal() for name in bindings):
        return tuple(_value(bindings[name]["type"], bindings[name]["value"]) for name in _in_order(bindings))
    return {name: _value(each["type"], each["value"]) for name, each in bindings.items()}


def is_batch(bindings: Bindings) -> bool:
    """Whether each mark has a list of values, one per row."""
    return any(isinstance(each["value"], list) for each in bindings.values())


def rows(bindings: Bindings) -> list[tuple[Any, ...]]:
    """The rows of a batch."""
    columns = [each["value"] for each in bindings.values()]
    if (
        not all(name.isdecimal() for name in bindings)
        or len({len(each) if isinstance(each, list) else -1 for each in columns}) > 1
    ):
        raise SnowflakeFault(391918, "22000", "Bad request: each bind variable of a batch needs as many values.")
    ordered = [bindings[name] for name in _in_order(bindings)]
    return list(zip(*([_value(each["type"], value) for value in each["value"]] for each in ordered), strict=True))


def table(bindings: Bindings) -> pa.Table:
    """The rows of a batch, with the columns ``B1``, ``B2`` and so on."""
    import pyarrow as pa

    columns = {f"B{number}": list(column) for number, column in enumerate(zip(*rows(bindings), strict=True), 1)}
    return pa.table({name: pa.array(column) for name, column in columns.items()})


def insert_of_all(sql: str) -> str | None:
    """An INSERT of one row of marks as an INSERT of all rows of the batch; None where it is no such INSERT."""
    from fakesnow.dialect import parse_one
    from sqlglot import exp

    statement = parse_one(sql)
    if not isinstance(statement, exp.Insert):
        return None
    source = statement.expression
    if isinstance(source, exp.Values) and len(source.expressions) == 1:
        select = exp.Select(expressions=source.expressions[0].expressions)
    elif isinstance(source, exp.Select) and not source.args.get("from_"):
        select = source
    else:
        return None
    numbers = itertools.count(1)

    def replace(node: Any) -> Any:
        return exp.column(f"B{next(numbers)}", quoted=True) if isinstance(node, exp.Placeholder) else node

    select = select.transform(replace).from_(exp.table_(BATCH, db="main", catalog="temp", quoted=True))
    statement.set("expression", select)
    return str(statement.sql(dialect="snowflake"))


def _in_order(bindings: Bindings) -> list[str]:
    return sorted(bindings, key=int)


def _value(kind: str, value: Any) -> Any:
    """A value in Python's type.

    :raises SnowflakeFault: 100038, it is none of its type.
    """
    try:
        return _read(kind, value)
    except (ArithmeticError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError):
        noun = "Numeric" if kind in ("FIXED", "REAL") else kind.capitalize()
        raise SnowflakeFault(100038, "22018", f"{noun} value '{value}' is not recognized") from None


def _read(kind: str, value: Any) -> Any:
    from fakesnow.converter import from_binding

    if value is None:
        return None
    if kind == "FIXED":
        number = Decimal(value)
        return int(number) if number == number.to_integral_value() and "." not in str(value) else number
    if kind == "REAL":
        return float(value)
    found = from_binding({"type": kind, "value": value})
    return found.replace(tzinfo=None) if kind == "TIMESTAMP_NTZ" else found
