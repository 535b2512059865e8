"""The nodes of compute pools: how many there are, whether they are up, and what is placed on them (SPCS reference 1.2)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from airflow_provider_raydp_spcs.local.services.records import PoolRecord
from airflow_provider_raydp_spcs.local.services.scheduling import Demand, lacking, machine_gpus
from airflow_provider_raydp_spcs.local.store import age_of, now
from airflow_provider_raydp_spcs.spcs.instance_families import instance_family

LINGER_SECONDS: Final = 2.0
"""A node beyond MIN_NODES that has nothing on it is given back after so long, or after what a node takes to come up."""


@dataclass(eq=False)
class Node:
    """One node.

    :param up_at: when it can be used, on the clock of ``time.monotonic``.
    """

    id: str
    family: str
    up_at: float
    created_on: str = field(default_factory=now)
    idle_since: float = field(default_factory=time.monotonic)

    @property
    def is_up(self) -> bool:
        """Whether containers can run on it."""
        return time.monotonic() >= self.up_at


class Nodes:
    """The nodes of every pool. They are as old as the server: none is remembered on disk.

    :param provisioning_seconds: how long a node takes to come up.
    :param placed: the demands of what is placed on a pool's nodes, each with its node.
    """

    def __init__(
        self, provisioning_seconds: float, placed: Callable[[str], Iterable[tuple[Node | None, Demand]]]
    ) -> None:
        self._provisioning, self._placed = provisioning_seconds, placed
        self._nodes: dict[str, list[Node]] = {}
        self._numbers = count(1)

    def of(self, pool: PoolRecord) -> list[Node]:
        """The nodes that a pool has now; brought to MIN_NODES, and shrunk to it where more are idle.

        Of a suspended pool those are left on which something still runs.
        """
        first = pool.name not in self._nodes
        nodes = self._nodes.setdefault(pool.name, [])
        busy = [node for node, _ in self._placed(pool.name)]
        for node in nodes:
            if node in busy:
                node.idle_since = time.monotonic()
        if pool.suspended:
            nodes[:] = [node for node in nodes if node in busy]
            if not nodes:
                del self._nodes[pool.name]
            return list(nodes)
        for node in reversed(list(nodes)):
            idle = node not in busy and time.monotonic() - node.idle_since > max(LINGER_SECONDS, self._provisioning)
            if len(nodes) > pool.min_nodes and (idle or (len(nodes) > pool.max_nodes and node not in busy)):
                nodes.remove(node)
        while len(nodes) < pool.min_nodes:
            # A server that starts again finds the nodes of its pools as far as they were.
            nodes.append(self._new(pool, age_of(pool.resumed_on) if first else 0.0))
        return list(nodes)

    def place(self, pool: PoolRecord, demand: Demand) -> Node | str:
        """The first node with room for a demand, a new one where the pool may grow; else which resource is lacking."""
        if demand.gpus > machine_gpus():
            return "GPU"
        nodes = self.of(pool)
        reason: str | None = None
        for node in nodes:
            there = [each for at, each in self._placed(pool.name) if at is node]
            reason = lacking(demand, instance_family(node.family), there)
            if reason is None:
                return node
        if len(nodes) < pool.max_nodes:
            self._nodes[pool.name].append(node := self._new(pool, 0.0))
            return node
        return reason or "node"

    def forget(self, pool: str) -> None:
        """A pool is gone."""
        self._nodes.pop(pool, None)

    def in_use(self, pools: Iterable[PoolRecord]) -> dict[str, int]:
        """How many nodes of each instance family there are."""
        found: dict[str, int] = {}
        for pool in pools:
            for node in self.of(pool):
                found[node.family] = found.get(node.family, 0) + 1
        return found

    def _new(self, pool: PoolRecord, age: float) -> Node:
        number = next(self._numbers)
        name = f"node-10-{number // 62500 % 250}-{number // 250 % 250}-{number % 250:02}"
        return Node(name, pool.instance_family, time.monotonic() + max(0.0, self._provisioning - age))
