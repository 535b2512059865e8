"""Create a RayDP cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.lifecycle import POLL_SECONDS, READY_TIMEOUT, Made
from airflow_provider_raydp_spcs.jobs.submission import Application
from airflow_provider_raydp_spcs.operators.base import RayDPOperator, run_names

if TYPE_CHECKING:
    from airflow.sdk import Context


class CreateRayDPClusterOperator(RayDPOperator):
    """Asks for a cluster's compute pools and services, and waits until it is ready.

    What exists already is used, or altered where it was asked for differently. On failure or kill, what this task made
    is dropped again.

    :param cluster: a :class:`~airflow_provider_raydp_spcs.cluster.config.ClusterConfig`, or its values as a mapping,
        which may be templated. Its name need not be given: ``cluster_name`` stands for it.
    :param applications: Python files that later tasks submit; looked for before anything is paid for.
    :param timeout: seconds until the cluster must be ready.
    :param poll_interval: seconds between looks.
    :returns: ``{"name": …, "endpoints": {name: address}}``.
    """

    template_fields: Sequence[str] = (*RayDPOperator.template_fields, "cluster", "applications")

    def __init__(
        self,
        *,
        cluster_name: str,
        cluster: ClusterConfig | Mapping[str, Any] | None = None,
        applications: Sequence[str] = (),
        timeout: float = READY_TIMEOUT,
        poll_interval: float = POLL_SECONDS,
        **kwargs: Any,
    ) -> None:
        super().__init__(cluster_name=cluster_name, **kwargs)
        # Plain values, so that templates in them are rendered and the UI can show them.
        given = cluster.to_mapping() if isinstance(cluster, ClusterConfig) else dict(cluster or {})
        self.cluster: dict[str, Any] = {key: value for key, value in given.items() if key != "name"}
        self.applications = list(applications)
        self.timeout, self.poll_interval = timeout, poll_interval
        self._made = Made()
        # A configuration that holds no template is checked when the DAG is parsed.
        if "{{" not in repr(self.cluster):
            ClusterConfig.from_mapping({**self.cluster, "name": "CHECK"})

    def execute(self, context: Context) -> dict[str, Any]:
        """See the class."""
        config = ClusterConfig.from_mapping({**self.cluster, "name": self.cluster_name})
        for application in self.applications:
            Application.read(application)
        names = run_names(context)
        with self.spcs() as hook:
            clusters = hook.clusters
            clusters.create(config, owner=names["dag_id"], run=names["run_id"], made=self._made, progress=self.say)
            try:
                clusters.wait_until_ready(config.name, timeout=self.timeout, poll=self.poll_interval, progress=self.say)
                endpoints = clusters.endpoints(config.name)
            except BaseException:
                for line in clusters.last_words(config.name):
                    self.say(line)
                clusters.take_back(self._made, self.say)
                raise
        for name, address in endpoints.items():
            self.say(f"{name}: {address}")
        return {"name": config.name, "endpoints": endpoints}

    def on_kill(self) -> None:
        """Drop what this task made."""
        if self._made.pools or self._made.services:
            with self.spcs() as hook:
                hook.clusters.take_back(self._made, self.say)
