"""What the programs in containers measure and trace themselves, as they hand it to the platform's collector (SPCS reference 3.5).

The real one writes it to the account's event table, along with which service it comes from. So it is kept here in the form
of that table's rows, one file for each service, beside its logs.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from airflow_provider_raydp_spcs.local.runtimes.base import Sender
from airflow_provider_raydp_spcs.local.services.metrics import shorten

_FILE: Final = "telemetry.jsonl"


@dataclass(frozen=True)
class Record:
    """One row, without what the platform itself knows of the service.

    :param kind: ``METRIC``, ``SPAN`` or ``SPAN_EVENT``.
    :param timestamp: when it was; of a span, when it ended.
    :param start: when what it tells of began, if it has a beginning.
    :param resource: what the program says of itself.
    """

    kind: str
    timestamp: str
    record: dict[str, Any]
    scope: dict[str, Any]
    value: Any = None
    start: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    trace: dict[str, str] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Received:
    """A row and where it comes from."""

    record: Record
    instance_id: int
    container: str | None


class Telemetry:
    """What every service handed over; safe for threads.

    :param logs: folder of all log files.
    """

    def __init__(self, logs: Path) -> None:
        self._logs, self._lock = logs, threading.Lock()

    def of(self, service: str) -> Iterator[Received]:
        """The rows of a service, the oldest first."""
        path = self._logs / service / _FILE
        if path.is_file():
            for line in path.read_text().splitlines():
                try:
                    found = json.loads(line)
                    yield Received(Record(**found.pop("record")), **found)
                except (ValueError, TypeError):
                    continue  # the last line of a server that was killed while it wrote

    def keep(self, sender: Sender, records: Iterable[Record]) -> None:
        """Write down what a container handed over; of a service that was dropped meanwhile nothing is kept."""
        received = [Received(record, sender.instance, sender.container) for record in records]
        lines = [json.dumps(asdict(each)) + "\n" for each in received]
        path = self._logs / sender.service / _FILE
        if lines and path.parent.is_dir():
            with self._lock:
                shorten(path)
                with path.open("a") as file:
                    file.writelines(lines)
