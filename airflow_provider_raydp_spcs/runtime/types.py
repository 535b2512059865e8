"""Which Spark or Arrow type a Snowflake column gets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Literal

from airflow_provider_raydp_spcs.runtime.errors import TableError

if TYPE_CHECKING:
    from pyarrow import Schema
    from pyspark.sql.types import DataType, StructType

MAX_LONG_DIGITS: Final = 18
"""Whole numbers of up to 18 digits fit a 64-bit integer."""
WideNumbers = Literal["long", "decimal"]
"""What whole numbers of more digits become. ``INT``, and ``NUMBER`` without a precision, have 38, which most tables do not
mean; so they are 64-bit integers too, and a greater value fails the read instead of being cut. ``decimal`` holds them all."""
_CASTS: Final = {
    "TIME": "{}::TEXT",
    "VECTOR": "{}::ARRAY",
    "GEOGRAPHY": "ST_ASGEOJSON({})::TEXT",
    "GEOMETRY": "ST_ASGEOJSON({})::TEXT",
    "MAP": "{}::VARIANT",
}


def spark_schema(columns: Iterable[Any], wide_numbers: WideNumbers = "long") -> StructType:
    """The schema of a cursor's description.

    :raises TableError: a type that Spark does not have.
    """
    from pyspark.sql.types import StructField, StructType

    if wide_numbers not in ("long", "decimal"):
        msg = f"wide_numbers is {wide_numbers!r}; allowed are 'long' and 'decimal'"
        raise TableError(msg)
    return StructType([StructField(column.name, _type(column, wide_numbers), nullable=True) for column in columns])


def arrow_schema(columns: Iterable[Any], wide_numbers: WideNumbers = "long") -> Schema:
    """The same in Arrow's types.

    :raises TableError: a type that Spark does not have.
    """
    from pyspark.sql.pandas.types import to_arrow_schema

    return to_arrow_schema(spark_schema(columns, wide_numbers))


def arrow_names(schema: Schema) -> dict[str, str]:
    """Names of columns, and Spark's short names of the types nearest to theirs."""
    return {field.name: _spark_name(field.type) for field in schema}


def _spark_name(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    tests = {
        "bigint": pa.types.is_integer,
        "double": pa.types.is_floating,
        "boolean": pa.types.is_boolean,
        "date": pa.types.is_date,
        "timestamp": pa.types.is_timestamp,
        "void": pa.types.is_null,
        "struct": pa.types.is_nested,
    }
    found = next((name for name, is_so in tests.items() if is_so(kind)), None)
    if found:
        return found
    text = str(kind)
    return {"large_string": "string", "string_view": "string", "large_binary": "binary"}.get(text, text)


def _type(column: Any, wide_numbers: WideNumbers) -> DataType:
    from pyspark.sql import types
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    name = FIELD_ID_TO_NAME[column.type_code]
    if name == "FIXED":
        digits = column.precision or 38
        if not column.scale:
            is_long = digits <= MAX_LONG_DIGITS or wide_numbers == "long"
            return types.LongType() if is_long else types.DecimalType(min(digits, 38), 0)
        return types.DecimalType(min(digits, 38), column.scale)
    plain: dict[str, DataType] = {
        "REAL": types.DoubleType(),
        "TEXT": types.StringType(),
        "BOOLEAN": types.BooleanType(),
        "DATE": types.DateType(),
        "BINARY": types.BinaryType(),
        "VARIANT": types.StringType(),
        "OBJECT": types.StringType(),
        "ARRAY": types.StringType(),
        "TIMESTAMP_NTZ": types.TimestampNTZType(),
        "TIMESTAMP_LTZ": types.TimestampType(),
        "TIMESTAMP_TZ": types.TimestampType(),
    }
    if name not in plain:
        cast = _CASTS.get(name, "{}::TEXT").format(column.name)
        msg = f"column {column.name} has the type {name}, which Spark has none for; cast it in the query: {cast}"
        raise TableError(msg)
    return plain[name]
