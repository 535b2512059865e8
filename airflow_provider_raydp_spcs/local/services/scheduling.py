"""Whether an instance finds room: on the family at all, and on the pool's nodes right now (SPCS reference 2.1, 2.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.spcs.instance_families import GIB, InstanceFamily
from airflow_provider_raydp_spcs.spcs.specification import ServiceSpecification
from airflow_provider_raydp_spcs.spcs.specification_rules import cpu_count, memory_bytes


@dataclass(frozen=True)
class Demand:
    """What all containers of an instance request together."""

    cpu: float
    memory: int
    gpus: int


SIDECAR_BYTES: Final = GIB // 2
"""What the sidecar of each stage volume requests (SPCS reference 3.3)."""


def demand_of(specification: ServiceSpecification) -> Demand:
    """The sum of the requests, those of stage volumes' sidecars included.

    What is not requested counts as half a core and half a GiB (reference 3.2).
    """
    cpu, memory, gpus = 0.0, 0, 0
    for container in specification.containers:
        requests, limits = container.requests, container.limits
        cpu += cpu_count(requests.cpu) if requests.cpu is not None else max(0.5, cpu_count(limits.cpu or 0))
        default = memory_bytes(limits.memory) if limits.memory else 0
        memory += memory_bytes(requests.memory) if requests.memory else max(GIB // 2, default)
        gpus += requests.gpus or 0
    memory += SIDECAR_BYTES * sum(volume.source == "stage" for volume in specification.volumes)
    return Demand(cpu, memory, gpus)


def lacking(demand: Demand, family: InstanceFamily, placed: Iterable[Demand] = ()) -> str | None:
    """Which resource is lacking on one node that already has ``placed`` on it: ``CPU``, ``memory``, ``GPU``, or None."""
    there = list(placed)
    if demand.gpus + sum(each.gpus for each in there) > family.gpus:
        return "GPU"
    if demand.memory + sum(each.memory for each in there) > family.memory_bytes:
        return "memory"
    if demand.cpu + sum(each.cpu for each in there) > family.vcpus:
        return "CPU"
    return None


@cache
def machine_gpus() -> int:
    """How many GPUs of NVIDIA this machine has: those that its driver shows. No node can have more than it."""
    return sum(bool(re.fullmatch(r"nvidia\d+", path.name)) for path in Path("/dev").glob("nvidia*"))


def unschedulable(reason: str) -> str:
    """Snowflake's words for an instance that finds no room; those about GPUs end with a full stop (reference 2.6)."""
    if reason == "GPU":
        return "Unschedulable due to insufficient GPU resources."
    return f"Unschedulable due to insufficient {'memory ' if reason == 'memory' else ''}resources"
