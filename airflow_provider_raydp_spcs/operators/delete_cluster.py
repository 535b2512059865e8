"""Delete a RayDP cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_raydp_spcs.cluster import leasing
from airflow_provider_raydp_spcs.cluster.cost import cost_of
from airflow_provider_raydp_spcs.cluster.target import DELETE_TIMEOUT, Target
from airflow_provider_raydp_spcs.operators.base import run_names
from airflow_provider_raydp_spcs.operators.cluster_task import ClusterTask

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook

COST_XCOM = "raydp_cost"
"""Key under which the cluster's cost is told."""


class DeleteRayDPClusterOperator(ClusterTask):
    """Drops every service and compute pool of a cluster, by name; where there is none, that is well too.

    What the cluster has cost at most, in credits, goes to the log and to the XCom ``raydp_cost``.

    :param shared: give this run's lease back; only the last one out deletes the cluster.
    :param timeout: seconds until the services must be gone.
    :returns: ``{"services": […], "pools": […]}``, what was dropped.
    """

    target: ClassVar[Target] = Target.GONE
    operator_extra_links = ()

    def __init__(
        self,
        *,
        shared: bool = False,
        timeout: float = DELETE_TIMEOUT,
        trigger_rule: str = "all_done",
        **kwargs: Any,
    ) -> None:
        super().__init__(timeout=timeout, trigger_rule=trigger_rule, **kwargs)
        self.shared = shared

    def ask(self, hook: SpcsHook, context: Context) -> bool:
        """See the base class."""
        if self.shared and not leasing.may_delete(hook.client, self.cluster_name, self._holder(context), self.say):
            self._deletes = False
            return False
        cost = cost_of(hook.clusters.pools(self.cluster_name))
        if cost.pools:
            self.say(str(cost))
            context["ti"].xcom_push(key=COST_XCOM, value=cost.to_json())
        context["ti"].xcom_push(key="raydp_dropped", value=hook.clusters.drop_services(self.cluster_name, self.say))
        return True

    def conclude(self, hook: SpcsHook, context: Context) -> dict[str, list[str]]:
        """See the base class."""
        if not self._deletes:
            return {"services": [], "pools": []}
        pools = hook.clusters.drop_pools(self.cluster_name, self.say)
        if self.shared:
            leasing.closed(hook.client, self.cluster_name, self._holder(context))
        instance = context["ti"]
        services = list(
            instance.xcom_pull(task_ids=instance.task_id, key="raydp_dropped", map_indexes=instance.map_index) or []
        )
        if not services and not pools:
            self.say(f"there is nothing of cluster {self.cluster_name}")
        return {"services": services, "pools": pools}

    _deletes = True

    def _holder(self, context: Context) -> str:
        names = run_names(context)
        return leasing.holder(names["dag_id"], names["run_id"])
