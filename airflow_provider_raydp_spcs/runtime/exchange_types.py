"""Which form a column has on its way between Ray and Spark: Arrow as Spark's JVM reads it, or a clear no.

What has an exact counterpart is widened (``uint32`` becomes ``bigint``); nothing is ever rounded or cut.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyarrow import types as kind

from airflow_provider_raydp_spcs.runtime.errors import ExchangeError

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

MAX_DIGITS: Final = 38
"""Of a decimal, in Spark and in Snowflake."""
_AS_TEXT: Final = "cast it to text before: pyarrow.compute.cast(column, pyarrow.string())"
_WIDER: Final = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
    pa.float16(): pa.float32(),
    pa.date64(): pa.date32(),
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
}
_SAME: Final = {
    pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64(),
    pa.string(), pa.binary(), pa.date32(), pa.null(),
}  # fmt: skip


def to_spark_form(schema: pa.Schema) -> pa.Schema:
    """The schema in which Spark reads such columns; every column may hold NULLs.

    :raises ExchangeError: a type that Spark does not have.
    """
    return pa.schema([pa.field(field.name, _form(field.type, field.name)) for field in schema])


def _form(given: pa.DataType, column: str) -> pa.DataType:
    if given in _SAME:
        return given
    if given in _WIDER:
        return _WIDER[given]
    if kind.is_fixed_size_binary(given):
        return pa.binary()
    if kind.is_decimal(given):
        return _decimal(given, column)
    if kind.is_timestamp(given):
        return pa.timestamp("us", "UTC" if given.tz else None)
    if kind.is_duration(given):
        return pa.duration("us")
    if kind.is_dictionary(given):
        return _form(given.value_type, column)
    return _nested(given, column)


def _decimal(given: pa.DataType, column: str) -> pa.DataType:
    if given.precision <= MAX_DIGITS and 0 <= given.scale <= given.precision:
        return pa.decimal128(given.precision, given.scale)
    raise _refused(
        given,
        column,
        f"Spark's decimals have up to {MAX_DIGITS} digits, none to some of them after the point; {_AS_TEXT}",
    )


def _nested(given: pa.DataType, column: str) -> pa.DataType:
    if (
        kind.is_list(given)
        or kind.is_large_list(given)
        or kind.is_fixed_size_list(given)
        or kind.is_list_view(given)
        or kind.is_large_list_view(given)
    ):
        return pa.list_(_form(given.value_type, f"{column}[]"))
    if kind.is_map(given):
        return pa.map_(_form(given.key_type, f"{column}.key"), _form(given.item_type, f"{column}.value"))
    if kind.is_struct(given):
        return pa.struct([pa.field(field.name, _form(field.type, f"{column}.{field.name}")) for field in given])
    if isinstance(given, pa.BaseExtensionType):
        raise _refused(given, column, "make plain lists or numbers of it before, in a map_batches of the dataset")
    if kind.is_run_end_encoded(given):
        raise _refused(given, column, "decode it before: pyarrow.compute.run_end_decode(column)")
    if kind.is_time(given):
        raise _refused(given, column, _AS_TEXT)
    raise _refused(given, column, "leave the column out, or make text of it before")


def _refused(given: pa.DataType, column: str, remedy: str) -> ExchangeError:
    return ExchangeError(f"column {column} has the type {given}, which Spark has none for; {remedy}")


def conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with exactly these columns; one that it lacks has NULLs.

    :param schema: of :func:`to_spark_form`, for this table and those beside it.
    :raises ExchangeError: a column more than the schema has, or values that would not stay the same.
    """
    if table.column_names == schema.names:  # by position, for names may be there twice
        columns = [_cast(column, field) for column, field in zip(table.columns, schema, strict=True)]
        return _table(columns, schema, table.num_rows)
    more = sorted(set(table.column_names) - set(schema.names))
    if more:
        msg = f"a block has the column {more[0]}, which the others do not have: {', '.join(schema.names)}. Give all the same columns"
        raise ExchangeError(msg)
    columns = [
        _cast(table.column(field.name), field)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return _table(columns, schema, table.num_rows)


def surely_conforms(given: pa.Schema, schema: pa.Schema) -> bool:
    """Whether :func:`conformed` raises for no table of this schema, whatever its values are."""
    forms = {field.name: field.type for field in schema}
    return set(given.names) <= set(forms) and all(_surely_becomes(field.type, forms[field.name]) for field in given)


def _surely_becomes(given: pa.DataType, form: pa.DataType) -> bool:
    if kind.is_dictionary(given):
        return _surely_becomes(given.value_type, form)
    wider = pa.binary() if kind.is_fixed_size_binary(given) else _WIDER.get(given)
    return bool(given == form or kind.is_null(given) or wider == form)


def _table(columns: list[Any], schema: pa.Schema, rows: int) -> pa.Table:
    if columns:
        return pa.Table.from_arrays(columns, schema=schema)
    # Without a column, only a batch's own length tells how many rows there are.
    return pa.Table.from_batches([pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))])


def _cast(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if column.type == field.type:
        return column
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        remedy = (
            "round it before: pyarrow.compute.floor_temporal(column, unit='microsecond')"
            if kind.is_temporal(column.type)
            else "give all blocks the same type, wide enough for every value"
        )
        msg = f"column {field.name} has the type {column.type} and cannot become {field.type} unchanged ({error}); {remedy}"
        raise ExchangeError(msg) from error


def spark_schema_of(schema: pa.Schema) -> StructType:
    """Spark's schema for columns in the form of :func:`to_spark_form`.

    A timestamp without a zone is one in Spark too (``TIMESTAMP_NTZ``); RayDP's own ``to_spark`` makes an instant of it.
    """
    from pyspark.sql.pandas.types import from_arrow_type
    from pyspark.sql.types import StructField, StructType

    return StructType(
        [StructField(field.name, from_arrow_type(field.type, prefer_timestamp_ntz=True)) for field in schema]
    )


def check_for_ray(schema: Mapping[str, Any], inside: str = "") -> None:
    """Whether Ray's datasets have the types of a DataFrame.

    :param schema: as Spark writes it in JSON; PySpark's own reader of it does not know every type.
    :raises ExchangeError: one has no Arrow type.
    """
    for field in schema["fields"]:
        _check(field["type"], inside + field["name"])


def _check(given: Any, column: str) -> None:
    if isinstance(given, str):
        # Intervals of days and seconds are durations in Arrow; those of months have no counterpart in Python.
        if re.fullmatch("interval|interval (year|month).*", given):
            raise _unknown_to_ray(given, column, f"cast it before: CAST({column} AS STRING)")
    elif given["type"] == "struct":
        check_for_ray(given, f"{column}.")
    elif given["type"] == "array":
        _check(given["elementType"], f"{column}[]")
    elif given["type"] == "map":
        _check(given["keyType"], f"{column}.key")
        _check(given["valueType"], f"{column}.value")
    else:
        remedy = "make an array of it before; of a vector: pyspark.ml.functions.vector_to_array(column)"
        raise _unknown_to_ray(given.get("class") or given.get("pyClass") or given["type"], column, remedy)


def _unknown_to_ray(given: str, column: str, remedy: str) -> ExchangeError:
    return ExchangeError(f"column {column} has Spark's type {given}, which Ray's datasets have none for; {remedy}")
