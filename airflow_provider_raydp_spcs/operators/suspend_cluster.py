"""Suspend a RayDP cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow_provider_raydp_spcs.cluster.target import Target
from airflow_provider_raydp_spcs.operators.cluster_task import ClusterTask

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook


class SuspendRayDPClusterOperator(ClusterTask):
    """Stops a cluster's containers and releases its nodes; names, addresses and volumes stay.

    What the head kept in memory, such as its list of jobs, is lost.
    """

    target: ClassVar[Target] = Target.SUSPENDED
    operator_extra_links = ()

    def ask(self, hook: SpcsHook, context: Context) -> bool:
        """See the base class."""
        from airflow_provider_raydp_spcs.cluster import power

        del context
        power.suspend(hook.clusters, self.cluster_name, self.say)
        return True

    def conclude(self, hook: SpcsHook, context: Context) -> None:
        """See the base class."""
        del hook, context
        self.say(f"cluster {self.cluster_name} is suspended")
