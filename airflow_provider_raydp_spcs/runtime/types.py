"""Which Spark or Arrow type a Snowflake column gets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.runtime.errors import TableError

if TYPE_CHECKING:
    from pyarrow import Schema
    from pyspark.sql.types import DataType, StructType

MAX_LONG_DIGITS: Final = 18
"""Whole numbers of up to 18 digits fit a 64-bit integer. ``NUMBER`` without a precision has 38, which most tables do
not mean; it is read as a 64-bit integer too, and a greater value fails the read instead of being cut."""


def spark_schema(columns: Iterable[Any]) -> StructType:
    """The schema of a cursor's description.

    :raises TableError: a type that Spark does not have.
    """
    from pyspark.sql.types import StructField, StructType

    return StructType([StructField(column.name, _type(column), nullable=True) for column in columns])


def arrow_schema(columns: Iterable[Any]) -> Schema:
    """The same in Arrow's types.

    :raises TableError: a type that Spark does not have.
    """
    from pyspark.sql.pandas.types import to_arrow_schema

    return to_arrow_schema(spark_schema(columns))


def _type(column: Any) -> DataType:
    from pyspark.sql import types
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    name = FIELD_ID_TO_NAME[column.type_code]
    if name == "FIXED":
        if not column.scale:
            return types.LongType()
        return types.DecimalType(min(column.precision or 38, 38), column.scale)
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
        msg = f"column {column.name} has the type {name}, which Spark has none for; cast it in the query: {column.name}::TEXT"
        raise TableError(msg)
    return plain[name]
