"""What statements ask of compute pools (SPCS reference, part 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import cannot, does_not_exist, invalid_value
from airflow_provider_raydp_spcs.local.services import rows
from airflow_provider_raydp_spcs.local.services.fleet import Fleet
from airflow_provider_raydp_spcs.local.services.records import PoolRecord
from airflow_provider_raydp_spcs.local.store import age_of
from airflow_provider_raydp_spcs.local.wording import already_dropped, dropped

WORKLOAD_TYPES: Final = ("ALL", "USER", "NOTEBOOK", "STREAMLIT", "MODEL_SERVING", "ML_JOB")
"""What STOP ALL OF TYPE may name. Services and jobs that SQL makes are of type USER; there are no others here."""
_NODE_LIMIT: Final = (
    "392508",
    "Compute pool has reached the maximum node limit. Consider increasing max_nodes using the ALTER COMPUTE POOL command.",
)
"""Error code and message of a pool that may not grow (reference 1.3)."""


class PoolDesk:
    """Compute pools; every method may be called from any thread."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet, self._pools, self._lock = fleet, fleet.pools, fleet.lock

    def has(self, name: str) -> bool:
        """Whether there is such a pool."""
        return self._pools.has(name)

    def create(self, name: str, values: Mapping[str, Any], owner: str, *, if_not_exists: bool) -> str:
        """Make a pool; answer Snowflake's message."""
        with self._lock:
            new = self._pools.create(name, values, owner, if_not_exists=if_not_exists)
        return f"Compute pool {name} successfully created." if new else f"{name} already exists, statement succeeded."

    def alter(self, name: str, values: Mapping[str, Any]) -> None:
        """Change a pool's properties."""
        with self._lock:
            nodes = self._fleet.nodes.of(self._pools.get(name))
            self._pools.alter(name, values, has_nodes=bool(nodes))

    def suspend(self, name: str) -> None:
        """Suspend a pool and the services on it; jobs go on to their end."""
        with self._lock:
            self._pools.set_suspended(name, suspended=True)
            for service in self._fleet.on(name):
                if service.job is None:
                    self._fleet.set_suspended(service, suspended=True)

    def resume(self, name: str) -> None:
        """Bring a pool's nodes back."""
        with self._lock:
            self._pools.set_suspended(name, suspended=False)

    def stop_all(self, name: str, types: Sequence[str] = ()) -> None:
        """Drop every service of a pool and cancel every job.

        :param types: only those of these workload types, in any case; empty for all.
        :raises SnowflakeFault: a type that does not exist.
        """
        wanted = [each.upper() for each in types]
        if unknown := [each for each in wanted if each not in WORKLOAD_TYPES]:
            msg = f"invalid workload type '{unknown[0][:80]}'; allowed are {', '.join(WORKLOAD_TYPES)}"
            raise invalid_value(msg)
        with self._lock:
            self._pools.get(name)
            if wanted and not {"ALL", "USER"} & set(wanted):
                return
            for service in self._fleet.on(name):
                if service.job is None:
                    self._fleet.begin_drop(service)
                else:
                    self._fleet.cancel(service)

    def drop(self, name: str, *, if_exists: bool) -> str:
        """Drop a pool that has no services; jobs on it are aborted."""
        with self._lock:
            if not self._pools.has(name):
                if if_exists:
                    return already_dropped(name)
                raise does_not_exist("Compute pool", name)
            left = sorted(each.record.name for each in self._fleet.on(name) if each.job is None)
            if left:
                msg = f"Compute pool {name} cannot be dropped: services {', '.join(left)} still exist on it."
                raise cannot(msg)
            for job in self._fleet.on(name):
                self._fleet.begin_drop(job)
            self._pools.drop(name)
            self._fleet.nodes.forget(name)
        return dropped(name)

    def show(self) -> list[dict[str, Any]]:
        """Rows of SHOW COMPUTE POOLS."""
        with self._lock:
            return [self._row(pool) for pool in self._pools.all()]

    def describe(self, name: str) -> dict[str, Any]:
        """Row of DESCRIBE COMPUTE POOL."""
        with self._lock:
            pool = self._pools.get(name)
            row = self._row(pool)
            full = len(self._fleet.nodes.of(pool)) >= pool.max_nodes
            there = [each for service in self._fleet.on(name) for each in service.instances]
            waiting = any(each.reason.startswith("Unschedulable") for each in there)
            code, message = _NODE_LIMIT if full and waiting else ("", _since(row["state"], pool.resumed_on))
            return {**row, "error_code": code, "status_message": message}

    def nodes(self, name: str) -> list[dict[str, Any]]:
        """Rows of SHOW NODES IN COMPUTE POOL."""
        with self._lock:
            pool = self._pools.get(name)
            nodes = () if pool.suspended else self._fleet.nodes.of(pool)
            return [rows.node_row(node, pool) for node in nodes if node.is_up]

    def families(self) -> list[dict[str, Any]]:
        """Rows of SHOW COMPUTE POOL INSTANCE FAMILIES."""
        with self._lock:
            return list(rows.family_rows(self._fleet.nodes.in_use(self._pools.all())))

    def _row(self, pool: PoolRecord) -> dict[str, Any]:
        services = self._fleet.on(pool.name)
        nodes = self._fleet.nodes.of(pool)
        up = [node for node in nodes if node.is_up]
        busy = [each.node for service in services for each in [*service.instances, *service.leaving]]
        active = sum(node in busy for node in up)
        if pool.suspended:
            state = "STOPPING" if nodes else "SUSPENDED"
        elif not up:
            state = "STARTING"
        elif len(up) < len(nodes):
            state = "RESIZING"
        else:
            state = "ACTIVE" if active or any(service.is_active for service in services) else "IDLE"
        jobs = sum(each.job is not None and each.job.outcome is None for each in services)
        return {
            **rows.pool_row(pool, state),
            "num_services": sum(each.job is None and not each.deleting for each in services),
            "num_jobs": jobs,
            "active_nodes": active,
            "idle_nodes": len(up) - active,
            "target_nodes": 0 if pool.suspended else len(nodes),
        }


def _since(state: str, resumed_on: str) -> str:
    if state != "STARTING":
        return ""
    return f"Compute pool is starting for last {int(age_of(resumed_on) // 60)} minutes"
