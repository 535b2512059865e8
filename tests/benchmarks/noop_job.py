"""What the operator adds to a job that does nothing.

Run by ``make bench-noop`` (6 minutes). On one cluster, in turn: the job over Ray's REST API alone (submitted, then asked for
every tenth of a second, the token at hand), the same job by the operator's ``execute`` in this process, by the operator of
astro-provider-ray in an environment of its own, asking as often as it can be told to, and the same job as a task of a real
Airflow with scheduler and LocalExecutor, from the task's start to its end as Airflow notes them, and beside
it a task that does nothing, which tells Airflow's own part of that. The job is the same each time: the same file, the same
command.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.endpoints import DASHBOARD
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.jobs.application import Application
from airflow_provider_raydp_spcs.spcs.ingress import session_tokens
from tests.benchmarks.figures import Figure, record, show
from tests.benchmarks.peers import astro
from tests.local_snowflake import local_snowflake
from tests.system.live.real_airflow import RealAirflow

DAGS = Path(__file__).parent / "noop_dags"
JOB = DAGS / "jobs" / "noop.py"
NAME = "NOOP"
REPETITIONS = int(os.environ.get("BENCH_PAIRS", "8"))
LIMIT_SECONDS = 0.7
POLL_SECONDS = 0.1
RAW, OPERATOR, TASK, EMPTY = (
    "Ray's REST API",
    "the operator's execute",
    "a task of a real Airflow",
    "an empty task of it",
)


class _Instance:
    """A task instance as the operator sees it."""

    dag_id, task_id, map_index, try_number, max_tries = "noop", "job", -1, 1, 0

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id

    def xcom_push(self, key: str, value: Any) -> None:
        """Kept nowhere."""


class _Store(dict[str, Any]):
    """A task state store."""

    set = dict.__setitem__


def main() -> int:
    took: dict[str, list[float]] = {}
    with local_snowflake() as environment:
        parameters = {"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"}
        with connect(environment, session_parameters=parameters) as connection, tempfile.TemporaryDirectory() as home:
            clusters = Clusters(client_of(connection))
            clusters.create(ClusterConfig(NAME, worker_groups=[WorkerGroup("CPU_X64_XS", count=1)]))
            airflow = RealAirflow(Path(home), {"benchmark": DAGS}, environment)
            try:
                airflow.start()
                clusters.wait_for(NAME, deadline=time.time() + 120, poll=0.5)
                address = clusters.head_endpoints(NAME)[DASHBOARD]
                headers = session_tokens(connection).headers()
                with (
                    httpx.Client(base_url=address, headers=headers, verify=environment["SSL_CERT_FILE"]) as ray,
                    astro.astro_jobs(address, headers, environment["SSL_CERT_FILE"]) as by_astro,
                ):
                    ways: list[Callable[[str], dict[str, float]]] = [
                        _by_the_operator,
                        lambda run: _by_rest(ray, run),
                        lambda run: {astro.NAME: by_astro(_entrypoint(f"astro-{run}"))},
                        lambda run: _by_a_task(airflow, run),
                    ]
                    for turn, way in itertools.product(range(REPETITIONS + 1), ways):
                        for name, seconds in way(f"{turn}-{uuid.uuid4().hex[:8]}").items():
                            if turn:  # the first of each warms up
                                took.setdefault(name, []).append(seconds)
            finally:
                airflow.stop()
                clusters.delete(NAME)
    median = {name: statistics.median(seconds) for name, seconds in took.items()}

    def beyond(name: str, *parts: str) -> float | None:
        return median[name] - sum(median[part] for part in parts) if name in (OPERATOR, TASK) else None

    show(
        f"A job that does nothing, until its success is seen ({REPETITIONS} times each, in turn)",
        {
            name: [
                Figure("median", median[name], "s"),
                Figure("quickest", min(took[name]), "s"),
                Figure("slowest", max(took[name]), "s"),
                Figure("median beyond Ray's REST API", beyond(name, RAW), "s", LIMIT_SECONDS),
                Figure("… and beyond an empty task", beyond(name, RAW, EMPTY) if name == TASK else None, "s"),
            ]
            for name in (RAW, OPERATOR, astro.NAME, EMPTY, TASK)
        },
    )
    record("noop-job", RAW, took[OPERATOR], took[RAW], "s")
    record("noop-job-other-provider", astro.NAME, took[OPERATOR], took[astro.NAME], "s")
    return 0


def _entrypoint(job: str) -> str:
    return Application.read(JOB).entrypoint(NAME, job)


def _by_rest(ray: httpx.Client, run: str) -> dict[str, float]:
    job = f"raw-{run}"
    body = {"entrypoint": _entrypoint(job), "submission_id": job}
    began = time.monotonic()
    ray.post("/api/jobs/", json=body).raise_for_status()
    while (status := ray.get(f"/api/jobs/{job}").raise_for_status().json()["status"]) in ("PENDING", "RUNNING"):
        time.sleep(POLL_SECONDS)
    assert status == "SUCCEEDED", status
    return {RAW: time.monotonic() - began}


def _by_the_operator(run: str) -> dict[str, float]:
    from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator

    operator = SubmitRayDPJobOperator(task_id="job", cluster_name=NAME, application=JOB)
    context: Any = {"ti": _Instance(run), "task_state_store": _Store()}
    began = time.monotonic()
    operator.execute(context)
    return {OPERATOR: time.monotonic() - began}


def _by_a_task(airflow: RealAirflow, run: str) -> dict[str, float]:
    airflow.trigger("noop", run)
    assert airflow.wait_run("noop", run, 120) == "success"
    return {name: _seconds(airflow.tasks("noop", run)[task_id]) for name, task_id in ((TASK, "job"), (EMPTY, "empty"))}


def _seconds(task: dict[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(task[key]) for key in ("start_date", "end_date"))
    return (ended - began).total_seconds()


if __name__ == "__main__":
    sys.exit(main())
