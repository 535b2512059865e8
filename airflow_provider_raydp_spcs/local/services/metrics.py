"""Platform metrics of containers: those of the groups that a specification asks for (SPCS reference 2.7, 3.1)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_raydp_spcs.local.services.instances import ContainerState
from airflow_provider_raydp_spcs.spcs.instance_families import GIB, InstanceFamily
from airflow_provider_raydp_spcs.spcs.specification_rules import cpu_count, memory_bytes


@dataclass(frozen=True)
class Metric:
    """One value.

    :param unit: ``cpu`` for cores, ``byte``, or ``count``.
    """

    name: str
    value: float
    unit: str
    instance_id: int
    container: str


def metrics_of(
    state: ContainerState, instance_id: int, groups: tuple[str, ...], family: InstanceFamily
) -> Iterator[Metric]:
    """The metrics of a container at this moment.

    :param groups: what ``platformMonitor`` names; metrics of groups that are not measured here are left out.
    :param family: of the node; its capacity is the limit where none is given.
    """
    makers = {"system": _system, "system_limits": _limits, "status": _status}
    for group in groups:
        if group in makers:
            for name, value, unit in makers[group](state, family):
                yield Metric(f"container.{name}", value, unit, instance_id, state.container.name)


def _system(state: ContainerState, family: InstanceFamily) -> Iterator[tuple[str, float, str]]:
    del family
    pid = state.handle.pid() if state.handle is not None else None
    if pid is not None:
        cores, used = _usage(pid)
        yield "cpu.usage", cores, "cpu"
        yield "memory.usage", used, "byte"


def _limits(state: ContainerState, family: InstanceFamily) -> Iterator[tuple[str, float, str]]:
    """Defaults as in reference 3.2."""
    requests, limits = state.container.requests, state.container.limits
    cores = float(family.vcpus) if limits.cpu is None else min(cpu_count(limits.cpu), family.vcpus)
    most = int(family.memory_gib * GIB)
    memory = most if limits.memory is None else min(memory_bytes(limits.memory), most)
    cpu_wanted = limits.cpu if requests.cpu is None else requests.cpu
    memory_wanted = limits.memory if requests.memory is None else requests.memory
    yield "cpu.limit", cores, "cpu"
    yield "cpu.requested", 0.5 if cpu_wanted is None else cpu_count(cpu_wanted), "cpu"
    yield "memory.limit", memory, "byte"
    yield "memory.requested", GIB // 2 if memory_wanted is None else memory_bytes(memory_wanted), "byte"


def _status(state: ContainerState, family: InstanceFamily) -> Iterator[tuple[str, float, str]]:
    del family
    yield "restarts", state.restart_count, "count"
    yield "state.running", int(state.status == "READY"), "count"
    yield "state.pending", int(state.status == "PENDING"), "count"
    yield "state.finished", int(state.status in ("DONE", "FAILED")), "count"


def _usage(pid: int) -> tuple[float, int]:
    """Cores in use, as the average over the lives of the processes that are there, and bytes of memory."""
    import psutil

    cores, used = 0.0, 0
    with contextlib.suppress(psutil.Error):
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                cores += (times.user + times.system) / max(time.time() - process.create_time(), 0.001)
                used += process.memory_info().rss
    return cores, used
