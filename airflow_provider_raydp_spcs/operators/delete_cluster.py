"""Delete a RayDP cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.cluster.lifecycle import DELETE_TIMEOUT
from airflow_provider_raydp_spcs.operators.base import RayDPOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class DeleteRayDPClusterOperator(RayDPOperator):
    """Drops every service and compute pool of a cluster, by name; where there is none, that is well too.

    :param timeout: seconds until the services must be gone.
    :returns: ``{"services": […], "pools": […]}``, what was dropped.
    """

    def __init__(
        self, *, cluster_name: str, timeout: float = DELETE_TIMEOUT, trigger_rule: str = "all_done", **kwargs: Any
    ) -> None:
        super().__init__(cluster_name=cluster_name, trigger_rule=trigger_rule, **kwargs)
        self.timeout = timeout

    def execute(self, context: Context) -> dict[str, list[str]]:
        """See the class."""
        del context
        with self.spcs() as hook:
            deleted = hook.clusters.delete(self.cluster_name, timeout=self.timeout, progress=self.say)
        if not deleted.services and not deleted.pools:
            self.say(f"there is nothing of cluster {self.cluster_name}")
        return {"services": list(deleted.services), "pools": list(deleted.pools)}
