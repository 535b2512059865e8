"""Measurements of containers that a specification asks for with ``platformMonitor`` (SPCS reference 2.7, 3.1).

Of its groups ``system``, ``system_limits`` and ``status`` are measured; ``network`` and ``storage`` are not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.local.services.instances import ContainerState
from airflow_provider_raydp_spcs.local.services.running import RunningService
from airflow_provider_raydp_spcs.local.store import now
from airflow_provider_raydp_spcs.spcs.instance_families import InstanceFamily
from airflow_provider_raydp_spcs.spcs.specification_rules import cpu_count, memory_bytes

SAMPLE_SECONDS: Final = 10.0
MAX_BYTES: Final = 16 * 1024**2
"""A service's file that grew longer loses its older half."""
_FILE: Final = "metrics.jsonl"


@dataclass(frozen=True)
class Metric:
    """One measurement."""

    timestamp: str
    name: str
    value: float
    unit: str
    instance_id: int
    container: str


class Metrics:
    """The measurements of every service, one file each beside its logs.

    :param logs: folder of all log files.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._used: dict[tuple[str, int, str], tuple[float, float]] = {}

    def of(self, service: str) -> Iterator[Metric]:
        """The measurements of a service, the oldest first."""
        path = self._logs / service / _FILE
        if path.is_file():
            for line in path.read_text().splitlines():
                try:
                    yield Metric(**json.loads(line))
                except (ValueError, TypeError):
                    continue  # the last line of a server that was killed while it wrote

    def sample(self, service: RunningService, family: InstanceFamily) -> None:
        """Measure the containers that run."""
        groups = service.record.specification.metric_groups
        if not groups or service.deleting:
            return
        moment = now()
        found = [
            Metric(moment, name, value, unit, instance.id, state.container.name)
            for instance in service.instances
            for state in instance.containers
            for name, value, unit in self._measured(service.record.full_name, instance.id, state, groups, family)
        ]
        if found:
            path = self._logs / service.record.full_name / _FILE
            path.parent.mkdir(parents=True, exist_ok=True)
            shorten(path)
            with path.open("a") as file:
                file.writelines(json.dumps(metric.__dict__) + "\n" for metric in found)

    def _measured(
        self, service: str, instance_id: int, state: ContainerState, groups: tuple[str, ...], family: InstanceFamily
    ) -> Iterator[tuple[str, float, str]]:
        if "system" in groups and state.handle is not None and (usage := state.handle.usage()) is not None:
            key = (service, instance_id, state.container.name)
            used, at = self._used.get(key, (0.0, state.started))
            seconds = time.monotonic() - at
            if seconds > 0 and usage.cpu_seconds >= used:
                yield "container.cpu.usage", round((usage.cpu_seconds - used) / seconds, 6), "cpu cores"
            yield "container.memory.usage", usage.memory_bytes, "bytes"
            self._used[key] = usage.cpu_seconds, time.monotonic()
        if "system_limits" in groups:
            yield from _limits(state, family)
        if "status" in groups:
            yield "container.restarts", state.restart_count, "restarts"
            word = "running" if state.runs else "finished" if state.has_ended else "pending"
            yield f"container.state.{word}", 1, "boolean"
            if state.restart_count and state.last_exit_code is not None:
                yield "container.state.last.finished.exitcode", state.last_exit_code, "integer"


def _limits(state: ContainerState, family: InstanceFamily) -> Iterator[tuple[str, float, str]]:
    limits, requests = state.container.limits, state.container.requests
    memory = memory_bytes(limits.memory) if limits.memory else family.memory_bytes
    cpu = cpu_count(limits.cpu) if limits.cpu is not None else family.vcpus
    yield "container.cpu.limit", min(cpu, family.vcpus), "cpu cores"
    yield "container.memory.limit", min(memory, family.memory_bytes), "bytes"
    yield "container.cpu.requested", cpu_count(requests.cpu) if requests.cpu is not None else 0.5, "cpu cores"
    yield "container.memory.requested", memory_bytes(requests.memory or "0.5Gi"), "bytes"
    if requests.gpus:
        yield "container.gpu.limit", requests.gpus, "gpus"
        yield "container.gpu.requested", requests.gpus, "gpus"


def shorten(path: Path) -> None:
    """Throw away the older half of a file that grew too long."""
    if path.exists() and path.stat().st_size > MAX_BYTES:
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[len(lines) // 2 :]))
