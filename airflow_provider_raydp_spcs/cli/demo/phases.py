"""The demo's phases: their names, how long each took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_raydp_spcs.cli.output import console


class Phases:
    """Seconds of each phase, in the order in which they were first entered."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Announce a phase and count its time, also when it fails."""
        console.print(f"[bold cyan]▶ {name}[/]")
        start = time.monotonic()
        try:
            yield
        finally:
            self.add(name, time.monotonic() - start)

    def add(self, name: str, seconds: float) -> None:
        """Count seconds towards a phase."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    @property
    def total(self) -> float:
        """Seconds of all phases together."""
        return sum(self.seconds.values())
