"""What a Spark session tells Prometheus, where the cluster has monitoring.

Most of it comes from Spark itself: servlets of the driver's user interface tell its own metrics and those of the
executors. What Spark has no metric for, how much was spilled, goes out through Ray's.
"""

from __future__ import annotations

import json
import os
import threading
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from airflow_provider_raydp_spcs.runtime import drivers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MONITORED: Final = "RAYDP_PROMETHEUS"
"""Environment variable that is set where the cluster has Prometheus."""
DRIVER_PATH: Final = "/metrics/prometheus"
EXECUTORS_PATH: Final = "/metrics/executors/prometheus"
LOOK_SECONDS: Final = 5.0
TIMEOUT_SECONDS: Final = 10.0
SPILLED: Final = "spark_spilled_bytes"
_KINDS: Final = {"memory": "memoryBytesSpilled", "disk": "diskBytesSpilled"}
_SINK: Final = "spark.metrics.conf.driver.sink.prometheusServlet"


def is_monitored(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether anybody gathers metrics here."""
    return bool(environment.get(MONITORED) and environment.get(drivers.VARIABLE))


def metrics_settings() -> dict[str, str]:
    """Spark's settings: its metrics for Prometheus, under names that are the same for every application."""
    return {
        "spark.ui.prometheus.enabled": "true",
        "spark.metrics.namespace": "spark",
        "spark.metrics.appStatusSource.enabled": "true",
        "spark.metrics.conf.driver.source.jvm.class": "org.apache.spark.metrics.source.JvmSource",
        f"{_SINK}.class": "org.apache.spark.metrics.sink.PrometheusServlet",
        f"{_SINK}.path": DRIVER_PATH,
    }


@contextmanager
def metrics_shown(spark: SparkSession, every: float = LOOK_SECONDS) -> Iterator[None]:
    """Let Prometheus find this session for the time of the block, and tell what was spilled.

    Does nothing where nobody gathers metrics, or where the session has no user interface.

    :param every: seconds between looks.
    """
    ui = spark.sparkContext.uiWebUrl
    if not ui or not is_monitored():
        yield
        return
    from ray.util.metrics import Gauge

    name, application = str(spark.sparkContext.appName), str(spark.sparkContext.applicationId)
    gauge = Gauge(SPILLED, description="Bytes that the session's tasks spilled until now.", tag_keys=("app", "kind"))
    spills = Spills()
    ended = threading.Event()

    def watch() -> None:
        last = False
        while not last:
            last = ended.wait(every)
            try:
                stages = _stages(ui, application)
            except (OSError, ValueError):
                continue  # the session is busy, or on its way down; metrics are no reason to fail a job
            for kind, spilled in spills.look(stages).items():
                gauge.set(spilled, tags={"app": name, "kind": kind})

    thread = threading.Thread(target=watch, daemon=True, name="spark-metrics")
    with drivers.listed(drivers.Driver(name, urlsplit(ui).netloc), Path(os.environ[drivers.VARIABLE])):
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=TIMEOUT_SECONDS)


class Spills:
    """Adds up what the tasks of a session spilled; stages that Spark has forgotten meanwhile still count."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], Mapping[str, Any]] = {}

    def look(self, stages: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        """Bytes in all by now: ``memory`` as they were in memory, ``disk`` as they were written.

        :param stages: of Spark's REST API.
        """
        for stage in stages:
            spilled = {kind: int(stage.get(name, 0)) for kind, name in _KINDS.items()}
            self._seen[int(stage["stageId"]), int(stage["attemptId"])] = spilled
        return {kind: sum(spilled[kind] for spilled in self._seen.values()) for kind in _KINDS}


def _stages(ui: str, application: str) -> list[dict[str, Any]]:
    # Spark's own address: whatever proxy the job's environment names is none for it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{ui}/api/v1/applications/{application}/stages", timeout=TIMEOUT_SECONDS) as reply:
        return list(json.load(reply))
