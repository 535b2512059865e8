"""Ray's Jobs API of a cluster, reached through the authenticated ingress."""

from __future__ import annotations

from airflow.sdk import BaseHook

from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook, is_programmatic_access_token
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.head import Head, Restarts
from airflow_provider_raydp_spcs.jobs.submission import HeadAddress
from airflow_provider_raydp_spcs.spcs.ingress import IngressTokens, programmatic_access_token, session_tokens


class RayJobsHook(BaseHook):
    """Clients for the jobs of one cluster.

    :param cluster_name: its name.
    :param spcs: hook whose connection signs us in; see :func:`tokens_of`.
    :param restarts: where other hooks have diagnosed the same head.
    """

    def __init__(self, cluster_name: str, spcs: SpcsHook, restarts: Restarts | None = None) -> None:
        super().__init__()
        self.cluster_name = cluster_name
        self.head = Head(cluster_name, lambda: spcs.clusters, lambda: tokens_of(spcs), restarts)

    def endpoints(self) -> dict[str, str]:
        """Addresses of the head's public endpoints, asked for once.

        :raises ClusterNotFoundError: there is no such cluster.
        """
        return self.head.endpoints()

    def address(self) -> HeadAddress:
        """Where the cluster's head answers.

        :raises ClusterNotFoundError: there is no such cluster.
        :raises ClusterNotReadyError: an endpoint has no address yet.
        """
        return self.head.address()

    def client(self) -> RayJobsClient:
        """A client; close it."""
        return self.head.client()

    def tokens(self) -> IngressTokens:
        """Credentials for the ingress."""
        return self.head.tokens()

    def diagnose(self) -> None:
        """Ask Snowflake why Ray is silent; return where waiting may help, as where Snowflake is silent too.

        :raises HeadGoneError: the head's service is not there, was suspended, or will not come up.
        """
        self.head.diagnose()


def tokens_of(spcs: SpcsHook) -> IngressTokens:
    """Credentials for the ingress of a hook's account.

    Where it connects with a programmatic access token, that token opens the ingress as well; otherwise one is issued for
    its session.
    """
    parameters = spcs.arguments()
    if is_programmatic_access_token(parameters):
        return programmatic_access_token(str(parameters["token"]))
    return session_tokens(spcs.connection)
