"""The services that there are: what statements and the supervisor share, behind one lock."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.local.errors import does_not_exist
from airflow_provider_raydp_spcs.local.services.pools import Pools
from airflow_provider_raydp_spcs.local.services.records import ServiceRecord
from airflow_provider_raydp_spcs.local.services.running import RunningService
from airflow_provider_raydp_spcs.local.services.scheduling import Demand, demand_of, place
from airflow_provider_raydp_spcs.local.store import now
from airflow_provider_raydp_spcs.spcs.instance_families import instance_family

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.store import Store

_KIND: Final = "Service"


class Fleet:
    """Every service; whoever reads or changes it holds ``lock``."""

    def __init__(self, store: Store, pools: Pools) -> None:
        self.lock = threading.RLock()
        self.store, self.pools = store, pools
        self.services: dict[str, RunningService] = {}

    def load(self) -> None:
        """Read what was there before."""
        for name, body in self.store.all(_KIND):
            self.services[name] = RunningService(ServiceRecord.from_json(body))

    def on(self, pool: str) -> list[RunningService]:
        """The services of a pool."""
        return [service for service in self.services.values() if service.record.pool == pool]

    def nodes(self, pool: str) -> list[list[Demand]]:
        """The nodes of a pool with what is placed on each; where exactly does not matter here."""
        record = self.pools.get(pool)
        nodes: list[list[Demand]] = []
        for service in self.on(pool):
            demand = demand_of(service.record.specification)
            for instance in [*service.instances, *service.leaving]:
                if instance.scheduled:
                    place(demand, instance_family(record.instance_family), nodes, record.max_nodes)
        return nodes

    def service(self, name: str) -> RunningService:
        """One service.

        :raises SnowflakeFault: there is none, or it is being dropped.
        """
        service = self.services.get(name)
        if service is None or service.deleting:
            raise does_not_exist("Service", name)
        return service

    def save(self, record: ServiceRecord) -> None:
        """Write a record to disk."""
        record.updated_on = now()
        self.store.put(_KIND, record.full_name, record.to_json())

    def set_suspended(self, service: RunningService, *, suspended: bool) -> None:
        """Stop a service's containers, or let them start again."""
        record = service.record
        if record.suspended == suspended:
            return
        record.suspended = suspended
        if suspended:
            record.suspended_on = now()
            service.stop_instances()
        else:
            record.resumed_on = now()
        self.save(record)

    def begin_drop(self, service: RunningService) -> None:
        """Drop a service; its containers are stopped in the background."""
        if not service.deleting:
            # Forgotten on disk at once: a server that is killed now must not start it again.
            self.store.delete(_KIND, service.record.full_name)
            service.deleting = True
            service.stop_instances()
