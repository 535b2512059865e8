"""Stopping statements that run."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.wire.answers import Answer, Column, RowsAnswer

_ONE = "SYSTEM$CANCEL_QUERY"
_ALL = "SYSTEM$CANCEL_ALL_QUERIES"


@dataclass(frozen=True)
class CancelQuery:
    key: str | None

    def run(self, context: Context) -> Answer:
        desk = context.session.desk
        count = desk.cancel(self.key) if desk is not None else 0
        if self.key is None:
            return RowsAnswer([Column(_ALL)], [["Cancelled all queries." if count else "No queries to cancel."]])
        told = (
            f"query [{self.key}] terminated."
            if count
            else f"Identified SQL statement is not currently executing. [{self.key}]"
        )
        return RowsAnswer([Column(_ONE)], [[told]])


@reads(f"SELECT {_ONE}", f"CALL {_ONE}")
def cancel_query(cursor: Cursor) -> Statement:
    cursor.expect("(")
    key = cursor.text()
    cursor.expect(")")
    cursor.end()
    return CancelQuery(key)


@reads(f"SELECT {_ALL}", f"CALL {_ALL}")
def cancel_all_queries(cursor: Cursor) -> Statement:
    cursor.expect("(")
    if not cursor.take(")"):
        cursor.value()  # the session's number: a client knows only its own
        cursor.expect(")")
    cursor.end()
    return CancelQuery(None)
