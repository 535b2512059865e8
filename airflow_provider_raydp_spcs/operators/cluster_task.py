"""What the operators share that change a cluster and wait until it is as asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import conf

from airflow_provider_raydp_spcs.cluster.endpoints import SNOWSIGHT
from airflow_provider_raydp_spcs.cluster.target import DEFERRED_POLL_SECONDS, POLL_SECONDS, READY_TIMEOUT, Target
from airflow_provider_raydp_spcs.links.raydp import CLUSTER_LINKS
from airflow_provider_raydp_spcs.operators import events
from airflow_provider_raydp_spcs.operators.base import GRACE, RayDPOperator, poll_seconds

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_raydp_spcs.cluster.undertaker import Errand
    from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook


class ClusterTask(RayDPOperator):
    """Base: ask, wait for :attr:`target` here or in the triggerer, conclude.

    Subclasses say what is asked for in :meth:`ask` and what is returned in :meth:`conclude`.

    :param wait: otherwise the task ends with the asking.
    :param timeout: seconds until the cluster must be as asked for.
    :param deferrable: wait in the triggerer, without a worker slot. Default: ``[operators] default_deferrable``.
    :param poll_interval: seconds between looks; by default 2 in the worker and 5 in the triggerer.
    """

    target: ClassVar[Target] = Target.READY
    operator_extra_links: Sequence[Any] = CLUSTER_LINKS

    def __init__(
        self,
        *,
        wait: bool = True,
        timeout: float = READY_TIMEOUT,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wait, self.timeout, self.deferrable = wait, timeout, deferrable
        self.poll_interval = poll_interval

    def check(self) -> None:
        """Refuse what is wrong before Snowflake is asked for anything."""

    def ask(self, hook: SpcsHook, context: Context) -> bool:
        """Ask Snowflake for the change; answer whether there is anything to wait for."""
        raise NotImplementedError

    def conclude(self, hook: SpcsHook, context: Context) -> Any:
        """What the task returns, once the cluster is as asked for."""
        raise NotImplementedError

    def failed(self, hook: SpcsHook, context: Context) -> None:
        """Clean up after what was asked for did not come about, or could not be concluded."""

    def take_back(self, context: Context) -> Errand | None:
        """What goes when the task is killed while it waits; None keeps everything."""
        del context
        return None

    def execute(self, context: Context) -> Any:
        """See the class."""
        self.check()
        began = time.time()
        deadline = began + self.timeout
        with self.spcs() as hook:
            if self.ask(hook, context) and self.wait:
                if type(self).operator_extra_links:  # those that Airflow shall set at the end are fewer
                    with self._cleaning_up(hook, context):
                        self.link_pages(hook, context)
                if self.deferrable:
                    self._defer(self.within(deadline, began) or deadline, self.take_back(context))
                with self._cleaning_up(hook, context):
                    hook.clusters.wait_for(
                        self.cluster_name,
                        self.target,
                        deadline=deadline,
                        poll=self.poll_interval or POLL_SECONDS,
                        progress=self.say,
                    )
            with self._cleaning_up(hook, context):
                return self.conclude(hook, context)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Any:
        """The trigger saw the cluster as asked for, or gave up."""
        with self.spcs() as hook, self._cleaning_up(hook, context):
            events.check(event)
            return self.conclude(hook, context)

    @contextmanager
    def _cleaning_up(self, hook: SpcsHook, context: Context) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.failed(hook, context)
            raise

    def cluster_links(self, hook: SpcsHook, context: Context) -> dict[str, str]:
        """Fill the task's links; answer the addresses of the cluster's endpoints."""
        pages = hook.clusters.pages(self.cluster_name)
        self.link(context, pages)
        return {name: address for name, address in pages.items() if name != SNOWSIGHT}

    def _defer(self, deadline: float, take_back: Errand | None) -> None:
        from airflow_provider_raydp_spcs.triggers.cluster import RayDPClusterTrigger

        trigger = RayDPClusterTrigger(
            self.cluster_name,
            str(self.target),
            asdict(self.scope),
            poll_seconds(self.poll_interval, DEFERRED_POLL_SECONDS, deferred=True),
            deadline,
            None if take_back is None else asdict(take_back),
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout) + GRACE)
