"""One instance of a service while the server runs: its containers, their states, restarts and probes."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from airflow_provider_raydp_spcs.local.runtimes.base import ContainerHandle
from airflow_provider_raydp_spcs.local.store import now
from airflow_provider_raydp_spcs.spcs.specification import Container, Probe

FIRST_BACKOFF, LAST_BACKOFF = 1.0, 60.0
"""Seconds before a container that ended is started again: doubled each time (the real figures are not documented)."""
STABLE_SECONDS: Final = 60.0
"""A container that ran for so long starts with the first back-off again."""
PROBE_TIMEOUT: Final = 2.0

Start = Callable[["Instance", Container], ContainerHandle]


@dataclass
class ContainerState:
    """One container of one instance, in Snowflake's words."""

    container: Container
    status: str = "PENDING"
    message: str = "Waiting to start"
    handle: ContainerHandle | None = None
    restart_count: int = 0
    start_time: str | None = None
    last_exit_code: int | None = None
    last_restart_time: str | None = None
    not_before: float = 0.0
    started: float = 0.0
    backoff: float = FIRST_BACKOFF
    next_probe: float = 0.0


@dataclass
class Instance:
    """One instance.

    :param number: unique in the server; the address comes from it.
    """

    id: int
    number: int
    address: str
    containers: list[ContainerState]
    scheduled: bool = False
    reason: str = ""
    stopping: bool = False
    created_on: str = field(default_factory=now)
    start_time: str | None = None

    @property
    def status(self) -> str:
        """PENDING, READY, TERMINATING or FAILED."""
        if self.stopping:
            return "TERMINATING"
        states = {each.status for each in self.containers}
        return "READY" if states == {"READY"} else "FAILED" if "FAILED" in states else "PENDING"

    @property
    def running(self) -> bool:
        """Whether any process of it is left."""
        return any(each.handle is not None and each.handle.poll() is None for each in self.containers)

    def step(self, start: Start) -> None:
        """Start what shall run, notice what ended, probe what runs."""
        for state in self.containers:
            if state.handle is None:
                if self.scheduled and not self.stopping and time.monotonic() >= state.not_before:
                    self._start(state, start)
                continue
            code = state.handle.poll()
            if code is not None:
                self._ended(state, code)
            elif state.status != "READY" and not self.stopping:
                _probe(self.address, state)

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
            state.handle = start(self, state.container)
        except OSError as error:
            state.status, state.message = "FAILED", f"Encountered fatal error while starting container: {error}"
            state.not_before = time.monotonic() + LAST_BACKOFF
            return
        state.started = time.monotonic()
        state.start_time = self.start_time = now()
        probe = state.container.readiness_probe
        if probe is None:
            state.status, state.message = "READY", "Running"
        else:
            state.status = "PENDING"
            state.message = f"Readiness probe is failing at path: {probe.path}, port: {probe.port}"

    def _ended(self, state: ContainerState, code: int) -> None:
        state.handle = None
        state.last_exit_code = code
        if self.stopping:
            state.status, state.message = "TERMINATING", ""
            return
        if time.monotonic() - state.started > STABLE_SECONDS:
            state.backoff = FIRST_BACKOFF
        state.status = "DONE" if code == 0 else "FAILED"
        state.message = (
            "Completed successfully" if code == 0 else "Encountered fatal error while running, check container logs"
        )
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


def _probe(address: str, state: ContainerState) -> None:
    """Ask the readiness probe from a thread of its own, so that a slow container holds nothing up."""
    probe = state.container.readiness_probe
    if probe is None or time.monotonic() < state.next_probe:
        return
    # Asked at least every half second: the local Snowflake's user waits for it.
    state.next_probe = time.monotonic() + min(0.5, probe.period_seconds or 0.5) + PROBE_TIMEOUT

    def ask() -> None:
        if _answers(address, probe):
            state.status, state.message = "READY", "Running"
        state.next_probe = time.monotonic() + min(0.5, probe.period_seconds or 0.5)

    threading.Thread(target=ask, daemon=True).start()


def _answers(address: str, probe: Probe) -> bool:
    connection = http.client.HTTPConnection(address, probe.port, timeout=PROBE_TIMEOUT)
    try:
        connection.request("GET", probe.path)
        return 200 <= connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
