"""A real Prometheus looks at a real Spark job: whom it scrapes, what every panel shows, what is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.cluster.logs import LogTarget, export_logs
from airflow_provider_raydp_spcs.jobs.application import Application
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.submission import TERMINAL, JobRequest, JobStatus
from airflow_provider_raydp_spcs.jobs.wait import result_of
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from tests.grafana import OWN, Query, dashboards, queries
from tests.integration.containers import until
from tests.programs import needed
from tests.system.whole.conftest import WholeCluster
from tests.system.whole.panels_without_data import REASONS, reason

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
JOB = Path(__file__).with_name("monitored_job.py")
JOB_SECONDS = 40
LAG_SECONDS = 15
"""Ray tells its metrics every ten seconds, and Prometheus asks every five."""


@dataclass(frozen=True)
class Run:
    """The job, over; times in seconds since 1970."""

    job: str
    start: float
    end: float
    drivers: list[dict[str, Any]]
    result: dict[str, int]


@pytest.fixture(scope="module", autouse=True)
def prometheus() -> str:
    """Where the program is that the local Snowflake runs."""
    return needed("prometheus", package="prometheus")


@pytest.fixture(scope="module")
def ray(whole_cluster: WholeCluster) -> Iterator[RayJobsClient]:
    with whole_cluster.jobs() as client:
        yield client


@pytest.fixture(scope="module")
def run(whole_cluster: WholeCluster, ray: RayJobsClient) -> Run:
    """A Spark job with shuffle and spill that also uses Ray's tasks, actors and datasets."""
    application = Application.read(JOB, [str(JOB_SECONDS)])
    whole_cluster.client.stages.put(JOB, f"@RAYDP_ARTIFACTS/{application.folder(whole_cluster.name)}")
    job = f"monitored-{time.time_ns()}"
    ray.submit(JobRequest(job, application.entrypoint(whole_cluster.name, job)))
    drivers: list[dict[str, Any]] = []
    with whole_cluster.browse("job-files") as files:
        while (info := ray.info(job)).status not in TERMINAL:
            drivers = drivers or files.get("/spark-targets").raise_for_status().json()
            time.sleep(1)
        assert files.get("/spark-targets").json() == [], "a driver that ended is no target"
    assert info.status is JobStatus.SUCCEEDED, b"".join(ray.logs(job)).decode()[-4000:]
    assert info.start_time is not None
    assert info.end_time is not None
    time.sleep(LAG_SECONDS)
    return Run(job, info.start_time / 1000, info.end_time / 1000, drivers, result_of(ray, job))


def values(ray: RayJobsClient, query: str, run: Run) -> list[dict[str, Any]]:
    """The series that a query had at any time of the run."""
    found = ray.prometheus(
        "query_range", {"query": query, "start": str(run.start), "end": str(run.end + LAG_SECONDS), "step": "5"}
    )
    return list(found["result"])


def test_every_node_and_the_spark_driver_is_scraped(whole_cluster: WholeCluster, ray: RayJobsClient, run: Run) -> None:
    client, name = whole_cluster.client, whole_cluster.name
    nodes = {
        str(instance.ip_address)
        for group in ("HEAD", "WORKER", "SPECIAL")
        for instance in client.services.instances(f"{name}_{group}")
    }
    assert len(nodes) == 4
    up = values(ray, "max_over_time(up[5s]) == 1", run)
    scraped = {(each["metric"]["job"], each["metric"]["instance"].rpartition(":")[0]) for each in up}
    assert {node for job, node in scraped if job == "ray"} == nodes
    spark = {(each["metric"]["app"], each["metric"]["part"]) for each in up if each["metric"]["job"] == "spark"}
    assert spark == {("monitored", "driver"), ("monitored", "executors")}
    assert [each["labels"]["part"] for each in run.drivers] == ["driver", "executors"]


def test_every_panel_shows_something_during_the_job(ray: RayJobsClient, run: Run) -> None:
    asked = [query for name, each in dashboards().items() for query in queries(name, each, int(run.end - run.start))]
    empty: list[Query] = [query for query in asked if not values(ray, query.text, run)]
    # Ours shows everything.
    assert not [str(query) for query in empty if query.dashboard == OWN]
    unexpected = [str(query) for query in empty if reason(query) is None]
    assert not unexpected, "\n".join(unexpected)
    for beginning in REASONS:
        assert any(str(query).startswith(beginning) for query in asked), f"there is no such panel: {beginning}"
    assert run.result["rows"] == 1000 * run.result["rounds"]


def test_spark_spilled_and_it_is_seen(ray: RayJobsClient, run: Run) -> None:
    found = values(ray, 'max by (kind) (ray_spark_spilled_bytes{app="monitored"})', run)
    spilled = {each["metric"]["kind"]: float(each["values"][-1][1]) for each in found}
    assert set(spilled) == {"memory", "disk"}
    assert min(spilled.values()) > 0


def test_nobody_comes_to_prometheus_without_signing_in(whole_cluster: WholeCluster) -> None:
    with whole_cluster.browse("job-files", signed_in=False) as files:
        assert files.get("/prometheus/api/v1/query?query=up").status_code == 302
    with whole_cluster.browse("job-files") as files:
        assert files.get("/prometheus/api/v1/status/config").status_code == 404


def test_a_snapshot_of_the_run_is_on_the_stage(
    whole_cluster: WholeCluster, ray: RayJobsClient, run: Run, tmp_path: Path
) -> None:
    target = LogTarget("RAYDPLOGS", whole_cluster.name, "dag", "run", "task", 1)
    exported = export_logs(whole_cluster.client, whole_cluster.clusters, target, [run.job], ray)
    assert not [line for line in exported.missing if line.startswith("metrics")]
    whole_cluster.client.stages.get(f"{target.path}/metrics.parquet", tmp_path)
    table = pq.read_table(tmp_path / "metrics.parquet")
    times = [at.timestamp() for at in table["timestamp"].unique().to_pylist()]
    assert run.start - 1 <= min(times) < max(times) <= run.end + 1
    assert len(times) > JOB_SECONDS / 5
    kept = set(table["metric"].unique().to_pylist())
    assert {
        "metrics_executor_totalShuffleRead_bytes_total",
        "ray_node_mem_used_host",
        "ray_spark_spilled_bytes",
    } <= kept
    labels = [json.loads(text) for text in table["labels"].unique().to_pylist()]
    assert {each["job"] for each in labels} >= {"ray", "spark"}


def test_data_survive_a_restart_of_prometheus(whole_cluster: WholeCluster, ray: RayJobsClient, run: Run) -> None:
    """The last test here: the local Snowflake gives Prometheus another address, of which the head does not know."""
    services, name = whole_cluster.client.services, f"{whole_cluster.name}_PROMETHEUS"
    query = 'count_over_time(metrics_executor_totalTasks_total{executor_id!="driver"}[1h])'
    before = ray.prometheus("query", {"query": query, "time": str(run.end)})["result"]
    assert before
    services.suspend(name)
    until(lambda: services.describe(name).status is ServiceStatus.SUSPENDED)
    services.resume(name)
    until(lambda: services.describe(name).status is ServiceStatus.RUNNING)
    (instance,) = services.instances(name)
    address = f"http://{instance.ip_address}:{ports.PROMETHEUS}"
    reply = httpx.get(f"{address}/api/v1/query", params={"query": query, "time": run.end}, trust_env=False)
    assert reply.json()["data"]["result"] == before
