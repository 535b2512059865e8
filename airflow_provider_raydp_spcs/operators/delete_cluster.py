"""Delete a RayDP cluster."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_raydp_spcs.cluster import leasing
from airflow_provider_raydp_spcs.cluster.cost import cost_of
from airflow_provider_raydp_spcs.cluster.target import DELETE_TIMEOUT, Target
from airflow_provider_raydp_spcs.operators import events
from airflow_provider_raydp_spcs.operators.base import GRACE, run_names
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
    :param linger_seconds: how long the last one out keeps a shared cluster first. Runs of a backfill that began together
        also end together: the next ones then find the cluster still there.
    :param timeout: seconds until the services must be gone.
    :returns: ``{"services": […], "pools": […]}``, what was dropped.
    """

    target: ClassVar[Target] = Target.GONE
    operator_extra_links = ()

    def __init__(
        self,
        *,
        shared: bool = False,
        linger_seconds: float = leasing.LINGER_SECONDS,
        timeout: float = DELETE_TIMEOUT,
        trigger_rule: str = "all_done",
        **kwargs: Any,
    ) -> None:
        super().__init__(timeout=timeout, trigger_rule=trigger_rule, **kwargs)
        self.shared, self.linger_seconds = shared, linger_seconds

    def execute(self, context: Context) -> Any:
        """See the class."""
        if self.shared and self.linger_seconds > 0:
            with self.spcs() as hook:
                holder, until = self._holder(context), time.time() + self.linger_seconds
                if leasing.keeps_as_last(hook.client, self.cluster_name, holder, self.say):
                    if self.deferrable:
                        self._linger_deferred(holder, until)
                    while time.time() < until and not leasing.is_joined(hook.client, self.cluster_name, holder):
                        time.sleep(self.poll_interval or leasing.POLL_SECONDS)
        return super().execute(context)

    def lingered(self, context: Context, event: Mapping[str, Any]) -> Any:
        """The trigger saw somebody come, or the time is over."""
        events.check(event)
        return super().execute(context)

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

    def _linger_deferred(self, holder: str, until: float) -> None:
        from airflow_provider_raydp_spcs.triggers.lease import RayDPLeaseTrigger

        poll = self.poll_interval or leasing.POLL_SECONDS
        trigger = RayDPLeaseTrigger(self.cluster_name, holder, asdict(self.scope), poll, until)
        self.defer(trigger=trigger, method_name="lingered", timeout=timedelta(seconds=self.linger_seconds) + GRACE)

    def _holder(self, context: Context) -> str:
        names = run_names(context)
        return leasing.holder(names["dag_id"], names["run_id"])
