"""The way to a cluster's head: where it answers, what opens its door, and why it is silent."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.cluster.endpoints import DASHBOARD, JOB_FILES, JOBS_API
from airflow_provider_raydp_spcs.cluster.errors import ClusterError, ClusterNotFoundError, ClusterNotReadyError
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.errors import HeadGoneError, RayJobsError
from airflow_provider_raydp_spcs.jobs.submission import HeadAddress
from airflow_provider_raydp_spcs.jobs.wait import patiently
from airflow_provider_raydp_spcs.patience import LONGEST_PAUSE
from airflow_provider_raydp_spcs.spcs.errors import SnowflakeUnreachableError
from airflow_provider_raydp_spcs.spcs.ingress import IngressTokens

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters


NEXT_SILENCE_SECONDS: Final = 4 * LONGEST_PAUSE
"""Where nobody has asked why the head is silent for so long, it has answered meanwhile."""


class Restarts:
    """Which of a head's restarts belong to the present silence: those that it came up after tell nothing of it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_look, self._before = -math.inf, 0

    def before(self, now: int) -> int:
        """How many there had been when the silence began.

        :param now: how many there are.
        """
        last_look, self._last_look = self._last_look, self._clock()
        if self._last_look - last_look > NEXT_SILENCE_SECONDS or now < self._before:
            self._before = now
        return self._before


class Head:
    """The head of one cluster.

    :param clusters: gives the clusters of the schema; asked only when Snowflake must be.
    :param tokens: gives the credentials for the ingress.
    :param restarts: where others have diagnosed the same head.
    """

    def __init__(
        self,
        cluster_name: str,
        clusters: Callable[[], Clusters],
        tokens: Callable[[], IngressTokens],
        restarts: Restarts | None = None,
    ) -> None:
        self.cluster_name, self._clusters, self.tokens = cluster_name, clusters, tokens
        self._restarts = restarts or Restarts()
        self._endpoints: dict[str, str] | None = None

    def endpoints(self) -> dict[str, str]:
        """Addresses of the head's public endpoints, asked for once.

        :raises ClusterNotFoundError: there is no such cluster.
        """
        if self._endpoints is None:
            self._endpoints = self._clusters().head_endpoints(self.cluster_name)
        return self._endpoints

    def address(self) -> HeadAddress:
        """Where the head answers.

        :raises ClusterNotFoundError: there is no such cluster.
        :raises ClusterNotReadyError: an endpoint has no address yet.
        """
        found = self.endpoints()
        try:
            return HeadAddress(found.get(JOBS_API) or found[DASHBOARD], found[JOB_FILES])
        except KeyError as missing:
            msg = (
                f"the endpoint {missing} of cluster {self.cluster_name} has no address yet; wait until the cluster is "
                "ready (raydp-spcs cluster status, CreateRayDPClusterOperator or RayDPClusterSensor)"
            )
            raise ClusterNotReadyError(msg) from missing

    def client(self) -> RayJobsClient:
        """A client; close it."""
        return RayJobsClient(self.address(), tokens=self.tokens(), ca_bundle=ca_bundle())

    def client_if_it_answers(self, told: Callable[[str], None]) -> RayJobsClient | None:
        """A client of a head that answers, for which its silence is borne for a while; else None, and why is told."""
        client = None
        try:
            client = self.client()
            patiently(client.nodes, told=told, diagnose=self.diagnose)
        except (ClusterError, RayJobsError) as error:
            told(f"the head cannot be reached: {error}")
            if client is not None:
                client.close()
            return None
        return client

    def diagnose(self) -> None:
        """Ask Snowflake why Ray is silent; return where waiting may help, as where Snowflake is silent too.

        :raises HeadGoneError: the head's service is not there, was suspended, or will not come up.
        """
        try:
            state = self._clusters().head_state(self.cluster_name)
        except ClusterNotFoundError as error:
            msg = f"Ray does not answer because its cluster is gone: {error}"
            raise HeadGoneError(msg) from error
        except SnowflakeUnreachableError:
            return
        # Those of a service that is up are not known.
        before = self._restarts.before(state.restarts) if state.containers else 0
        failure = state.failure_since(before)
        if state.is_asleep or failure:
            why = failure or f"service {state.service.name} is {state.service.status}; resume the cluster"
            msg = f"Ray does not answer because its head does not run: {why}"
            raise HeadGoneError(msg)


def ca_bundle() -> str | None:
    """The certificates to trust, as every client of requests has it."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or None
