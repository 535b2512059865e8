"""Probes: HTTP requests that tell whether a container is ready, and whether it still lives (SPCS reference 3.1)."""

from __future__ import annotations

import http.client
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from airflow_provider_raydp_spcs.spcs.specification import Probe

TIMEOUT_SECONDS: Final = 2.0
READY_SECONDS: Final = 0.5
"""A container that is not ready yet is asked at least so often: the local Snowflake's user waits for it."""
LIVE_SECONDS: Final = 10.0
FAILURES: Final = 3


@dataclass
class Asking:
    """The state of one probe of one run of a container.

    :param answered: whether the last answer was a good one; None before the first.
    :param failures: bad answers in a row.
    """

    probe: Probe
    answered: bool | None = None
    failures: int = 0
    next_time: float = field(default_factory=time.monotonic)

    @property
    def is_dead(self) -> bool:
        """Whether so many answers failed in a row that the container counts as dead."""
        return self.failures >= (self.probe.failure_threshold or FAILURES)

    def ask(self, address: str, at_most: float | None = None) -> None:
        """Ask from a thread of its own when it is time, so that a slow container holds nothing up.

        :param at_most: seconds between two requests, where that is less than the specification's period.
        """
        if time.monotonic() < self.next_time:
            return
        period = float(self.probe.period_seconds or LIVE_SECONDS)
        period = period if at_most is None else min(period, at_most)
        self.next_time = time.monotonic() + period + TIMEOUT_SECONDS

        def ask() -> None:
            self.answered = answers(address, self.probe)
            self.failures = 0 if self.answered else self.failures + 1
            self.next_time = time.monotonic() + period

        threading.Thread(target=ask, daemon=True).start()


def answers(address: str, probe: Probe) -> bool:
    """Whether a GET of the probe's path is answered with a status of 200 to 399."""
    connection = http.client.HTTPConnection(address, probe.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", probe.path)
        return 200 <= connection.getresponse().status < 400
    except (OSError, http.client.HTTPException, ValueError):  # the last: a path that no request can have
        return False
    finally:
        connection.close()
