"""Wait for a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.cluster.target import Target
from airflow_provider_raydp_spcs.sensors.base import RayDPSensor

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger


class RayDPClusterSensor(RayDPSensor):
    """Waits until a cluster is ready, suspended or gone; one that will never be ready fails the task.

    :param target: ``ready``, ``suspended`` or ``gone``.
    """

    template_fields: Sequence[str] = (*RayDPSensor.template_fields, "target")

    def __init__(self, *, target: str = Target.READY, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target = str(target)
        self._told: list[str] = []
        if "{{" not in self.target:
            Target(self.target)

    def trigger(self, deadline: float) -> BaseTrigger:
        """See the base class."""
        from airflow_provider_raydp_spcs.triggers.cluster import RayDPClusterTrigger

        return RayDPClusterTrigger(
            self.cluster_name, self.target, asdict(self.scope), float(self.poke_interval), deadline
        )

    def poke(self, context: Context) -> bool:
        """Look once."""
        from airflow_provider_raydp_spcs.cluster.status import tell_changes

        del context
        with self.spcs() as hook:
            status = hook.clusters.find(self.cluster_name)
            self._told = tell_changes(status, self._told, lambda line: self.log.info("%s", line))
            return hook.clusters.has_reached(status, Target(self.target))
