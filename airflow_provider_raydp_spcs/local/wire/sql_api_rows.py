"""Results as the SQL API tells them: every value a text, in partitions."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from airflow_provider_raydp_spcs.local.tables.results import TableResult, plain
from airflow_provider_raydp_spcs.local.wire.answers import RowsAnswer, SessionFacts
from airflow_provider_raydp_spcs.local.wire.rendering import rows_json

ROWS_A_PARTITION: Final = 10_000
_EPOCH: Final = dt.date(1970, 1, 1)
Row = list[str | None]


def result_set(result: RowsAnswer | TableResult, facts: SessionFacts, partition: int) -> dict[str, Any] | None:
    """The rows of one partition, the first one with what all of them have; None where there is no such partition."""
    rowtype, rows = _rows(result, facts)
    parts = [rows[start : start + ROWS_A_PARTITION] for start in range(0, len(rows), ROWS_A_PARTITION)] or [[]]
    if not 0 <= partition < len(parts):
        return None
    if partition:
        return {"data": parts[partition]}
    sizes = [{"rowCount": len(part), "uncompressedSize": len(json.dumps(part))} for part in parts]
    return {
        "resultSetMetaData": {
            "numRows": len(rows),
            "format": "jsonv2",
            "partitionInfo": sizes,
            "rowType": list(rowtype),
        },
        "data": parts[0],
    }


def _rows(result: RowsAnswer | TableResult, facts: SessionFacts) -> tuple[Sequence[dict[str, Any]], list[Row]]:
    if isinstance(result, RowsAnswer):
        data = rows_json(result, facts)["data"]
        return data["rowtype"], data["rowset"]
    columns = [
        [None if value is None else _text(each["type"])(value) for value in column.to_pylist()]
        for each, column in zip(result.rowtype, plain(result.table).columns, strict=True)
    ]
    return result.rowtype, [list(row) for row in zip(*columns, strict=True)]


def _text(kind: str) -> Callable[[Any], str]:
    """How values of a Snowflake type are written."""
    return {
        "boolean": lambda value: "true" if value else "false",
        "date": lambda value: str((value - _EPOCH).days),
        "time": lambda value: _seconds(dt.datetime.combine(_EPOCH, value, dt.UTC)),
        "timestamp_ntz": lambda value: _seconds(value.replace(tzinfo=dt.UTC)),
        "timestamp_ltz": _seconds,
        "timestamp_tz": lambda value: f"{_seconds(value)} {_offset(value) + 1440}",
        "binary": lambda value: value.hex().upper(),
        "fixed": lambda value: format(value, "f") if isinstance(value, Decimal) else str(value),
    }.get(kind, str)


def _seconds(moment: dt.datetime) -> str:
    """Seconds since 1970 with nine decimals; exact, for a float would not be."""
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    microseconds = since // dt.timedelta(microseconds=1)
    return format(Decimal(microseconds) / 1_000_000, ".9f")


def _offset(moment: dt.datetime) -> int:
    """Minutes that the moment's zone is ahead of UTC."""
    return (moment.utcoffset() or dt.timedelta()) // dt.timedelta(minutes=1)
