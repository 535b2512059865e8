"""Ray's Jobs API of a cluster, reached through the authenticated ingress."""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import BaseHook

from airflow_provider_raydp_spcs.cluster.blueprint import DASHBOARD
from airflow_provider_raydp_spcs.cluster.errors import ClusterNotReadyError
from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook
from airflow_provider_raydp_spcs.jobs.aio import AsyncRayJobsClient
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.spcs.ingress import IngressTokens, programmatic_access_token, session_tokens

_PAT = "PROGRAMMATIC_ACCESS_TOKEN"


class RayJobsHook(BaseHook):
    """Clients for the jobs of one cluster.

    :param cluster_name: its name.
    :param spcs: hook whose connection signs us in. Where it connects with a programmatic access token, that token
        opens the ingress as well; otherwise one is issued for its session.
    """

    def __init__(self, cluster_name: str, spcs: SpcsHook) -> None:
        super().__init__()
        self.cluster_name, self._spcs = cluster_name, spcs

    def address(self) -> str:
        """Address of the cluster's dashboard, where the Jobs API is.

        :raises ClusterNotFoundError: there is no such cluster.
        :raises ClusterNotReadyError: the endpoint has no address yet.
        """
        found = self._spcs.clusters.endpoints(self.cluster_name).get(DASHBOARD)
        if found is None:
            msg = f"the dashboard of cluster {self.cluster_name} has no address yet; wait until the cluster is ready"
            raise ClusterNotReadyError(msg)
        return found

    def client(self) -> RayJobsClient:
        """A client; close it."""
        return RayJobsClient(self.address(), headers=self.tokens().headers, ca_bundle=ca_bundle())

    def async_client(self) -> AsyncRayJobsClient:
        """A client for triggers."""
        return AsyncRayJobsClient(self.address(), headers=self.tokens().headers, ca_bundle=ca_bundle())

    def tokens(self) -> IngressTokens:
        """Credentials for the ingress."""
        parameters: dict[str, Any] = self._spcs._get_conn_params()
        if str(parameters.get("authenticator") or "").upper() == _PAT:
            return programmatic_access_token(str(parameters.get("token") or parameters.get("password")))
        return session_tokens(self._spcs.connection)


def ca_bundle() -> str | None:
    """The certificates to trust, as every client of requests has it."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or None
