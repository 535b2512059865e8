"""Results of the engine for tables, with the types that Snowflake's clients expect."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

MAX_TEXT: Final = 16_777_216
MAX_BINARY: Final = 8_388_608
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_WHOLE: Final = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")
_TYPES: Final = {
    "FLOAT": "real",
    "DOUBLE": "real",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "BLOB": "binary",
    "JSON": "variant",
    "TIME": "time",
    "TIMESTAMP WITH TIME ZONE": "timestamp_tz",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP_NS": "timestamp_ntz",
    "TIMESTAMP_MS": "timestamp_ntz",
    "TIMESTAMP_S": "timestamp_ntz",
}


@dataclass(frozen=True)
class TableResult:
    """Rows of one statement.

    :param table: as DuckDB gave them.
    :param rowtype: Snowflake's description of each column.
    :param statement_type: Snowflake's number of the kind of statement.
    :param affected: rows that a statement changed; None where it changed none.
    :param described: whether the statement was only described and not run.
    """

    table: pa.Table
    rowtype: Sequence[dict[str, Any]]
    statement_type: int
    affected: int | None = None
    described: bool = False

    @property
    def nbytes(self) -> int:
        """How much memory it holds."""
        return int(self.table.nbytes)

    def arrow_bytes(self, start: int = 0, count: int | None = None) -> bytes:
        """The rows, or some of them, as the Arrow stream that clients read."""
        from fakesnow.arrow import to_ipc, to_sf

        return bytes(to_ipc(to_sf(plain(self.table.slice(start, count)), list(self.rowtype))))


def column(name: str, duckdb_type: str) -> dict[str, Any]:
    """A column of DuckDB's as Snowflake describes it."""
    decimal = _DECIMAL.fullmatch(duckdb_type)
    kind, precision, scale, length = _TYPES.get(duckdb_type, "text"), None, None, None
    if decimal or _WHOLE.fullmatch(duckdb_type):
        kind = "fixed"
        precision, scale = (int(decimal[1]), int(decimal[2])) if decimal else (38, 0)
    elif duckdb_type.endswith("[]"):
        kind = "array"
    elif duckdb_type.startswith(("STRUCT(", "MAP(")):
        kind = "object"
    elif kind == "text":
        length = MAX_TEXT
    elif kind == "binary":
        length = MAX_BINARY
    elif kind.startswith("time"):
        precision, scale = 0, 9
    return {
        "name": name,
        "database": "",
        "schema": "",
        "table": "",
        "nullable": True,
        "type": kind,
        "byteLength": length,
        "length": length,
        "scale": scale,
        "precision": precision,
        "collation": None,
    }


def plain(table: pa.Table) -> pa.Table:
    """The rows with every column of a type that Snowflake's Arrow format has: lists and structures become JSON."""
    import pyarrow as pa

    for index, field in enumerate(table.schema):
        kind = field.type
        made = None
        if pa.types.is_nested(kind) or pa.types.is_interval(kind):
            texts = [None if value is None else _json(value) for value in table.column(index).to_pylist()]
            made = pa.array(texts, pa.string())
        elif pa.types.is_timestamp(kind) and kind.unit != "us":
            made = table.column(index).cast(pa.timestamp("us", kind.tz), safe=False)
        elif pa.types.is_float32(kind):
            made = table.column(index).cast(pa.float64())
        elif pa.types.is_unsigned_integer(kind):
            made = table.column(index).cast(pa.decimal128(20, 0) if pa.types.is_uint64(kind) else pa.int64())
        if made is not None:
            table = table.set_column(index, field.name, made)
    return table


def _json(value: Any) -> str:
    """As Snowflake prints a VARIANT; what no JSON has is a text in it."""
    if isinstance(value, list) and value and all(isinstance(each, tuple) and len(each) == 2 for each in value):
        value = dict(value)  # a map
    return json.dumps(value, default=str, indent=2)
