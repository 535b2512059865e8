"""The account's event table, in which the platform and the containers' logs write (SPCS reference 2.7, 3.1).

It is not a table here: where a statement names it, a subquery over what is known stands in its place, and the engine for
tables does the rest. A role sees the services on which it has MONITOR. Metrics are those of the moment, not of earlier ones.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

from airflow_provider_raydp_spcs.local.sql.cursor import tokens_of

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.sql.registry import Context

EVENT_TABLE: Final = "snowflake.telemetry.events"
_NAMES: Final = ("EVENTS", "EVENTS_VIEW")
_PLATFORM: Final = {"name": "snow.spcs.platform"}
_COLUMNS: Final = {
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "START_TIMESTAMP": "TIMESTAMP_NTZ",
    "OBSERVED_TIMESTAMP": "TIMESTAMP_NTZ",
    "TRACE": "VARIANT",
    "RESOURCE": "VARIANT",
    "RESOURCE_ATTRIBUTES": "VARIANT",
    "SCOPE": "VARIANT",
    "SCOPE_ATTRIBUTES": "VARIANT",
    "RECORD_TYPE": "VARCHAR",
    "RECORD": "VARIANT",
    "RECORD_ATTRIBUTES": "VARIANT",
    "VALUE": "VARIANT",
    "EXEMPLARS": "VARIANT",
}
"""Of every event table, in order."""


def with_event_table(text: str, context: Context) -> str | None:
    """The statement with what the event table holds in its place; None where it is not named."""
    if "TELEMETRY" not in text.upper():
        return None
    try:
        tokens = tokens_of(text)
    except SqlglotError:
        return None
    found = [index for index in range(len(tokens) - 4) if _is_event_table(tokens[index : index + 5])]
    if not found:
        return None
    subquery = _subquery(context)
    parts: list[str] = []
    position = 0
    for index in found:
        parts += [text[position : tokens[index].start], subquery]
        position = tokens[index + 4].end + 1
    return "".join([*parts, text[position:]])


def _is_event_table(tokens: list[Token]) -> bool:
    words = [token.text.upper() for token in tokens]
    is_text = any(token.token_type in (TokenType.STRING, TokenType.RAW_STRING) for token in tokens)
    return not is_text and words[:4] == ["SNOWFLAKE", ".", "TELEMETRY", "."] and words[4] in _NAMES


def _subquery(context: Context) -> str:
    rows = [{name: row.get(name) for name in _COLUMNS} for row in _rows(context)]
    # One JSON text, for a text is cut into tokens once, however many rows are in it.
    literal = "'" + json.dumps(rows).replace("\\", "\\\\").replace("'", "''") + "'"
    columns = ", ".join(
        f"value:{name}{'' if kind == 'VARIANT' else f'::{kind}'} AS {name}" for name, kind in _COLUMNS.items()
    )
    return f"(SELECT {columns} FROM TABLE(FLATTEN(INPUT => PARSE_JSON({literal}))))"  # noqa: S608 - no client's values


def _rows(context: Context) -> Iterator[dict[str, Any]]:
    views = context.platform.views
    for service in views.services():
        name = f"{service['database_name']}.{service['schema_name']}.{service['name']}"
        if not context.has("MONITOR", "Service", name):
            continue
        about = {
            "snow.account.name": context.platform.account,
            "snow.compute_pool.name": service["compute_pool"],
            "snow.database.name": service["database_name"],
            "snow.schema.name": service["schema_name"],
            "snow.service.name": service["name"],
            "snow.service.type": "Job" if service["is_job"] == "true" else "Service",
        }
        for event in views.events(name):
            yield {
                "TIMESTAMP": _utc(dt.datetime.fromisoformat(event.timestamp)),
                "RESOURCE_ATTRIBUTES": {**about, **_of("instance", event.instance_id, event.container)},
                "SCOPE": _PLATFORM,
                "RECORD_TYPE": "EVENT",
                "RECORD": {"name": event.name, "severity_text": event.severity},
                "VALUE": event.details,
            }
        for moment, metric in views.metrics(name):
            yield {
                "TIMESTAMP": _utc(moment),
                "RESOURCE_ATTRIBUTES": {**about, **_of("container.instance", metric.instance_id, metric.container)},
                "SCOPE": _PLATFORM,
                "RECORD_TYPE": "METRIC",
                "RECORD": {
                    "metric": {"name": metric.name, "unit": metric.unit},
                    "metric_type": "gauge",
                    "value_type": "DOUBLE",
                },
                "VALUE": metric.value,
            }
        for moment, instance, container, line in views.log_lines(name):
            yield {
                "TIMESTAMP": _utc(moment),
                "RESOURCE_ATTRIBUTES": {**about, **_of("container.instance", instance, container)},
                "RECORD_TYPE": "LOG",
                "RECORD": {"severity_text": "INFO"},
                # Both streams of a container go into one file here.
                "RECORD_ATTRIBUTES": {"log.iostream": "stdout"},
                "VALUE": line,
            }


def _of(key: str, instance: int | None, container: str | None) -> dict[str, str]:
    """Attributes of an instance and a container, those that there are."""
    given = {f"snow.service.{key}": instance, "snow.service.container.name": container}
    return {name: str(value) for name, value in given.items() if value is not None}


def _utc(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
