"""One whole cluster (head with notebook, two workers, a custom worker, monitoring) for every test in this folder."""

from __future__ import annotations

import json
import shutil
import ssl
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, MonitoringConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.errors import ClusterError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.submission import TERMINAL, HeadAddress, JobRequest, JobStatus
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.ingress import IngressTokens, session_tokens

CONFIG = ClusterConfig(
    "WHOLE",
    worker_groups=[
        WorkerGroup("CPU_X64_S", count=2),
        WorkerGroup(
            "CPU_X64_XS",
            name="special",
            count=1,
            labels={"zone": "special"},
            env={"GREETING": "hello from the special worker"},
        ),
    ],
    query_warehouse="RAYDP_SIS_XSW",
    notebook=True,
    # No Grafana server can be had for tests; what it would show is checked without it.
    monitoring=MonitoringConfig(grafana=False) if shutil.which("prometheus") else None,
)


@dataclass(frozen=True)
class WholeCluster:
    """A cluster that is ready, and the ways to it.

    :param pages: name of a public endpoint → its address ``https://…``, as of the start.
    """

    config: ClusterConfig
    environment: dict[str, str]
    connection: Any
    clusters: Clusters
    pages: dict[str, str]
    tokens: IngressTokens

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def client(self) -> SpcsClient:
        return self.clusters.client

    def jobs(self) -> RayJobsClient:
        """A client for its jobs; close it."""
        address = HeadAddress(self.pages["dashboard"], self.pages["job-files"])
        return RayJobsClient(address, tokens=self.tokens, ca_bundle=self.environment["SSL_CERT_FILE"])

    def browse(self, endpoint: str, *, signed_in: bool = True) -> httpx.Client:
        """A client for one of its public endpoints; close it."""
        return httpx.Client(
            base_url=self.pages[endpoint],
            headers=self.tokens.headers() if signed_in else {},
            verify=self.trust,
            timeout=60,
        )

    def notebook_token(self) -> str:
        """The notebook's token, once Jupyter answers: a busy machine may have taken longer than the head waits for it."""
        with self.browse("job-files") as files, self.browse("notebook") as notebook:
            deadline = time.monotonic() + 240
            while notebook.get("/api").status_code != 200:
                assert time.monotonic() < deadline, "Jupyter does not answer"
                time.sleep(0.5)
            return files.get("/notebook-token").raise_for_status().text

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.environment["SSL_CERT_FILE"])

    def run(self, script: str, name: str) -> dict[str, Any]:
        """Run a script as a Ray job; answer the JSON mapping that its last line of that kind holds.

        :param name: of the file on the artifacts stage, unique among the tests.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{name}.py"
            file.write_text(script)
            self.client.stages.put(file, "@RAYDP_ARTIFACTS/tests")
        job = f"{name}-{time.time_ns()}"
        with self.jobs() as ray:
            ray.submit(JobRequest(job, f"python $RAYDP_ARTIFACTS_DIR/tests/{name}.py"))
            deadline = time.monotonic() + 240
            while (status := ray.info(job).status) not in TERMINAL:
                assert time.monotonic() < deadline, f"{name} does not end"
                time.sleep(0.5)
            log = b"".join(ray.logs(job)).decode()
        assert status == JobStatus.SUCCEEDED, log[-4000:]
        found: dict[str, Any] = json.loads([line for line in log.splitlines() if line.startswith("{")][-1])
        return found


@pytest.fixture(scope="package")
def whole_cluster(local_snowflake: dict[str, str]) -> Iterator[WholeCluster]:
    with connect(local_snowflake, session_parameters={"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"}) as connection:
        clusters = Clusters(client_of(connection))
        clusters.create(CONFIG)
        try:
            try:
                clusters.wait_for(CONFIG.name, deadline=time.time() + 420, poll=0.5)
            except ClusterError as error:
                pytest.fail("\n".join([str(error), *clusters.last_words(CONFIG.name, lines=60)]))
            pages = clusters.endpoints(CONFIG.name)
            yield WholeCluster(CONFIG, local_snowflake, connection, clusters, pages, session_tokens(connection))
        finally:
            clusters.delete(CONFIG.name)
