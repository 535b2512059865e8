"""What a cluster costs: credits of its nodes, for the time since its pools were made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.spcs.compute_pools import ASLEEP
from airflow_provider_raydp_spcs.spcs.errors import UnknownInstanceFamilyError
from airflow_provider_raydp_spcs.spcs.instance_families import instance_family

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePool, ComputePoolInfo


@dataclass(frozen=True)
class PoolCost:
    """One pool.

    :param nodes: that it was asked to have.
    :param credits: for ``hours``; None where the family's rate is not published (SPCS reference 1.6).
    :param credits_per_hour: now; 0 for a pool that is suspended, for it has no nodes, and None likewise.
    """

    name: str
    instance_family: str
    nodes: int
    hours: float
    credits: float | None
    credits_per_hour: float | None = None


@dataclass(frozen=True)
class Cost:
    """What a cluster has cost at most: as if all nodes of its pools had run since the pools were made."""

    pools: tuple[PoolCost, ...]

    @property
    def credits(self) -> float:
        """The sum over the pools whose rate is known."""
        return sum(pool.credits or 0.0 for pool in self.pools)

    @property
    def whole_credits(self) -> float | None:
        """The sum over all pools; None where a rate is not known."""
        return _whole(pool.credits for pool in self.pools)

    @property
    def credits_per_hour(self) -> float | None:
        """What it costs now, as if every pool that is not suspended had all its nodes; None where a rate is not known."""
        return _whole(pool.credits_per_hour for pool in self.pools)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """The instance families whose rate is not known."""
        return tuple(sorted({pool.instance_family for pool in self.pools if pool.credits is None}))

    def to_json(self) -> dict[str, Any]:
        """For XCom."""
        return {
            "credits_at_most": round(self.credits, 6),
            "pools": [
                {
                    "name": pool.name,
                    "instance_family": pool.instance_family,
                    "nodes": pool.nodes,
                    "hours": round(pool.hours, 4),
                    "credits": None if pool.credits is None else round(pool.credits, 6),
                }
                for pool in self.pools
            ],
        }

    def __str__(self) -> str:
        node_hours = sum(pool.nodes * pool.hours for pool in self.pools)
        without = f"; no rate is published for {', '.join(self.unpriced)}" if self.unpriced else ""
        return f"cost: at most {self.credits:.4f} credits for {node_hours:.3f} node hours{without}"


def cost_of(pools: Iterable[ComputePoolInfo], now: datetime | None = None) -> Cost:
    """The cost of pools until now."""
    now = now or datetime.now(UTC)
    return Cost(tuple(_pool_cost(pool, now) for pool in pools))


def _pool_cost(pool: ComputePoolInfo, now: datetime) -> PoolCost:
    hours = 0.0 if pool.created_on is None else max(0.0, (now - pool.created_on).total_seconds() / 3600)
    try:
        rate = instance_family(pool.instance_family).credits_per_hour
    except UnknownInstanceFamilyError:
        rate = None
    spent = None if rate is None else rate * pool.max_nodes * hours
    per_hour = 0.0 if pool.state in ASLEEP else None if rate is None else rate * pool.max_nodes
    return PoolCost(pool.name, pool.instance_family, pool.max_nodes, hours, spent, per_hour)


def _whole(parts: Iterable[float | None]) -> float | None:
    found = list(parts)
    known = [each for each in found if each is not None]
    return sum(known) if len(known) == len(found) else None


def estimate(pools: Iterable[ComputePool]) -> tuple[float, tuple[str, ...]]:
    """Credits an hour of pools that are still to be made, and the families whose rate is not published, left out of it."""
    rate, unpriced = 0.0, set()
    for pool in pools:
        each = instance_family(pool.instance_family).credits_per_hour
        if each is None:
            unpriced.add(pool.instance_family)
        else:
            rate += each * pool.max_nodes
    return rate, tuple(sorted(unpriced))
