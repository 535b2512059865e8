"""What happened to services: every change of a status, as the real Snowflake writes it to its event table (reference 2.7)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from airflow_provider_raydp_spcs.local.services.instances import Instance
from airflow_provider_raydp_spcs.local.services.running import RunningService
from airflow_provider_raydp_spcs.local.store import now

_FILE: Final = "events.jsonl"
_WORDS: Final = {
    "PENDING": "is pending",
    "RUNNING": "is running",
    "READY": "is running",
    "DONE": "is completed",
    "SUCCEEDED": "has completed",
    "FAILED": "has failed",
    "CANCELLING": "is being cancelled",
    "CANCELLED": "is cancelled",
    "SUSPENDING": "is suspending",
    "SUSPENDED": "is suspended",
    "TERMINATING": "is terminating",
}


@dataclass(frozen=True)
class Event:
    """One event.

    :param details: ``status`` and ``message``.
    """

    timestamp: str
    name: str
    severity: str
    details: dict[str, Any]
    instance_id: int | None = None
    container: str | None = None


class Events:
    """The events of every service, one file each beside its logs.

    :param logs: folder of all log files.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs

    def of(self, service: str) -> Iterator[Event]:
        """The events of a service, the oldest first."""
        path = self._logs / service / _FILE
        if path.is_file():
            for line in path.read_text().splitlines():
                try:
                    yield Event(**json.loads(line))
                except ValueError:
                    continue  # the last line of a server that was killed while it wrote

    def notice(self, service: RunningService) -> None:
        """Write down what changed since the last look."""
        found = dict(_states(service))
        fresh = [(key, value) for key, value in found.items() if service.seen.get(key) != value]
        service.seen = found
        if fresh and not service.deleting:
            folder = self._logs / service.record.full_name
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / _FILE).open("a") as file:
                for key, value in fresh:
                    file.write(json.dumps(_event(key, *value).__dict__) + "\n")


def _states(service: RunningService) -> Iterator[tuple[tuple[str, ...], tuple[str, str]]]:
    kind = "Service" if service.job is None else "Job"
    yield (), (service.status, f"{kind} {_WORDS.get(service.status, service.status)}")
    for instance in [*service.leaving, *service.instances]:
        yield from _of_instance(instance, kind)


def _of_instance(instance: Instance, kind: str) -> Iterator[tuple[tuple[str, ...], tuple[str, str]]]:
    text = f"{kind} instance {_WORDS.get(instance.status, instance.status)}"
    yield (str(instance.id),), (instance.status, text)
    for state in instance.containers:
        status = "TERMINATING" if instance.stopping else state.status
        yield (str(instance.id), state.container.name), (status, instance.reason or state.message)


def _event(key: tuple[str, ...], status: str, message: str) -> Event:
    level = ("SERVICE", "SERVICE_INSTANCE", "CONTAINER")[len(key)]
    return Event(
        timestamp=now(),
        name=f"{level}.STATUS_CHANGE",
        severity="ERROR" if status == "FAILED" else "INFO",
        details={"message": message, "status": status},
        instance_id=int(key[0]) if key else None,
        container=key[1] if len(key) > 1 else None,
    )
