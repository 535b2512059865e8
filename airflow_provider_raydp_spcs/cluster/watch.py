"""Following many clusters of one schema: one SHOW SERVICES each interval serves them all.

What their containers wait for costs a statement per service. It is asked for when a service's state has changed, and else
for one service an interval, in turn, so that the price does not grow with the number of clusters.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import ClassVar

from airflow_provider_raydp_spcs.cluster.comment import cluster_of
from airflow_provider_raydp_spcs.cluster.status import ClusterStatus, ServiceState
from airflow_provider_raydp_spcs.cluster.target import DEFERRED_POLL_SECONDS
from airflow_provider_raydp_spcs.spcs.errors import SnowflakeUnreachableError
from airflow_provider_raydp_spcs.spcs.service_info import UP, ServiceInfo
from airflow_provider_raydp_spcs.watching import Follower, Watch


@dataclass(frozen=True)
class Looks:
    """How a watch looks.

    :param services: every service of the schema that is a cluster's.
    :param state: one service with its containers.
    """

    services: Callable[[], Awaitable[list[ServiceInfo]]]
    state: Callable[[ServiceInfo], Awaitable[ServiceState]]


class SchemaWatch(Watch[ClusterStatus, Follower[ClusterStatus]]):
    """Looks at the clusters of one schema for everybody who waits for them."""

    transient: ClassVar[tuple[type[Exception], ...]] = (SnowflakeUnreachableError,)

    def __init__(self, looks: Looks, *, poll: float = DEFERRED_POLL_SECONDS) -> None:
        super().__init__(poll)
        self._looks = looks
        self._known: dict[str, ServiceState] = {}
        self._asked: dict[str, int] = {}
        self._looked = 0

    async def updates(self, name: str) -> AsyncGenerator[ClusterStatus, None]:
        """What each look tells of a cluster, without services where there is none.

        :raises SpcsError: Snowflake refuses us, or was silent for too long.
        """
        async with aclosing(self.follow(Follower(name.upper()))) as updates:
            async for status in updates:
                yield status

    async def look(self, followers: list[Follower[ClusterStatus]]) -> None:
        """See the base class."""
        self._looked += 1
        wanted = {follower.name for follower in followers}
        found = [each for each in await self._looks.services() if cluster_of(each.comment) in wanted]
        states: dict[str, ServiceState] = {}
        waiting: list[str] = []
        for service in found:
            name, before = service.full_name, self._known.get(service.full_name)
            if service.status in UP:
                states[name] = ServiceState(service)
            elif before is None or before.service.status != service.status:
                states[name] = await self._ask(service)
            else:
                states[name] = ServiceState(service, before.containers)
                waiting.append(name)
        if waiting:
            oldest = min(waiting, key=lambda name: self._asked.get(name, 0))
            states[oldest] = await self._ask(states[oldest].service)
        self._known = states
        for follower in followers:
            own = [state for state in states.values() if cluster_of(state.service.comment) == follower.name]
            own.sort(key=lambda state: state.service.name)
            follower.queue.put_nowait(ClusterStatus(follower.name, tuple(own)))

    async def _ask(self, service: ServiceInfo) -> ServiceState:
        self._asked[service.full_name] = self._looked
        return await self._looks.state(service)

    async def rest(self) -> None:
        """See the base class."""
        self._known, self._asked = {}, {}
