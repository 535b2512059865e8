"""A job with a warm session beside one that starts stock RayDP, from the submit to Spark's first result.

Run by ``make bench-warm`` (10 minutes; ``BENCH_ROUNDS=1`` takes 3). On one cluster, in turn: a job that calls
``raydp.init_spark`` and asks Spark for a sum, and one of ours that asks for the same in the warm session that an earlier job
has started. Both have two executors with one core and 600 MiB, side by side on the same workers. The job itself tells when
it has the result.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.jobs.application import Application
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.submission import TERMINAL, HeadAddress, JobStatus
from airflow_provider_raydp_spcs.spcs.ingress import session_tokens
from tests.benchmarks import figures
from tests.local_snowflake import local_snowflake

NAME = "WARM"
GOAL = 0.15
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
STOCK_JOB = """
import time, uuid
import ray, raydp
ray.init(address="auto", log_to_driver=False)
spark = raydp.init_spark(f"stock-{uuid.uuid4().hex}", 2, 1, "600m")
total = spark.range(1000).selectExpr("sum(id)").collect()[0][0]
print("first result", total, time.time(), flush=True)
raydp.stop_spark()
"""
WARM_JOB = """
import time
from airflow_provider_raydp_spcs.runtime import spark_session
with spark_session(executors=2, executor_cores=1, executor_memory_mib=600, share=0.5) as spark:
    total = spark.range(1000).selectExpr("sum(id)").collect()[0][0]
    print("first result", total, time.time(), flush=True)
"""


class Bench:
    """One cluster and its jobs."""

    def __init__(self, clusters: Clusters, ray: RayJobsClient, folder: Path) -> None:
        self._ray = ray
        self._jobs: dict[str, Application] = {}
        for name, text, session in (("stock", STOCK_JOB, "own"), ("warm", WARM_JOB, "warm")):
            file = folder / f"{name}.py"
            file.write_text(text)
            self._jobs[name] = replace(Application.read(file), session=session)
            self._jobs[name].upload(clusters.client.stages, "RAYDP_ARTIFACTS", NAME)

    def run(self, name: str) -> float:
        """Seconds until the first result."""
        job = f"{name}-{uuid.uuid4().hex[:8]}"
        began = time.time()
        self._ray.submit(self._jobs[name].request(NAME, job, {}, {}))
        while (status := self._ray.info(job).status) not in TERMINAL:
            time.sleep(0.25)
        log = b"".join(self._ray.logs(job)).decode()
        assert status == JobStatus.SUCCEEDED, log
        (line,) = [line for line in log.splitlines() if line.startswith("first result 499500 ")]
        return float(line.split()[-1]) - began


@contextmanager
def bench() -> Iterator[Bench]:
    """A cluster that is ready."""
    parameters = {"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"}
    with (
        local_snowflake() as environment,
        connect(environment, session_parameters=parameters) as connection,
        tempfile.TemporaryDirectory() as folder,
    ):
        clusters = Clusters(client_of(connection))
        clusters.create(ClusterConfig(NAME, worker_groups=[WorkerGroup("CPU_X64_S", count=2)]))
        try:
            clusters.wait_for(NAME, deadline=time.time() + 300, poll=0.5)
            pages = clusters.endpoints(NAME)
            address = HeadAddress(pages["dashboard"], pages["job-files"])
            tokens = session_tokens(connection)
            with RayJobsClient(address, tokens=tokens, ca_bundle=environment["SSL_CERT_FILE"]) as ray:
                yield Bench(clusters, ray, Path(folder))
        finally:
            clusters.delete(NAME)


def main() -> int:
    took: dict[str, list[float]] = {"stock": [], "warm": []}
    with bench() as running:
        print(f"the first job, which starts the warm session: {running.run('warm'):.1f} s", flush=True)
        for turn in range(ROUNDS):
            for name, runs in took.items():
                runs.append(running.run(name))
                print(f"{name} {turn + 1}: {runs[-1]:.2f} s", flush=True)
    figures.record("warm-session", "raydp.init_spark in a job of its own", took["warm"], took["stock"], "s", goal=GOAL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
