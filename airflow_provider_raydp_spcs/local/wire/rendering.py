"""Answers as the JSON that Snowflake's clients read."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.wire.answers import Column, RowsAnswer, SessionFacts

_STATEMENT_SHOW = 0x6000


def rows_json(answer: RowsAnswer, facts: SessionFacts) -> dict[str, Any]:
    """A result set in the JSON format, in which every value is a text."""
    return {
        "data": {
            "parameters": [{"name": "TIMEZONE", "value": "Etc/UTC"}],
            "rowtype": [_rowtype(column) for column in answer.columns],
            "rowset": [
                [_text(value, column) for value, column in zip(row, answer.columns, strict=True)] for row in answer.rows
            ],
            "total": len(answer.rows),
            "returned": len(answer.rows),
            "queryId": str(uuid.uuid4()),
            "queryResultFormat": "json",
            "statementTypeId": _STATEMENT_SHOW,
            "finalDatabaseName": facts.database,
            "finalSchemaName": facts.schema,
            "finalRoleName": facts.role,
            "finalWarehouseName": facts.warehouse,
        },
        "code": None,
        "message": None,
        "success": True,
    }


def fault_json(fault: SnowflakeFault) -> dict[str, Any]:
    """A refusal. Always sent as HTTP 200: a 5xx would make clients try again for minutes."""
    code = f"{fault.number:06d}"
    return {
        "data": {"errorCode": code, "sqlState": fault.sqlstate, "queryId": str(uuid.uuid4())},
        "code": code,
        "message": fault.message,
        "success": False,
        "headers": None,
    }


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
