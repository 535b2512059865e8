"""A snapshot of a run's metrics: what Prometheus gathered while its jobs ran, as one Parquet file.

A row is one value of one series: ``timestamp`` (UTC, milliseconds), ``metric``, ``labels`` (JSON), ``value``. There is one
for every step of :data:`STEP_SECONDS`; a longer or larger run gets longer steps, so that there are not many more than
:data:`MAX_ROWS` rows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from airflow_provider_raydp_spcs.cluster.errors import MetricsMissingError

if TYPE_CHECKING:
    import pyarrow as pa

STEP_SECONDS: Final = 5
"""How often Prometheus asks (images/prometheus)."""
MAX_ROWS: Final = 1_000_000
ROWS_AT_ONCE: Final = 100_000
"""The most rows of one question, so that neither Prometheus nor this process has to hold everything."""
EVERYTHING: Final = '{__name__=~".+",__name__!~".+_bucket"}'
"""Histograms' buckets are left out: they would be most of the rows, and say little one by one."""

Sample = tuple[int, str, str, float]
"""Milliseconds since 1970, metric, labels as JSON, value."""


class JobTimes(Protocol):
    """When a job ran, in milliseconds since 1970; None where that is not known (yet)."""

    @property
    def start_time(self) -> int | None:
        """When it began."""
        ...

    @property
    def end_time(self) -> int | None:
        """When it ended."""
        ...


class MetricsSource(Protocol):
    """Where metrics come from: Prometheus, through the head."""

    def prometheus(self, question: str, parameters: Mapping[str, str]) -> Any:
        """What Prometheus answers (its ``data``) to ``/api/v1/<question>``."""
        ...


def time_range(jobs: Iterable[JobTimes], now: float) -> tuple[float, float]:
    """From the first start to the last end, in seconds since 1970; a job that still runs ends now.

    :raises MetricsMissingError: none has started.
    """
    times = [(job.start_time, job.end_time) for job in jobs]
    starts = [start / 1000 for start, _ in times if start is not None]
    if not starts:
        msg = "no job has started, so there is no time that they could be of"
        raise MetricsMissingError(msg)
    return min(starts), max(end / 1000 if end is not None else now for _, end in times)


def write_snapshot(source: MetricsSource, start: float, end: float, file: Path) -> int:
    """Write what there is between two times, in seconds since 1970; answer the number of rows.

    :raises MetricsMissingError: there is nothing, or pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        msg = "pyarrow is not installed where logs are exported; pip install pyarrow"
        raise MetricsMissingError(msg) from error

    series = source.prometheus("series", {"match[]": EVERYTHING, "start": f"{start:.3f}", "end": f"{end:.3f}"})
    if not series:
        msg = (
            "Prometheus has gathered nothing in that time; a job that ran for a few seconds may fall between two looks"
        )
        raise MetricsMissingError(msg)
    rows = 0
    schema = _schema()
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for samples in _samples(source, start, end, len(series)):
            columns = list(zip(*samples, strict=True))
            table = pa.table(
                [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema
            )
            writer.write_table(table)
            rows += table.num_rows
    return rows


def _samples(source: MetricsSource, start: float, end: float, series: int) -> Iterator[Sequence[Sample]]:
    step = step_seconds(end - start, series)
    points = max(1, ROWS_AT_ONCE // series)
    for first in range(0, int((end - start) / step) + 1, points):
        begin = start + first * step
        last = min(end, begin + (points - 1) * step)
        parameters = {"query": EVERYTHING, "start": f"{begin:.3f}", "end": f"{last:.3f}", "step": str(step)}
        found = source.prometheus("query_range", parameters)["result"]
        samples = [sample for each in found for sample in _rows(each)]
        if samples:
            yield samples


def step_seconds(duration: float, series: int) -> int:
    """The step with which a number of series makes no more than about :data:`MAX_ROWS` rows."""
    return max(STEP_SECONDS, math.ceil(duration * series / MAX_ROWS))


def _rows(series: Mapping[str, Any]) -> Iterator[Sample]:
    labels = dict(series["metric"])
    name = labels.pop("__name__", "")
    text = json.dumps(labels, sort_keys=True)
    for at, value in series["values"]:
        yield round(float(at) * 1000), name, text, float(value)


def _schema() -> pa.Schema:
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            pa.field("timestamp", pa.timestamp("ms", "UTC"), nullable=False),
            pa.field("metric", text, nullable=False),
            pa.field("labels", text, nullable=False),
            pa.field("value", pa.float64(), nullable=False),
        ]
    )
