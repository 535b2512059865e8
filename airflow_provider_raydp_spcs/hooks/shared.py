"""One Snowflake connection for everything in a triggerer that waits through the same Airflow connection.

Snowflake's connector blocks, so it works in a thread of its own, and the event loop only awaits it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from airflow_provider_raydp_spcs.hooks.ray_jobs import RayJobsHook
from airflow_provider_raydp_spcs.hooks.scope import SpcsScope
from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook
from airflow_provider_raydp_spcs.jobs.aio import AsyncRayJobsClient
from airflow_provider_raydp_spcs.jobs.head import ca_bundle
from airflow_provider_raydp_spcs.spcs.errors import AuthenticationError, SessionEndedError, SnowflakeUnreachableError
from airflow_provider_raydp_spcs.spcs.ingress import AsyncIngressTokens

IDLE_SECONDS: Final = 120.0
"""An unused connection is closed after this time."""
T = TypeVar("T")


class SharedSpcs:
    """A hook whose connection stays open between calls.

    :param scope: which connection.
    """

    def __init__(self, scope: SpcsScope) -> None:
        self.scope = scope
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"snowflake-{scope.snowflake_conn_id}")
        self._hook: SpcsHook | None = None
        self._closing: asyncio.TimerHandle | None = None

    async def call(self, act: Callable[[SpcsHook], T]) -> T:
        """Do something with the hook, off the event loop; once more over a new connection where the old one has ended.

        :raises SpcsError: Snowflake refused it or could not be reached.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._act, act)
        finally:
            # Calls overlap; the end of the last one counts.
            if self._closing is not None:
                self._closing.cancel()
            self._closing = loop.call_later(IDLE_SECONDS, self._thread.submit, self._close)

    def _act(self, act: Callable[[SpcsHook], T]) -> T:
        if self._hook is None:
            self._hook = self.scope.hook()
            return act(self._hook)
        try:
            return act(self._hook)
        except (AuthenticationError, SessionEndedError, SnowflakeUnreachableError):
            self._close()
            self._hook = self.scope.hook()
            return act(self._hook)

    def _close(self) -> None:
        hook, self._hook = self._hook, None
        if hook is not None:
            hook.close()


_SHARED: dict[tuple[asyncio.AbstractEventLoop, SpcsScope], SharedSpcs] = {}


def shared_spcs(scope: SpcsScope) -> SharedSpcs:
    """The running event loop's connection for a scope."""
    key = (asyncio.get_running_loop(), scope)
    return _SHARED.setdefault(key, SharedSpcs(scope))


async def async_client(shared: SharedSpcs, cluster_name: str) -> AsyncRayJobsClient:
    """A client for a cluster's jobs, whose tokens come over the shared connection.

    :raises ClusterError: there is no such cluster, or it is not ready.
    """

    async def headers() -> dict[str, str]:
        return await shared.call(lambda hook: RayJobsHook(cluster_name, hook).tokens().headers())

    address = await shared.call(lambda hook: RayJobsHook(cluster_name, hook).address())
    # Reading the certificates takes a tenth of a second, which the event loop must not wait for.
    tokens = AsyncIngressTokens(headers)
    return await asyncio.to_thread(AsyncRayJobsClient, address, tokens=tokens, ca_bundle=ca_bundle())
