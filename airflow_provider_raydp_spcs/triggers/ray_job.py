"""Waiting for a Ray job without a worker slot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_raydp_spcs.jobs.errors import RayJobsError, RayUnreachableError
from airflow_provider_raydp_spcs.jobs.submission import TERMINAL
from airflow_provider_raydp_spcs.jobs.wait import PATIENCE_SECONDS


class RayDPJobTrigger(BaseTrigger):
    """Fires when a job has ended, or when Ray has been silent for too long.

    The event is ``{"status": …}`` or ``{"error": …}``.
    """

    def __init__(self, cluster_name: str, submission_id: str, snowflake_conn_id: str, poll_interval: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.cluster_name, self.submission_id = cluster_name, submission_id
        self.snowflake_conn_id, self.poll_interval = snowflake_conn_id, poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "cluster_name": self.cluster_name,
                "submission_id": self.submission_id,
                "snowflake_conn_id": self.snowflake_conn_id,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, and look again. Snowflake's connector is not asynchronous, so it works in a thread."""
        from airflow_provider_raydp_spcs.hooks.ray_jobs import RayJobsHook
        from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook

        hook = await asyncio.to_thread(SpcsHook, snowflake_conn_id=self.snowflake_conn_id)
        try:
            async with await asyncio.to_thread(RayJobsHook(self.cluster_name, hook).async_client) as client:
                silent_since: float | None = None
                while True:
                    try:
                        info = await client.info(self.submission_id)
                        silent_since = None
                    except RayUnreachableError:
                        silent_since = silent_since or time.monotonic()
                        if time.monotonic() - silent_since > PATIENCE_SECONDS:
                            raise
                    else:
                        if info.status in TERMINAL:
                            yield TriggerEvent({"status": info.status.value})  # type: ignore[no-untyped-call]
                            return
                    await asyncio.sleep(self.poll_interval)
        except RayJobsError as error:
            yield TriggerEvent({"error": str(error)})  # type: ignore[no-untyped-call]
        finally:
            await asyncio.to_thread(hook.close)
