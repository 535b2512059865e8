"""How a cluster is: its services and containers at one moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from airflow_provider_raydp_spcs.cluster.errors import ClusterNotFoundError, ClusterNotReadyError
from airflow_provider_raydp_spcs.cluster.target import Target
from airflow_provider_raydp_spcs.spcs.service_info import (
    ASLEEP,
    BROKEN,
    UP,
    ContainerInfo,
    ContainerStatus,
    ServiceInfo,
    ServiceStatus,
)

MANY_RESTARTS = 3
"""A container that was started so often and is not ready will not become so by waiting."""


@dataclass(frozen=True)
class ServiceState:
    """One service with the containers that are worth telling of."""

    service: ServiceInfo
    containers: tuple[ContainerInfo, ...] = ()

    @property
    def is_up(self) -> bool:
        """Whether it answers."""
        return self.service.status in UP

    @property
    def is_asleep(self) -> bool:
        """Whether it was suspended, or is about to be."""
        return self.service.status in ASLEEP

    @property
    def restarts(self) -> int:
        """How often the container was started again that was so most often."""
        return max((each.restart_count for each in self.containers), default=0)

    @property
    def failure(self) -> str | None:
        """Why it will not come up, or None."""
        return self.failure_since(0)

    def failure_since(self, restarts: int) -> str | None:
        """Why it will not come up, or None.

        :param restarts: those that it came up after, as far as that is known; they do not count.
        """
        if self.service.status in BROKEN:
            return f"service {self.service.name} is {self.service.status}{self._messages()}"
        for each in self.containers:
            if each.status is not ContainerStatus.READY and each.restart_count - restarts >= MANY_RESTARTS:
                return (
                    f"container {each.container_name} of {self.service.name}, instance {each.instance_id}, ended "
                    f"{each.restart_count} times (last exit code {each.last_exit_code}): {each.message}"
                )
        return None

    def _messages(self) -> str:
        texts = {each.message for each in self.containers if each.message}
        return f": {'; '.join(sorted(texts))}" if texts else ""

    def __str__(self) -> str:
        waiting = [each for each in self.containers if each.status is not ContainerStatus.READY]
        told = ", ".join(
            f"{each.container_name} {each.instance_id or '?'}: {each.status} ({each.message or 'no message'})"
            for each in waiting
        )
        return f"{self.service.name} {self.service.status}" + (f" - {told}" if told else "")


@dataclass(frozen=True)
class ClusterStatus:
    """A cluster at one moment."""

    name: str
    services: tuple[ServiceState, ...]

    @property
    def is_ready(self) -> bool:
        """Whether every service answers."""
        return bool(self.services) and all(each.is_up for each in self.services)

    @property
    def is_suspended(self) -> bool:
        """Whether every service has been suspended."""
        return bool(self.services) and all(each.service.status is ServiceStatus.SUSPENDED for each in self.services)

    @property
    def failure(self) -> str | None:
        """The first reason why it will not come up, or None."""
        return next((each.failure for each in self.services if each.failure), None)

    def lines(self) -> list[str]:
        """One line per service."""
        return [str(each) for each in self.services]


def tell_changes(status: ClusterStatus, told: Sequence[str], progress: Callable[[str], None]) -> list[str]:
    """Tell the lines that were not told at the last look; answer those of this look."""
    lines = status.lines()
    for line in lines:
        if line not in told:
            progress(line)
    return lines


def not_found(name: str) -> ClusterNotFoundError:
    """The error about a cluster that is not there."""
    msg = (
        f"there is no cluster {name.upper()} here, or the role may not see it. Look with SHOW SERVICES; create it with "
        "CreateRayDPClusterOperator or raydp-spcs cluster create"
    )
    return ClusterNotFoundError(msg)


def overdue(status: ClusterStatus, target: Target, obstacles: Sequence[str] = ()) -> ClusterNotReadyError:
    """The error about a cluster that did not get there in time.

    :param obstacles: what stands in its way, as far as that is known.
    """
    told = [*(status.lines() or ["it has no services"]), *obstacles]
    msg = f"cluster {status.name} is not {target} in time: {'; '.join(told)}"
    return ClusterNotReadyError(msg)
