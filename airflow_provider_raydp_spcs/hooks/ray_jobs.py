"""Ray's Jobs API of a cluster, reached through the authenticated ingress."""

from __future__ import annotations

import os

from airflow.sdk import BaseHook

from airflow_provider_raydp_spcs.cluster.endpoints import DASHBOARD, JOB_FILES, JOBS_API
from airflow_provider_raydp_spcs.cluster.errors import ClusterNotFoundError, ClusterNotReadyError
from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook, is_programmatic_access_token
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.errors import HeadGoneError
from airflow_provider_raydp_spcs.jobs.submission import HeadAddress
from airflow_provider_raydp_spcs.spcs.errors import SnowflakeUnreachableError
from airflow_provider_raydp_spcs.spcs.ingress import IngressTokens, programmatic_access_token, session_tokens


class RayJobsHook(BaseHook):
    """Clients for the jobs of one cluster.

    :param cluster_name: its name.
    :param spcs: hook whose connection signs us in. Where it connects with a programmatic access token, that token
        opens the ingress as well; otherwise one is issued for its session.
    """

    def __init__(self, cluster_name: str, spcs: SpcsHook) -> None:
        super().__init__()
        self.cluster_name, self._spcs = cluster_name, spcs
        self._endpoints: dict[str, str] | None = None

    def endpoints(self) -> dict[str, str]:
        """Addresses of the head's public endpoints, asked for once.

        :raises ClusterNotFoundError: there is no such cluster.
        """
        if self._endpoints is None:
            self._endpoints = self._spcs.clusters.head_endpoints(self.cluster_name)
        return self._endpoints

    def address(self) -> HeadAddress:
        """Where the cluster's head answers.

        :raises ClusterNotFoundError: there is no such cluster.
        :raises ClusterNotReadyError: an endpoint has no address yet.
        """
        found = self.endpoints()
        try:
            return HeadAddress(found.get(JOBS_API) or found[DASHBOARD], found[JOB_FILES])
        except KeyError as missing:
            msg = (
                f"the endpoint {missing} of cluster {self.cluster_name} has no address yet; wait until the cluster is "
                "ready (CreateRayDPClusterOperator or RayDPClusterSensor)"
            )
            raise ClusterNotReadyError(msg) from missing

    def client(self) -> RayJobsClient:
        """A client; close it."""
        return RayJobsClient(self.address(), tokens=self.tokens(), ca_bundle=ca_bundle())

    def tokens(self) -> IngressTokens:
        """Credentials for the ingress."""
        parameters = self._spcs.arguments()
        if is_programmatic_access_token(parameters):
            return programmatic_access_token(str(parameters["token"]))
        return session_tokens(self._spcs.connection)

    def diagnose(self) -> None:
        """Ask Snowflake why Ray is silent; return where waiting may help, as where Snowflake is silent too.

        :raises HeadGoneError: the head's service is not there, was suspended, or will not come up.
        """
        try:
            state = self._spcs.clusters.head_state(self.cluster_name)
        except ClusterNotFoundError as error:
            msg = f"Ray does not answer because its cluster is gone: {error}"
            raise HeadGoneError(msg) from error
        except SnowflakeUnreachableError:
            return
        if state.is_asleep or state.failure:
            why = state.failure or f"service {state.service.name} is {state.service.status}; resume the cluster"
            msg = f"Ray does not answer because its head does not run: {why}"
            raise HeadGoneError(msg)


def ca_bundle() -> str | None:
    """The certificates to trust, as every client of requests has it."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or None
