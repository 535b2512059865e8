"""How large a Spark session is: from what the cluster really has.

Pure arithmetic over the nodes that Ray reports, so that a request that cannot be met fails at once, in numbers,
instead of hanging for resources that never come.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_raydp_spcs.runtime.errors import SparkSizeError

WORKER_RESOURCE: Final = "worker"
"""Ray resource of the nodes on which Spark executors run; the head and custom workers do not have it."""
MIB: Final = 1024**2
OVERHEAD_SHARE: Final = 0.1
MIN_OVERHEAD: Final = 384 * MIB
"""Spark's own rule for memory outside the heap: a tenth, at least 384 MiB."""
_UNITS: Final = {"": MIB, "k": 1024, "m": MIB, "g": 1024 * MIB, "t": 1024**2 * MIB}
_MEMORY: Final = re.compile(r"(\d+)([kmgt]?)b?")
EXECUTOR_SHARE: Final = 0.6
"""Of a node's memory for the executor; the rest is for Ray's own processes and Python workers."""


@dataclass(frozen=True)
class WorkerNode:
    """What Ray hands out on one node for Spark."""

    address: str
    cpus: int
    memory_bytes: int
    worker_resource: float


@dataclass(frozen=True)
class SparkSize:
    """A Spark session's size.

    :param executors: how many, one per worker node unless asked otherwise.
    :param cores: Spark task slots of each.
    :param memory_mib: heap of each.
    :param actor_cpus: CPUs that each takes from Ray; fewer than ``cores`` would overcommit, so they are equal.
    :param actor_worker_resource: share of the resource ``worker`` that each takes, which spreads them over the nodes.
    """

    executors: int
    cores: int
    memory_mib: int
    actor_cpus: int
    actor_worker_resource: float

    @property
    def shuffle_partitions(self) -> int:
        """Two per task slot: enough to balance, few enough to start fast."""
        return max(2, 2 * self.executors * self.cores)

    @property
    def initial_partitions(self) -> int:
        """Four per task slot, where Spark puts small ones together again by their real sizes (adaptive execution): large
        shuffles get pieces that fit the memory, and small ones pay for a few empty buckets only.
        """
        return 2 * self.shuffle_partitions

    def __str__(self) -> str:
        return f"{self.executors} executors with {self.cores} cores and {self.memory_mib} MiB each"


@dataclass(frozen=True)
class Wish:
    """What a user asks for; None leaves it to the cluster.

    :param executors: how many.
    :param cores: Spark task slots of each.
    :param memory_mib: heap of each in MiB.
    """

    executors: int | None = None
    cores: int | None = None
    memory_mib: int | None = None

    def or_settings(self, configs: Mapping[str, str]) -> Wish:
        """The wish, completed by Spark's own settings where the user gave them instead.

        :raises SparkSizeError: such a setting cannot be read.
        """
        return Wish(
            _whole(configs, "spark.executor.instances") if self.executors is None else self.executors,
            _whole(configs, "spark.executor.cores") if self.cores is None else self.cores,
            _memory(configs, "spark.executor.memory") if self.memory_mib is None else self.memory_mib,
        )


def _whole(configs: Mapping[str, str], name: str) -> int | None:
    text = configs.get(name)
    if text is None:
        return None
    if not str(text).isdigit():
        msg = f"{name} is {text!r}; allowed are whole numbers from 1"
        raise SparkSizeError(msg)
    return int(text)


def _memory(configs: Mapping[str, str], name: str) -> int | None:
    """Spark's way of writing memory, where a number alone counts MiB."""
    text = configs.get(name)
    if text is None:
        return None
    found = _MEMORY.fullmatch(str(text).strip().lower())
    if not found:
        msg = f"{name} is {text!r}; write it as 600m or 4g"
        raise SparkSizeError(msg)
    return int(found[1]) * _UNITS[found[2]] // MIB


def worker_nodes(nodes: Iterable[Mapping[str, Any]]) -> list[WorkerNode]:
    """The nodes for Spark out of ``ray.nodes()``."""
    found = []
    for node in nodes:
        resources = node.get("Resources", {})
        if node.get("Alive") and resources.get(WORKER_RESOURCE):
            found.append(
                WorkerNode(
                    address=str(node["NodeManagerAddress"]),
                    cpus=int(resources.get("CPU", 0)),
                    memory_bytes=int(resources.get("memory", 0)),
                    worker_resource=float(resources[WORKER_RESOURCE]),
                )
            )
    return found


def size_spark(
    nodes: list[WorkerNode],
    *,
    executors: int | None = None,
    cores: int | None = None,
    memory_mib: int | None = None,
    share: float = 1.0,
) -> SparkSize:
    """Size a session: one executor per worker node, leaving one CPU of each node to Ray where there is more than one.

    Every number may be given instead.

    :param share: of each node that this session may take, so that several fit beside each other.

    :raises SparkSizeError: no worker node, or executors that fit on no node.
    """
    if not nodes:
        msg = (
            f"no living node has the Ray resource {WORKER_RESOURCE!r}, on which Spark executors run. Is the worker group up? "
            "Custom groups are left alone unless they have spark=True"
        )
        raise SparkSizeError(msg)
    if not 0 < share <= 1:
        msg = f"share is {share}; allowed are numbers above 0, up to 1"
        raise SparkSizeError(msg)
    for name, value in (("executors", executors), ("cores", cores), ("memory_mib", memory_mib)):
        if value is not None and value < 1:
            msg = f"{name} is {value}; allowed are whole numbers from 1"
            raise SparkSizeError(msg)
    count = executors or len(nodes)
    per_node = -(-count // len(nodes))
    smallest = min(nodes, key=lambda node: (node.cpus, node.memory_bytes))
    own_cores = cores or max(1, int((smallest.cpus - 1) * share) // per_node)
    memory = memory_mib or max(512, int(smallest.memory_bytes * EXECUTOR_SHARE * share / per_node / MIB))
    resource = _quantity(min(node.worker_resource for node in nodes) * share / per_node)
    size = SparkSize(count, own_cores, memory, own_cores, resource)
    _check(size, per_node, smallest)
    return size


def _quantity(value: float) -> float:
    """As much of a resource as Ray lets an actor ask for: above 1 only whole numbers."""
    return float(int(value)) if value > 1 else value


def _check(size: SparkSize, per_node: int, smallest: WorkerNode) -> None:
    if per_node * size.actor_cpus > max(1, smallest.cpus):
        msg = (
            f"{per_node} executors per node with {size.cores} cores need {per_node * size.actor_cpus} CPUs, "
            f"but node {smallest.address} has {smallest.cpus}; ask for fewer executors or cores, or a larger family"
        )
        raise SparkSizeError(msg)
    need = per_node * (size.memory_mib * MIB + overhead_bytes(size.memory_mib))
    if smallest.memory_bytes and need > smallest.memory_bytes:
        msg = (
            f"{per_node} executors per node with {size.memory_mib} MiB heap and "
            f"{overhead_bytes(size.memory_mib) // MIB} MiB overhead need {need // MIB} MiB, but node {smallest.address} "
            f"has {smallest.memory_bytes // MIB} MiB for Ray's work; ask for less memory or a larger family"
        )
        raise SparkSizeError(msg)


def overhead_bytes(memory_mib: int) -> int:
    """Memory that an executor needs outside its heap."""
    return max(MIN_OVERHEAD, int(memory_mib * MIB * OVERHEAD_SHARE))
