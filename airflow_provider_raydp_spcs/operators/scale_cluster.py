"""Give a worker group another number of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.operators.cluster_task import ClusterTask
from airflow_provider_raydp_spcs.spcs.errors import InvalidValueError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook


class ScaleRayDPClusterOperator(ClusterTask):
    """Changes the number of nodes of a worker group, and waits until they answer.

    Nodes that go take their tasks and executors with them; Ray and Spark run those again elsewhere.

    :param worker_group: its name.
    :param count: how many nodes; may be templated.
    :returns: the count.
    """

    template_fields: Sequence[str] = (*ClusterTask.template_fields, "worker_group", "count")

    def __init__(self, *, count: int | str, worker_group: str = "worker", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.worker_group, self.count = worker_group, count

    def check(self) -> None:
        """See the base class."""
        try:
            int(self.count)
        except ValueError as error:
            msg = f"count is {self.count!r}; it must be a whole number of nodes"
            raise InvalidValueError(msg) from error

    def ask(self, hook: SpcsHook, context: Context) -> bool:
        """See the base class."""
        from airflow_provider_raydp_spcs.cluster import power

        del context
        power.scale(hook.clusters, self.cluster_name, self.worker_group, int(self.count), self.say)
        return True

    def conclude(self, hook: SpcsHook, context: Context) -> int:
        """See the base class."""
        self.cluster_links(hook, context)
        return int(self.count)
