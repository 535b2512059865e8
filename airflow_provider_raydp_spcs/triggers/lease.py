"""Keeping a shared cluster for the next run without a worker slot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_raydp_spcs.cluster import leasing
from airflow_provider_raydp_spcs.hooks.scope import SpcsScope
from airflow_provider_raydp_spcs.hooks.shared import shared_spcs
from airflow_provider_raydp_spcs.spcs.errors import SpcsError


class RayDPLeaseTrigger(BaseTrigger):
    """Fires when somebody else holds a lease of the cluster, or when the time is over.

    The event is ``{"joined": …}`` or ``{"error": …, "kind": …}``.

    :param holder: whose lease does not count.
    :param scope: values of a :class:`~airflow_provider_raydp_spcs.hooks.scope.SpcsScope`.
    :param poll_interval: seconds between looks.
    :param until: seconds since 1970.
    """

    def __init__(
        self, cluster_name: str, holder: str, scope: dict[str, Any], poll_interval: float, until: float
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.cluster_name, self.holder, self.scope = cluster_name, holder, scope
        self.poll_interval, self.until = poll_interval, until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments; names and numbers only."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "cluster_name": self.cluster_name,
                "holder": self.holder,
                "scope": asdict(SpcsScope(**self.scope)),
                "poll_interval": self.poll_interval,
                "until": self.until,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look now and then."""
        try:
            event: dict[str, Any] = {"joined": await self._is_joined()}
            while not event["joined"] and time.time() < self.until:
                await asyncio.sleep(min(self.poll_interval, max(0.0, self.until - time.time())))
                event = {"joined": await self._is_joined()}
        except SpcsError as error:
            event = {"error": str(error), "kind": type(error).__name__}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _is_joined(self) -> bool:
        shared = shared_spcs(SpcsScope(**self.scope))
        return await shared.call(lambda hook: leasing.is_joined(hook.client, self.cluster_name, self.holder))
