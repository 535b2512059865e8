"""Create a RayDP cluster."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.cluster import leasing, undertaker
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.errors import ClusterConflictError, NameTakenError
from airflow_provider_raydp_spcs.cluster.undertaker import Errand
from airflow_provider_raydp_spcs.cluster.wholeness import check_whole
from airflow_provider_raydp_spcs.jobs.application import Application
from airflow_provider_raydp_spcs.operators.base import run_names
from airflow_provider_raydp_spcs.operators.cluster_task import ClusterTask

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook

KILL_SECONDS: Final = 4.0
"""Airflow leaves a killed task five seconds; what takes longer goes on in a process of its own."""


class CreateRayDPClusterOperator(ClusterTask):
    """Asks for a cluster's compute pools and services, and waits until it is ready.

    What exists already is used, or altered where it was asked for differently. On failure or kill, what this run made is
    dropped again.

    :param cluster: a :class:`~airflow_provider_raydp_spcs.cluster.config.ClusterConfig`, or its values as a mapping,
        which may be templated. Its name need not be given: ``cluster_name`` stands for it.
    :param shared: several DAG runs use the cluster. Each takes a lease; ``DeleteRayDPClusterOperator(shared=True)`` gives
        it back, and the last one out deletes the cluster.
    :param lease_seconds: how long this run's lease lasts, for runs that die without giving it back.
    :param applications: Python files that later tasks submit; looked for before anything is paid for.
    :returns: ``{"name": …, "endpoints": {name: address}}``.
    """

    template_fields: Sequence[str] = (*ClusterTask.template_fields, "cluster", "applications")

    def __init__(
        self,
        *,
        cluster: ClusterConfig | Mapping[str, Any] | None = None,
        shared: bool = False,
        lease_seconds: int = leasing.LEASE_SECONDS,
        applications: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Plain values, so that templates in them are rendered and the UI can show them.
        given = cluster.to_mapping() if isinstance(cluster, ClusterConfig) else dict(cluster or {})
        self.cluster: dict[str, Any] = {key: value for key, value in given.items() if key != "name"}
        self.shared, self.lease_seconds = shared, lease_seconds
        self.applications = list(applications)
        self._hook: SpcsHook | None = None
        # A configuration that holds no template is checked when the DAG is parsed.
        if "{{" not in repr(self.cluster):
            self._config("CHECK")

    def check(self) -> None:
        """See the base class."""
        self._config(self.cluster_name)
        for application in self.applications:
            Application.read(application)

    def ask(self, hook: SpcsHook, context: Context) -> bool:
        """See the base class."""
        config, errand = self._config(self.cluster_name), self.take_back(context)
        self._hook, self._errand = hook, errand
        if self.shared:
            holder = leasing.holder(errand.owner, errand.run)
            leasing.take(hook.client, config.name, holder, errand.owner, errand.run, self.lease_seconds, self.say)
        try:
            hook.clusters.create(config, owner=errand.owner, run=errand.run, roll_back=False, progress=self.say)
        except (ClusterConflictError, NameTakenError):
            # Seen before anything was asked for: what is there is somebody else's.
            errand.do(hook.clusters, self.say, spare=True)
            raise
        except BaseException:
            errand.do(hook.clusters, self.say)
            raise
        return True

    def conclude(self, hook: SpcsHook, context: Context) -> dict[str, Any]:
        """See the base class."""
        check_whole(hook.clusters, self._config(self.cluster_name))
        endpoints = self.cluster_links(hook, context)
        for name, address in endpoints.items():
            self.say(f"{name}: {address}")
        return {"name": self.cluster_name.upper(), "endpoints": endpoints}

    def failed(self, hook: SpcsHook, context: Context) -> None:
        """Tell the last words of what did not come up, and drop what this run made."""
        for line in hook.clusters.last_words(self.cluster_name):
            self.say(line)
        self.take_back(context).do(hook.clusters, self.say)

    def take_back(self, context: Context) -> Errand:
        """See the base class. A shared cluster that others hold stays, whoever made it."""
        names = run_names(context)
        return Errand(self.cluster_name.upper(), names["dag_id"], names["run_id"], self.shared)

    def on_kill(self) -> None:
        """Drop what this run made, in a process that outlives this one.

        Airflow calls this from a signal handler: whatever the task was doing stands still meanwhile, its channel to
        Airflow and its connection to Snowflake included, so neither is used here.
        """
        if self._hook is not None:
            process = undertaker.send(self._errand, self._hook.arguments())
            self.say(f"killed: process {process.pid} takes back what was made of cluster {self.cluster_name}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(KILL_SECONDS)

    def dry_run(self) -> None:
        """Print the statements and specifications that the task would send, without a connection."""
        from airflow_provider_raydp_spcs.cluster.preview import statements

        for statement in statements(self._config(self.cluster_name), self.database, self.schema):
            self.say(statement)

    def _config(self, name: str) -> ClusterConfig:
        return ClusterConfig.from_mapping({**self.cluster, "name": name})
