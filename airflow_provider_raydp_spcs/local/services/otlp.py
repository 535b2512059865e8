"""From the messages of the OpenTelemetry protocol to rows of the event table (columns as Snowflake documents them).

Of histograms the table's form is not documented; here the value is an object of their figures. Summaries are left out, as
Snowflake does not take them.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.local.services.telemetry import Record

if TYPE_CHECKING:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_OWN: Final = "snow."
"""Attributes whose names begin so are Snowflake's alone; those that a program sets are dropped."""
_HISTOGRAMS: Final = ("histogram", "exponential_histogram")


def metrics(request: ExportMetricsServiceRequest) -> Iterator[Record]:
    """A row for each measurement."""
    for metric, scope, resource in _each(request, "metrics"):
        yield from _points(metric, scope, resource)


def spans(request: ExportTraceServiceRequest) -> Iterator[Record]:
    """A row for each span, and one for each of its events."""
    for span, scope, resource in _each(request, "spans"):
        yield from _of_span(span, scope, resource)


def _each(request: Any, what: str) -> Iterator[tuple[Any, dict[str, Any], dict[str, Any]]]:
    """What a request has, each with its scope and with what its program says of itself."""
    for group in getattr(request, f"resource_{what}"):
        resource = attributes(group.resource.attributes)
        for part in getattr(group, f"scope_{what}"):
            scope = _scope(part.scope)
            for each in getattr(part, what):
                yield each, scope, resource


def _points(metric: Metric, scope: dict[str, Any], resource: dict[str, Any]) -> Iterator[Record]:
    kind = metric.WhichOneof("data")
    if kind not in ("gauge", "sum", *_HISTOGRAMS):
        return
    about: dict[str, Any] = {"metric": {"name": metric.name, "unit": metric.unit}, "metric_type": kind}
    for point in getattr(metric, kind).data_points:
        value: Any
        if kind in _HISTOGRAMS:
            value, record = _histogram(point), about
        else:
            is_whole = point.WhichOneof("value") == "as_int"
            value = point.as_int if is_whole else _number(point.as_double)
            record = {**about, "value_type": "INT" if is_whole else "DOUBLE"}
        yield Record(
            "METRIC",
            _time(point.time_unix_nano),
            record,
            scope,
            value,
            start=_time(point.start_time_unix_nano) if kind != "gauge" and point.start_time_unix_nano else None,
            attributes=attributes(point.attributes),
            resource=resource,
        )


def _histogram(point: Any) -> dict[str, Any]:
    figures: dict[str, Any] = {"count": point.count, "sum": _number(point.sum)}
    if hasattr(point, "explicit_bounds"):
        figures["bucket_counts"] = list(point.bucket_counts)
        figures["explicit_bounds"] = [_number(bound) for bound in point.explicit_bounds]
    return figures


def _of_span(span: Span, scope: dict[str, Any], resource: dict[str, Any]) -> Iterator[Record]:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as Kinds
    from opentelemetry.proto.trace.v1.trace_pb2 import Status

    trace = {"trace_id": span.trace_id.hex(), "span_id": span.span_id.hex()}
    record: dict[str, Any] = {
        "name": span.name,
        "kind": Kinds.SpanKind.Name(span.kind),
        "dropped_attributes_count": span.dropped_attributes_count,
        "status": Status.StatusCode.Name(span.status.code),
    }
    if span.parent_span_id:
        record["parent_span_id"] = span.parent_span_id.hex()
    yield Record(
        "SPAN",
        _time(span.end_time_unix_nano),
        record,
        scope,
        start=_time(span.start_time_unix_nano),
        attributes=attributes(span.attributes),
        trace=trace,
        resource=resource,
    )
    for event in span.events:
        told = attributes(event.attributes)
        moment = _time(event.time_unix_nano)
        yield Record("SPAN_EVENT", moment, {"name": event.name}, scope, attributes=told, trace=trace, resource=resource)


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes by name."""
    return {pair.key: _value(pair.value) for pair in pairs if not pair.key.startswith(_OWN)}


def _scope(scope: InstrumentationScope) -> dict[str, Any]:
    return {"name": scope.name, **({"version": scope.version} if scope.version else {})}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    found = getattr(value, kind)
    if kind == "array_value":
        return [_value(each) for each in found.values]
    if kind == "kvlist_value":
        pairs: Mapping[str, Any] = {pair.key: _value(pair.value) for pair in found.values}
        return pairs
    if kind == "bytes_value":
        return found.hex()
    return _number(found) if kind == "double_value" else found


def _number(value: float) -> float | None:
    """A number as JSON can hold it."""
    return value if math.isfinite(value) else None


def _time(nanoseconds: int) -> str:
    try:
        return dt.datetime.fromtimestamp(nanoseconds / 1e9, dt.UTC).isoformat()
    except (OverflowError, ValueError):
        return dt.datetime.fromtimestamp(0, dt.UTC).isoformat()
