"""The snapshot of a run's metrics, with a Prometheus that has two or many series."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from airflow_provider_raydp_spcs.cluster import metrics
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, MonitoringConfig
from airflow_provider_raydp_spcs.cluster.errors import MetricsMissingError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.logs import LogTarget, export_logs
from airflow_provider_raydp_spcs.cluster.metrics import step_seconds, time_range, write_snapshot
from tests.unit.cluster.fakes import FakeClient

START = 1_700_000_000.0


@dataclass(frozen=True)
class Times:
    start_time: int | None
    end_time: int | None


class FakePrometheus:
    """Has ``series`` series with a value at every step."""

    def __init__(self, series: int = 2) -> None:
        self.series, self.questions = series, list[Mapping[str, str]]()

    def prometheus(self, question: str, parameters: Mapping[str, str]) -> Any:
        names = [{"__name__": f"m{n}", "job": "ray", "a": 'x"y'} for n in range(self.series)]
        if question == "series":
            return names
        assert question == "query_range"
        self.questions.append(parameters)
        begin, end, step = (float(parameters[name]) for name in ("start", "end", "step"))
        times = [begin + n * step for n in range(int((end - begin) / step) + 1)]
        values = [[at, "NaN" if at == begin else str(at - START)] for at in times]
        return {"resultType": "matrix", "result": [{"metric": name, "values": values} for name in names]}


class FakeRay(FakePrometheus):
    """Also has a job's logs and times."""

    def logs(self, submission_id: str) -> Any:
        yield b"log\n"

    def export_logs(self, order: Mapping[str, Any]) -> None:
        del order

    def node_logs(self) -> list[tuple[str, str]]:
        return []

    def read_log(self, node: str, file: str) -> Any:
        raise AssertionError

    def info(self, submission_id: str) -> Times:
        return Times(round(START * 1000), round(START * 1000) + 60_000)


def test_a_row_is_one_value_of_one_series(tmp_path: Path) -> None:
    rows = write_snapshot(FakePrometheus(), START, START + 60, tmp_path / "m.parquet")
    table = pq.read_table(tmp_path / "m.parquet")
    assert [str(field.type) for field in table.schema] == ["timestamp[ms, tz=UTC]", "string", "string", "double"]
    found = table.to_pylist()
    assert len(found) == rows == 2 * 13
    last = found[12]
    assert last == {
        "timestamp": dt.datetime.fromtimestamp(START + 60, dt.UTC),
        "metric": "m0",
        "labels": json.dumps({"a": 'x"y', "job": "ray"}),
        "value": 60.0,
    }


def test_many_values_are_asked_for_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "ROWS_AT_ONCE", 8)
    source = FakePrometheus()
    assert write_snapshot(source, START, START + 63, tmp_path / "m.parquet") == 2 * 13
    assert len(source.questions) == 4
    table = pq.read_table(tmp_path / "m.parquet", columns=["timestamp", "metric"])
    # No moment twice, and none left out.
    assert sorted(at.timestamp() - START for at in table["timestamp"].to_pylist()) == sorted(
        [5.0 * n for n in range(13)] * 2
    )


@pytest.mark.parametrize(
    ("duration", "series", "step"), [(60, 1000, 5), (3600, 1000, 5), (24 * 3600, 2000, 173), (1, 10_000_000, 10)]
)
def test_the_step_grows_so_that_the_file_does_not(duration: float, series: int, step: int) -> None:
    assert step_seconds(duration, series) == step
    assert duration / step * series <= metrics.MAX_ROWS


def test_the_time_is_that_of_the_jobs() -> None:
    assert time_range([Times(5000, 7000), Times(4000, 6000)], 99) == (4, 7)
    assert time_range([Times(5000, None), Times(4000, 6000)], 99) == (4, 99)
    with pytest.raises(MetricsMissingError, match="no job has started"):
        time_range([Times(None, None)], 99)


def test_where_there_is_nothing_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MetricsMissingError, match="Prometheus has gathered nothing"):
        write_snapshot(FakePrometheus(0), START, START + 1, tmp_path / "m.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MetricsMissingError, match="pip install pyarrow"):
        write_snapshot(FakePrometheus(), START, START + 1, tmp_path / "m.parquet")


@pytest.fixture
def clusters(client: FakeClient) -> Clusters:
    return Clusters(client, sleep=lambda seconds: None)  # type: ignore[arg-type]


class DeadPrometheus(FakeRay):
    def prometheus(self, question: str, parameters: Mapping[str, str]) -> Any:
        msg = "Prometheus does not answer"
        raise OSError(msg)


@pytest.mark.parametrize(
    ("monitored", "ray", "jobs", "exported", "missing"),
    [
        (True, FakeRay(), ["j"], {"driver.log", "metrics.parquet"}, ()),
        (False, FakeRay(), ["j"], {"driver.log"}, ()),
        (True, FakeRay(), [], set(), ()),
        (True, DeadPrometheus(), ["j"], {"driver.log", "missing.txt"}, ("metrics: Prometheus does not answer",)),
    ],
)
def test_the_export_has_it_where_there_is_monitoring(
    client: FakeClient, clusters: Clusters, monitored: bool, ray: FakeRay, jobs: list[str], exported: set[str],
    missing: tuple[str, ...],
) -> None:  # fmt: skip
    clusters.create(ClusterConfig("C", monitoring=MonitoringConfig(grafana=False) if monitored else None))
    found = export_logs(client, clusters, LogTarget("L", "C", "d", "r", "t", 1), jobs, ray)  # type: ignore[arg-type]
    names = {name.rpartition("/")[2] for name in found.files if "/containers/" not in name}
    assert (names, found.missing) == (exported | {"checksums.md5"}, missing)
