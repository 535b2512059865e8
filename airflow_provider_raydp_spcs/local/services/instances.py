"""One instance of a service or job while the server runs: its containers, their states, restarts and probes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from airflow_provider_raydp_spcs.local.runtimes.base import ContainerHandle
from airflow_provider_raydp_spcs.local.services.nodes import Node
from airflow_provider_raydp_spcs.local.services.probes import READY_SECONDS, Asking
from airflow_provider_raydp_spcs.local.services.records import parsed
from airflow_provider_raydp_spcs.local.services.scheduling import Demand, demand_of
from airflow_provider_raydp_spcs.local.store import now
from airflow_provider_raydp_spcs.spcs.specification import Container

FIRST_BACKOFF, LAST_BACKOFF = 1.0, 60.0
"""Seconds before a container that ended is started again: doubled each time (the real figures are not documented)."""
STABLE_SECONDS: Final = 60.0
"""A container that ran for so long starts with the first back-off again."""


@dataclass
class ContainerState:
    """One container of one instance, in Snowflake's words.

    :param log_from: where in the log file the present run begins, in bytes; ``log_before`` is where the run before began.
    """

    container: Container
    status: str = "PENDING"
    message: str = "Waiting to start"
    handle: ContainerHandle | None = None
    restart_count: int = 0
    start_time: str | None = None
    last_exit_code: int | None = None
    last_restart_time: str | None = None
    log_from: int = 0
    log_before: int | None = None
    not_before: float = 0.0
    started: float = 0.0
    backoff: float = FIRST_BACKOFF
    readiness: Asking | None = None
    liveness: Asking | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it ran and does not run now."""
        return self.handle is None and self.status in ("DONE", "FAILED")

    @property
    def runs(self) -> bool:
        """Whether a process of it is there."""
        return self.handle is not None and self.handle.poll() is None


Start = Callable[["Instance", ContainerState], ContainerHandle]


@dataclass(eq=False)
class Instance:
    """One instance.

    :param number: unique in the server; the address comes from it.
    :param specification_text: what it was made from; during an upgrade that is not its service's any more.
    :param node: the node that has room for it; None while there is none.
    :param reason: why it waits, in Snowflake's words.
    :param demand: what it takes of its node.
    :param is_job: whether a container that ended stays as it is.
    """

    id: int
    number: int
    address: str
    specification_text: str
    is_job: bool = False
    containers: list[ContainerState] = field(default_factory=list)
    node: Node | None = None
    has_images: bool = False
    reason: str = ""
    stopping: bool = False
    created_on: str = field(default_factory=now)
    start_time: str | None = None
    demand: Demand = field(init=False)

    def __post_init__(self) -> None:
        specification = parsed(self.specification_text)
        self.demand = demand_of(specification)
        if not self.containers:
            self.containers = [ContainerState(each) for each in specification.containers]

    @property
    def scheduled(self) -> bool:
        """Whether its containers can start: it has a node, which is up and has the images."""
        return self.has_images and self.node is not None and self.node.is_up

    @property
    def has_ended(self) -> bool:
        """Whether it is a job's and every container of it has ended."""
        return self.is_job and all(each.has_ended for each in self.containers)

    @property
    def status(self) -> str:
        """PENDING, READY, TERMINATING or FAILED; of a job also SUCCEEDED."""
        if self.stopping:
            return "TERMINATING"
        states = {each.status for each in self.containers}
        if self.is_job:
            if self.has_ended:
                return "SUCCEEDED" if states == {"DONE"} else "FAILED"
            return "PENDING" if "PENDING" in states else "READY"
        return "READY" if states == {"READY"} else "FAILED" if "FAILED" in states else "PENDING"

    @property
    def running(self) -> bool:
        """Whether any process of it is left."""
        return any(each.runs for each in self.containers)

    def step(self, start: Start) -> None:
        """Start what shall run, notice what ended, probe what runs."""
        for state in self.containers:
            if state.handle is None:
                again = not (self.is_job and state.has_ended)
                if self.scheduled and not self.stopping and again and time.monotonic() >= state.not_before:
                    self._start(state, start)
                continue
            code = state.handle.poll()
            if code is not None:
                self._ended(state, code)
            elif not self.stopping:
                self._probe(state)

    def meet(self, names: Mapping[str, str]) -> None:
        """Start again what waits in vain for a service that came after it; nobody is to see that as a restart.

        :param names: DNS name → address, of the services that there are now.
        """
        for state in self.containers:
            if state.handle is not None and state.status == "PENDING" and state.handle.lacks(names):
                state.handle.kill()
                state.handle = None

    def _start(self, state: ContainerState, start: Start) -> None:
        try:
            state.handle = start(self, state)
        # A ValueError is a command or a variable that no process can be given: a null byte, a name with "=".
        except (OSError, ValueError) as error:
            state.status, state.message = "FAILED", f"Encountered fatal error while starting container: {error}"
            state.not_before = time.monotonic() + LAST_BACKOFF
            return
        state.started = time.monotonic()
        state.start_time = self.start_time = now()
        readiness, liveness = state.container.readiness_probe, state.container.liveness_probe
        state.readiness = Asking(readiness) if readiness else None
        state.liveness = Asking(liveness) if liveness else None
        if readiness is None:
            state.status, state.message = "READY", "Running"
        else:
            state.status = "PENDING"
            state.message = f"Readiness probe is failing at path: {readiness.path}, port: {readiness.port}"

    def _probe(self, state: ContainerState) -> None:
        if state.status != "READY" and state.readiness is not None:
            state.readiness.ask(self.address, READY_SECONDS)
            if state.readiness.answered:
                state.status, state.message = "READY", "Running"
        elif state.liveness is not None and state.handle is not None:
            state.liveness.ask(self.address)
            if state.liveness.is_dead:
                state.handle.kill()

    def _ended(self, state: ContainerState, code: int) -> None:
        state.handle = None
        state.last_exit_code = code
        if self.stopping:
            state.status, state.message = "TERMINATING", ""
            return
        state.status = "DONE" if code == 0 else "FAILED"
        state.message = "Completed successfully" if code == 0 else _failure(is_job=self.is_job)
        if self.is_job:
            return
        if time.monotonic() - state.started > STABLE_SECONDS:
            state.backoff = FIRST_BACKOFF
        state.restart_count += 1
        state.last_restart_time = now()
        state.not_before = time.monotonic() + state.backoff
        state.backoff = min(LAST_BACKOFF, state.backoff * 2)

    def terminate(self) -> None:
        """Ask every container to end."""
        self.stopping = True
        for state in self.containers:
            if state.handle is not None:
                state.handle.terminate()

    def kill(self) -> None:
        """End every container now."""
        self.stopping = True
        for state in self.containers:
            if state.handle is not None:
                state.handle.kill()

    # -- what is left of an instance of a job that has ended --------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """For the store."""
        told = ("status", "message", "restart_count", "start_time", "last_exit_code", "log_from")
        return {
            "id": self.id,
            "number": self.number,
            "address": self.address,
            "specification_text": self.specification_text,
            "created_on": self.created_on,
            "start_time": self.start_time,
            "containers": [{name: getattr(state, name) for name in told} for state in self.containers],
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Self:
        """From the store."""
        told = body["containers"]
        made = cls(**{**body, "containers": []}, is_job=True)
        for state, values in zip(made.containers, told, strict=True):
            for name, value in values.items():
                setattr(state, name, value)
        return made


def _failure(*, is_job: bool) -> str:
    return (
        "User application error, check container logs"
        if is_job
        else "Encountered fatal error while running, check container logs"
    )
