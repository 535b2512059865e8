"""A service or job while the server runs: its instances, and what the whole of them is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from airflow_provider_raydp_spcs.local.services.instances import Instance
from airflow_provider_raydp_spcs.local.services.records import JobRecord, ServiceRecord


@dataclass
class RunningService:
    """A record and its instances; ``leaving`` are those that are still being stopped.

    :param woken: whether somebody outside asked something of it since the supervisor last looked.
    :param seen: status and message of the service, its instances and containers when they were last looked at.
    """

    record: ServiceRecord
    instances: list[Instance] = field(default_factory=list)
    leaving: list[Instance] = field(default_factory=list)
    deleting: bool = False
    woken: bool = False
    seen: dict[tuple[str, ...], tuple[str, str]] = field(default_factory=dict)

    @property
    def job(self) -> JobRecord | None:
        """What makes it a job, or None."""
        return self.record.job

    @property
    def is_active(self) -> bool:
        """Whether it takes, or wants, a place on its pool's nodes."""
        return bool(self.leaving) or (not self.deleting and self.record.wanted_instances > 0)

    @property
    def status(self) -> str:
        """The status in Snowflake's words (SPCS reference 2.2, 2.4)."""
        if self.deleting:
            return "DELETING"
        if self.job is not None:
            return self._job_status(self.job)
        if self.record.suspended:
            return "SUSPENDING" if self.leaving else "SUSPENDED"
        ready = sum(instance.status == "READY" for instance in self.instances)
        return "RUNNING" if ready >= self.record.min_ready_instances else "PENDING"

    def _job_status(self, job: JobRecord) -> str:
        if job.outcome is not None:
            return job.outcome
        if job.cancelled:
            return "CANCELLING"
        counts = self.counts
        if counts["FAILED"]:
            return "FAILED"
        if counts["SUCCEEDED"] == (job.replicas or 1):
            return "DONE"
        # Of several replicas one may have ended before the next finds room.
        return "RUNNING" if counts["READY"] or counts["SUCCEEDED"] else "PENDING"

    @property
    def counts(self) -> Counter[str]:
        """How many instances have each status."""
        return Counter(instance.status for instance in self.instances)

    @property
    def is_upgrading(self) -> bool:
        """Whether instances of an earlier specification are left."""
        text = self.record.specification_text
        return any(each.specification_text != text for each in [*self.instances, *self.leaving])

    @property
    def ready_addresses(self) -> list[str]:
        """Addresses of the instances that take requests."""
        return [instance.address for instance in self.instances if instance.status == "READY"]

    def stop(self, instance: Instance) -> None:
        """Ask an instance to end; it is remembered until its last process is gone."""
        instance.terminate()
        self.instances.remove(instance)
        self.leaving.append(instance)

    def stop_instances(self) -> None:
        """Ask every instance to end."""
        for instance in list(self.instances):
            self.stop(instance)
