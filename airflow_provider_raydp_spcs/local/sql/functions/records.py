"""Functions that hand out logs, events and the history of jobs (SPCS reference 2.2, 2.7)."""

from __future__ import annotations

import datetime as dt
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.local.sql.functions.registry import Arguments, Rows, invalid_argument, scalar, table
from airflow_provider_raydp_spcs.local.sql.functions.status import service_of

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.services.metrics import Metric
    from airflow_provider_raydp_spcs.local.sql.registry import Context

MAX_ROWS: Final = 10_000
"""More rows than the latest of these are not handed out; the real Snowflake has no such limit."""
_LOGS: Final = "SYSTEM$GET_SERVICE_LOGS"


@scalar(_LOGS, 3, 7)
def service_logs(context: Context, arguments: Arguments) -> str:
    """A container's log."""
    service, instance, container, *rest = arguments
    count, previous, since, with_times = [*rest, *[None] * 4][:4]
    name = service_of(context, service, _LOGS, "MONITOR")
    return context.platform.views.logs(
        name,
        str(instance),
        str(container),
        lines=_lines(count),
        previous=_truth(previous),
        since=_moment(since),
        with_times=_truth(with_times),
    )


def _lines(value: str | None) -> int | None:
    if value in (None, ""):
        return None
    if not str(value).isdecimal():
        raise invalid_argument(_LOGS, value, "it must be a number of lines, 0 or more")
    return int(str(value))


def _truth(value: str | None) -> bool:
    found = (value or "FALSE").upper()
    if found not in ("TRUE", "FALSE"):
        raise invalid_argument(_LOGS, value, "it must be TRUE or FALSE")
    return found == "TRUE"


def _moment(value: str | None) -> dt.datetime | None:
    if not value:
        return None
    try:
        found = dt.datetime.fromisoformat(value)
    except ValueError:
        raise invalid_argument(_LOGS, value, "it must be a time such as 2026-11-24T12:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


@table("SPCS_GET_LOGS")
def get_logs(context: Context, service: str) -> Rows:
    """Every line that containers of a service wrote."""
    context.needs("MONITOR", "Service", service)
    lines = deque(context.platform.views.log_lines(service), maxlen=MAX_ROWS)
    columns = {
        "TIMESTAMP": "TIMESTAMP_NTZ",
        "INSTANCE_ID": "NUMBER",
        "CONTAINER_NAME": "VARCHAR",
        "LOG": "VARCHAR",
        "RECORD_ATTRIBUTES": "VARIANT",
    }
    rows = [
        {
            "TIMESTAMP": utc(moment),
            "INSTANCE_ID": instance,
            "CONTAINER_NAME": container,
            "LOG": text,
            # Both streams of a container go into one file here.
            "RECORD_ATTRIBUTES": {"log.iostream": "stdout"},
        }
        for moment, instance, container, text in sorted(lines, key=lambda line: line[0], reverse=True)
    ]
    return Rows(columns, rows, "TIMESTAMP")


@table("SPCS_GET_EVENTS")
def get_events(context: Context, service: str) -> Rows:
    """What happened to a service."""
    context.needs("MONITOR", "Service", service)
    columns = {
        "TIMESTAMP": "TIMESTAMP_NTZ",
        "SEVERITY": "VARCHAR",
        "EVENT_NAME": "VARCHAR",
        "EVENT_DETAILS": "VARIANT",
        "INSTANCE_ID": "NUMBER",
        "CONTAINER_NAME": "VARCHAR",
        "RECORD": "VARIANT",
        "RECORD_ATTRIBUTES": "VARIANT",
    }
    rows = [
        {
            "TIMESTAMP": utc(event.timestamp),
            "SEVERITY": event.severity,
            "EVENT_NAME": event.name,
            "EVENT_DETAILS": event.details,
            "INSTANCE_ID": event.instance_id,
            "CONTAINER_NAME": event.container,
            "RECORD": {"name": event.name, "severity_text": event.severity},
        }
        for event in reversed(context.platform.views.events(service)[-MAX_ROWS:])
    ]
    return Rows(columns, rows, "TIMESTAMP")


@table("SPCS_GET_METRICS")
def get_metrics(context: Context, service: str) -> Rows:
    """What was measured of a service, where its specification asks for it."""
    context.needs("MONITOR", "Service", service)
    columns = {
        "TIMESTAMP": "TIMESTAMP_NTZ",
        "METRIC_NAME": "VARCHAR",
        "VALUE": "VARCHAR",
        "UNIT": "VARCHAR",
        "INSTANCE_ID": "NUMBER",
        "CONTAINER_NAME": "VARCHAR",
        "RESOURCE": "VARCHAR",
        "RECORD": "VARIANT",
        "RECORD_ATTRIBUTES": "VARIANT",
    }
    rows = [
        {
            "TIMESTAMP": utc(metric.timestamp),
            "METRIC_NAME": metric.name,
            "VALUE": str(metric.value),
            "UNIT": metric.unit,
            "INSTANCE_ID": metric.instance_id,
            "CONTAINER_NAME": metric.container,
            "RECORD": metric_record(metric),
        }
        for metric in reversed(context.platform.views.metrics(service)[-MAX_ROWS:])
    ]
    return Rows(columns, rows, "TIMESTAMP")


def metric_record(metric: Metric) -> dict[str, Any]:
    """A measurement as the event table describes it."""
    kind = "INT" if float(metric.value).is_integer() else "DOUBLE"
    return {"metric": {"name": metric.name, "unit": metric.unit}, "metric_type": "gauge", "value_type": kind}


@table(
    "GET_JOB_HISTORY",
    of_service=False,
    start="CREATED_TIME_START",
    end="CREATED_TIME_END",
    limit="RESULT_LIMIT",
    days=30,
)
def job_history(context: Context, service: str) -> Rows:
    """The jobs of the role, dropped ones as well."""
    del service
    held = context.access.roles(context.session.role)
    columns = {
        "QUERY_ID": "VARCHAR",
        "ID": "NUMBER",
        "NAME": "VARCHAR",
        "DATABASE_NAME": "VARCHAR",
        "SCHEMA_NAME": "VARCHAR",
        "CREATED_TIME": "TIMESTAMP_LTZ",
        "COMPLETED_TIME": "TIMESTAMP_LTZ",
        "DELETED_TIME": "TIMESTAMP_LTZ",
        "STATUS": "VARCHAR",
        "MESSAGE": "VARCHAR",
        "INSTANCE_STATUSES": "VARIANT",
        "COMPUTE_POOL_NAME": "VARCHAR",
        "OWNER": "VARCHAR",
        "OWNER_ROLE_TYPE": "VARCHAR",
        "PARAMETERS": "VARIANT",
        "MANAGING_OBJECT": "VARIANT",
    }
    history = context.platform.jobs.history(context.platform.registry)
    rows: list[dict[str, Any]] = [row for row in history if row["OWNER"] in held]
    return Rows(columns, rows[:MAX_ROWS], "CREATED_TIME")


def utc(moment: dt.datetime | str) -> str:
    """A time as a TIMESTAMP_NTZ in UTC."""
    if isinstance(moment, str):
        moment = dt.datetime.fromisoformat(moment)
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
