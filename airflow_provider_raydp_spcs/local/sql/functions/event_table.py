"""The account's event table, in which logs, events, measurements and traces of all services are (SPCS reference 2.7)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.sql.functions.records import MAX_ROWS, metric_record, utc
from airflow_provider_raydp_spcs.local.sql.functions.registry import Rows, relation

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.sql.registry import Context

NAME: Final = "SNOWFLAKE.TELEMETRY.EVENTS"
"""The table that accounts have from the beginning; there is a view of it, too."""
_VARIANTS: Final = ["TRACE", "RESOURCE", "RESOURCE_ATTRIBUTES", "SCOPE", "SCOPE_ATTRIBUTES"]
COLUMNS: Final = {
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "START_TIMESTAMP": "TIMESTAMP_NTZ",
    "OBSERVED_TIMESTAMP": "TIMESTAMP_NTZ",
    **dict.fromkeys(_VARIANTS, "VARIANT"),
    "RECORD_TYPE": "VARCHAR",
    "RECORD": "VARIANT",
    "RECORD_ATTRIBUTES": "VARIANT",
    "VALUE": "VARIANT",
    "EXEMPLARS": "VARIANT",
}


@relation(f"{NAME}_VIEW")
@relation(NAME)
def events(context: Context) -> Rows:
    """The latest rows of those services on which the role has MONITOR."""
    rows: list[dict[str, Any]] = []
    for service in context.platform.views.services():
        name = f"{service['database_name']}.{service['schema_name']}.{service['name']}"
        if service["status"] != "DELETING" and context.has("MONITOR", "Service", name):
            with contextlib.suppress(SnowflakeFault):  # it was dropped meanwhile
                rows += _of(context, service, name)
    rows.sort(key=lambda row: str(row["TIMESTAMP"]), reverse=True)
    return Rows(COLUMNS, rows[:MAX_ROWS], "TIMESTAMP")


def _of(context: Context, service: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    views = context.platform.views
    about = {
        "snow.account.name": context.platform.account,
        "snow.compute_pool.name": service["compute_pool"],
        "snow.database.name": service["database_name"],
        "snow.schema.name": service["schema_name"],
        "snow.service.name": service["name"],
        "snow.service.type": "Job" if service["is_job"] == "true" else "Service",
    }

    def row(kind: str, moment: Any, instance: int | None, container: str | None, **more: Any) -> dict[str, Any]:
        where = {"snow.service.instance": instance, "snow.service.container.name": container}
        if container is not None:
            where["snow.service.container.instance"] = instance
        told = {key: str(value) for key, value in where.items() if value is not None}
        return {"TIMESTAMP": utc(moment), "RECORD_TYPE": kind, "RESOURCE_ATTRIBUTES": {**about, **told}, **more}

    platform = {"name": "snow.spcs.platform"}
    for event in views.events(name)[-MAX_ROWS:]:
        record = {"name": event.name, "severity_text": event.severity}
        where = (event.timestamp, event.instance_id, event.container)
        yield row("EVENT", *where, SCOPE=platform, RECORD=record, VALUE=event.details)
    for metric in views.metrics(name)[-MAX_ROWS:]:
        measured = (metric.timestamp, metric.instance_id, metric.container)
        yield row("METRIC", *measured, SCOPE=platform, RECORD=metric_record(metric), VALUE=metric.value)
    for each in views.telemetry(name)[-MAX_ROWS:]:
        told = row(each.record.kind, each.record.timestamp, each.instance_id, each.container)
        yield {
            **told,
            "RESOURCE_ATTRIBUTES": {**each.record.resource, **told["RESOURCE_ATTRIBUTES"]},
            "START_TIMESTAMP": utc(each.record.start) if each.record.start else None,
            "TRACE": each.record.trace or None,
            "SCOPE": each.record.scope,
            "RECORD": each.record.record,
            "RECORD_ATTRIBUTES": each.record.attributes or None,
            "VALUE": each.record.value,
        }
    for moment, instance, container, text in views.log_lines(name):
        yield row("LOG", moment, instance, container, RECORD_ATTRIBUTES={"log.iostream": "stdout"}, VALUE=text)
