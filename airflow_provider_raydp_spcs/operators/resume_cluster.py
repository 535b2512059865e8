"""Resume a suspended RayDP cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.operators.cluster_task import ClusterTask

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook


class ResumeRayDPClusterOperator(ClusterTask):
    """Brings the nodes and containers of a suspended cluster back, and waits until it is ready.

    :returns: ``{"name": …, "endpoints": {name: address}}``.
    """

    def ask(self, hook: SpcsHook, context: Context) -> bool:
        """See the base class."""
        from airflow_provider_raydp_spcs.cluster import power

        del context
        power.resume(hook.clusters, self.cluster_name, self.say)
        return True

    def conclude(self, hook: SpcsHook, context: Context) -> dict[str, Any]:
        """See the base class."""
        return {"name": self.cluster_name.upper(), "endpoints": self.cluster_links(hook, context)}
