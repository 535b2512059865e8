"""System functions about services (SPCS reference 2.7)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name
from airflow_provider_raydp_spcs.local.wire.answers import Answer, Column, RowsAnswer

_LOGS, _STATUS = "SYSTEM$GET_SERVICE_LOGS", "SYSTEM$GET_SERVICE_STATUS"
_CANCEL = "SYSTEM$CANCEL_ALL_QUERIES"


@dataclass(frozen=True)
class ServiceLogs:
    name: str
    instance: str
    container: str
    lines: int | None
    column: str

    def run(self, context: Context) -> Answer:
        name = full_name(Cursor(self.name).name(), context.session, "SELECT")
        context.needs("MONITOR", "Service", name)
        text = context.platform.logs(name, self.instance, self.container, self.lines)
        return RowsAnswer([Column(self.column)], [[text]])


@dataclass(frozen=True)
class ServiceStatus:
    name: str
    column: str

    def run(self, context: Context) -> Answer:
        name = full_name(Cursor(self.name).name(), context.session, "SELECT")
        context.needs("MONITOR", "Service", name)
        states = [
            {
                "status": row["status"],
                "message": row["message"],
                "containerName": row["container_name"],
                "instanceId": row["instance_id"],
                "serviceName": row["service_name"],
                "image": row["image_name"],
                "restartCount": row["restart_count"],
                "startTime": row["start_time"] or "",
            }
            for row in context.platform.show_containers(name)
        ]
        return RowsAnswer([Column(self.column)], [[json.dumps(states)]])


def _arguments(cursor: Cursor) -> list[str]:
    cursor.expect("(")
    found: list[str] = []
    while not cursor.take(")"):
        if found:
            cursor.expect(",")
        found.append(cursor.value())
    return found


def _alias(cursor: Cursor, default: str) -> str:
    named = cursor.take("AS") or not cursor.at_end
    name = cursor.name() if named else default
    cursor.end()
    return name


@reads(f"SELECT {_LOGS}", f"CALL {_LOGS}")
def logs(cursor: Cursor) -> Statement:
    arguments = _arguments(cursor)
    if not 3 <= len(arguments) <= 7:
        raise cursor.fault()
    lines = int(arguments[3]) if len(arguments) > 3 and arguments[3].isdigit() else None
    return ServiceLogs(arguments[0], arguments[1], arguments[2], lines, _alias(cursor, _LOGS))


@reads(f"SELECT {_STATUS}", f"CALL {_STATUS}")
def status(cursor: Cursor) -> Statement:
    arguments = _arguments(cursor)
    if not 1 <= len(arguments) <= 2:
        raise cursor.fault()
    return ServiceStatus(arguments[0], _alias(cursor, _STATUS))


@dataclass(frozen=True)
class CancelAllQueries:
    column: str

    def run(self, context: Context) -> Answer:
        del context  # a session runs one statement at a time, and that is this one
        return RowsAnswer([Column(self.column)], [["no query was running"]])


@reads(f"SELECT {_CANCEL}", f"CALL {_CANCEL}")
def cancel_all_queries(cursor: Cursor) -> Statement:
    _arguments(cursor)
    return CancelAllQueries(_alias(cursor, _CANCEL))
