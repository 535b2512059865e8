"""A service while the server runs: its instances, and what the whole of them is."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_raydp_spcs.local.services.instances import Instance
from airflow_provider_raydp_spcs.local.services.records import ServiceRecord


@dataclass
class RunningService:
    """A record and its instances; ``leaving`` are those that are still being stopped."""

    record: ServiceRecord
    instances: list[Instance] = field(default_factory=list)
    leaving: list[Instance] = field(default_factory=list)
    deleting: bool = False

    @property
    def status(self) -> str:
        """The service's status in Snowflake's words."""
        if self.deleting:
            return "DELETING"
        if self.record.suspended:
            return "SUSPENDING" if self.leaving else "SUSPENDED"
        ready = sum(instance.status == "READY" for instance in self.instances)
        return "RUNNING" if ready >= self.record.min_ready_instances else "PENDING"

    @property
    def ready_addresses(self) -> list[str]:
        """Addresses of the instances that take requests."""
        return [instance.address for instance in self.instances if instance.status == "READY"]

    def stop_instances(self) -> None:
        """Ask every instance to end; they are remembered until the last process is gone."""
        for instance in self.instances:
            instance.terminate()
        self.leaving.extend(self.instances)
        self.instances = []
