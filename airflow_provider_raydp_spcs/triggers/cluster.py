"""Waiting for a cluster without a worker slot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_raydp_spcs.cluster.status import ClusterStatus, tell_changes
from airflow_provider_raydp_spcs.cluster.target import Target
from airflow_provider_raydp_spcs.cluster.undertaker import Errand
from airflow_provider_raydp_spcs.hooks.scope import SpcsScope
from airflow_provider_raydp_spcs.hooks.shared import SharedSpcs, shared_spcs
from airflow_provider_raydp_spcs.triggers.watches import schema_watch


class RayDPClusterTrigger(BaseTrigger):
    """Fires when a cluster is ready, suspended or gone, when its deadline has passed, or when waiting is in vain.

    The event is ``{"target": …}`` or ``{"error": …, "kind": …}``. Each change of a service or container goes to the task's
    log meanwhile.

    :param target: value of a :class:`~airflow_provider_raydp_spcs.cluster.status.Target`.
    :param scope: values of a :class:`~airflow_provider_raydp_spcs.hooks.scope.SpcsScope`.
    :param poll_interval: seconds between looks; triggers of one connection share them.
    :param deadline: seconds since 1970.
    :param take_back: values of the :class:`~airflow_provider_raydp_spcs.cluster.undertaker.Errand` that is done when the
        task is killed.
    """

    def __init__(
        self,
        cluster_name: str,
        target: str,
        scope: dict[str, Any],
        poll_interval: float,
        deadline: float,
        take_back: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.cluster_name, self.target, self.scope = cluster_name, target, scope
        self.poll_interval, self.deadline = poll_interval, deadline
        self.take_back = take_back

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments; names and numbers only."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "cluster_name": self.cluster_name,
                "target": self.target,
                "scope": asdict(SpcsScope(**self.scope)),
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "take_back": self.take_back,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Follow the connection's watch."""
        target = Target(self.target)
        try:
            await self._wait(target)
            event = {"target": str(target)}
        except Exception as error:
            event = {"error": str(error), "kind": type(error).__name__}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Drop what a killed creation has made."""
        if self.take_back is not None:
            errand = Errand(**self.take_back)
            self.log.info("taking back what was made of cluster %s", self.cluster_name)
            # Over a connection of its own, for it waits until services are gone; shielded, so that it goes on when our
            # time is over.
            await asyncio.shield(asyncio.to_thread(self._take_back, errand))

    async def _wait(self, target: Target) -> None:
        told: list[str] = []
        status = ClusterStatus(self.cluster_name.upper(), ())
        watch = schema_watch(SpcsScope(**self.scope), self.poll_interval)
        try:
            async with (
                asyncio.timeout(self.deadline - time.time()),
                aclosing(watch.updates(self.cluster_name)) as stream,
            ):
                async for found in stream:
                    status = found
                    told = tell_changes(status, told, self._say)
                    if await self._has_reached(status, target):
                        return
        except TimeoutError as error:
            raise await self._shared().call(lambda hook: hook.clusters.overdue(status, target)) from error

    async def _has_reached(self, status: ClusterStatus, target: Target) -> bool:
        # Only a cluster whose services are all up costs statements of its own: for the addresses of its endpoints.
        return await self._shared().call(lambda hook: hook.clusters.has_reached(status, target))

    def _take_back(self, errand: Errand) -> None:
        with SpcsScope(**self.scope).hook() as hook:
            errand.do(hook.clusters, self._say)

    def _say(self, line: str) -> None:
        self.log.info("%s", line)

    def _shared(self) -> SharedSpcs:
        return shared_spcs(SpcsScope(**self.scope))
