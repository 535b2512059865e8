"""The cluster that jobs share: whole again before each row, so that a fault that is not borne takes none after it along."""

from __future__ import annotations

import time
from typing import Any, Final

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.errors import ClusterError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.errors import RayJobsError
from airflow_provider_raydp_spcs.jobs.submission import TERMINAL, HeadAddress
from airflow_provider_raydp_spcs.jobs.wait import stop_and_wait
from airflow_provider_raydp_spcs.spcs.ingress import session_tokens
from tests.integration.containers import until

NAME: Final = "FAULTS"
NODES: Final = 2
WHOLE_SECONDS: Final = 90.0
"""How long it may take to come back by itself before it is replaced."""


class SharedCluster:
    """A head and one worker.

    :param connection: past everything that is broken.
    :param ca_bundle: certificates of its ingress.
    """

    def __init__(self, clusters: Clusters, connection: Any, ca_bundle: str) -> None:
        self._clusters, self._connection, self._ca_bundle = clusters, connection, ca_bundle

    def make_whole(self) -> None:
        """Wait until it is whole and no job runs on it; replace it where that does not come about, or it is not there."""
        try:
            self._come_back()
        except (ClusterError, RayJobsError, AssertionError):
            self._clusters.delete(NAME)
            self._clusters.create(ClusterConfig(NAME, worker_groups=[WorkerGroup("CPU_X64_XS", count=1)]))
            self._come_back()

    def client(self) -> RayJobsClient:
        """Its jobs; close it."""
        found = self._clusters.head_endpoints(NAME)
        address = HeadAddress(found["dashboard"], found["job-files"])
        return RayJobsClient(address, tokens=session_tokens(self._connection), ca_bundle=self._ca_bundle)

    def delete(self) -> None:
        self._clusters.delete(NAME)

    def _come_back(self) -> None:
        self._clusters.wait_for(NAME, deadline=time.time() + WHOLE_SECONDS, poll=0.5)
        with self.client() as client:
            until(lambda: sum(node["state"] == "ALIVE" for node in client.nodes()) == NODES, WHOLE_SECONDS)
            for job in client.jobs():
                if job.status not in TERMINAL:
                    stop_and_wait(client, job.submission_id)
