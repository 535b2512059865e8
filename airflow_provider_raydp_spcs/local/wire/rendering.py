"""Answers as the JSON that Snowflake's clients read."""

from __future__ import annotations

import base64
import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.tables.results import TableResult
from airflow_provider_raydp_spcs.local.wire.answers import Column, RowsAnswer, SessionFacts

_MANY: Final = 0xA000
_SELECT: Final = 0x1000
_DML: Final = range(0x3000, 0x3600)
_PARAMETERS: Final = [{"name": "TIMEZONE", "value": "Etc/UTC"}]


def result_json(
    result: RowsAnswer | TableResult | dict[str, Any],
    facts: SessionFacts,
    key: str,
    first: int = 0,
    chunks: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The answer of a statement that succeeded.

    :param first: how many rows of a table come with the answer.
    :param chunks: where the others are.
    """
    if isinstance(result, dict):
        return result
    if isinstance(result, RowsAnswer):
        return rows_json(result, facts, key)
    return table_json(result, facts, key, first, chunks)


def rows_json(answer: RowsAnswer, facts: SessionFacts, key: str = "") -> dict[str, Any]:
    """A result set in the JSON format, in which every value is a text."""
    data = {
        "rowtype": [_rowtype(column) for column in answer.columns],
        "rowset": [
            [_text(value, column) for value, column in zip(row, answer.columns, strict=True)] for row in answer.rows
        ],
        "total": len(answer.rows),
        "returned": len(answer.rows),
        "queryResultFormat": "json",
        "statementTypeId": answer.statement_type,
    }
    return _succeeded(data, facts, key)


def table_json(
    result: TableResult, facts: SessionFacts, key: str, first: int, chunks: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """A result of the engine for tables: Arrow for rows, and JSON for the counts of changed rows."""
    count = result.table.num_rows
    data: dict[str, Any] = {
        "rowtype": list(result.rowtype),
        "total": count,
        "returned": count,
        "statementTypeId": result.statement_type,
    }
    if result.described:
        data |= {"total": 0, "returned": 0, "arrayBindSupported": result.statement_type == 0x3100}
        data |= {"queryResultFormat": "json", "rowset": []}
        if result.statement_type == _SELECT:
            data |= {"queryResultFormat": "arrow", "rowsetBase64": ""}
    elif result.statement_type in _DML:
        rows = zip(*(column.to_pylist() for column in result.table.columns), strict=True)
        counts = [[None if value is None else str(value) for value in row] for row in rows]
        data |= {"queryResultFormat": "json", "rowset": counts}
    else:
        encoded = base64.b64encode(result.arrow_bytes(0, first)).decode() if count else ""
        data |= {"queryResultFormat": "arrow", "rowsetBase64": encoded, "returned": first}
        if chunks:
            data |= {"chunks": list(chunks), "chunkHeaders": {}}
    return _succeeded(data, facts, key)


def many_json(done: Sequence[tuple[str, object]], key: str, facts: SessionFacts) -> dict[str, Any]:
    """The answer of a request of many statements: where the result of each is."""
    kinds = [result.statement_type for _, result in done if isinstance(result, RowsAnswer | TableResult)]
    data = {
        "rowtype": [_rowtype(Column("multiple statement execution"))],
        "rowset": [["Multiple statements executed successfully."]],
        "total": 1,
        "returned": 1,
        "queryResultFormat": "json",
        "statementTypeId": _MANY,
        "resultIds": ",".join(child for child, _ in done),
        "resultTypes": ",".join(str(kind) for kind in kinds),
    }
    return _succeeded(data, facts, key)


def pending_json(key: str, code: str) -> dict[str, Any]:
    """The statement runs; the result is to be asked for."""
    return {
        "data": {
            "queryId": key,
            "getResultUrl": f"/queries/{key}/result",
            "queryAbortsAfterSecs": 300,
            "progressDesc": None,
        },
        "code": code,
        "message": "Query execution in progress.",
        "success": True,
    }


def fault_json(fault: SnowflakeFault, key: str = "") -> dict[str, Any]:
    """A refusal. Always sent as HTTP 200: a 5xx would make clients try again for minutes."""
    code = f"{fault.number:06d}"
    return {
        "data": {"errorCode": code, "sqlState": fault.sqlstate, "queryId": key or str(uuid.uuid4())},
        "code": code,
        "message": fault.message,
        "success": False,
        "headers": None,
    }


def _succeeded(data: dict[str, Any], facts: SessionFacts, key: str) -> dict[str, Any]:
    about = {
        "parameters": _PARAMETERS,
        "queryId": key or str(uuid.uuid4()),
        "finalDatabaseName": facts.database,
        "finalSchemaName": facts.schema,
        "finalRoleName": facts.role,
        "finalWarehouseName": facts.warehouse,
    }
    return {"data": data | about, "code": None, "message": None, "success": True}


def _rowtype(column: Column) -> dict[str, Any]:
    number = column.type == "FIXED"
    return {
        "name": column.name,
        "database": "",
        "schema": "",
        "table": "",
        "type": column.type.lower(),
        "nullable": True,
        "length": None if number else 16_777_216,
        "byteLength": None if number else 16_777_216,
        "precision": 38 if number else (9 if column.type.startswith("TIMESTAMP") else None),
        "scale": 0 if number else (9 if column.type.startswith("TIMESTAMP") else None),
        "collation": None,
    }


def _text(value: object, column: Column) -> str | None:
    if value is None or (value == "" and column.type != "TEXT"):
        return None
    if column.type.startswith("TIMESTAMP"):
        moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
        return f"{moment.timestamp():.9f}"
    return str(value)
