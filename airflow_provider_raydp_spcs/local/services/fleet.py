"""The services and jobs that there are: what statements and the supervisor share, behind one lock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.local.errors import does_not_exist
from airflow_provider_raydp_spcs.local.services.instances import Instance
from airflow_provider_raydp_spcs.local.services.nodes import Node, Nodes
from airflow_provider_raydp_spcs.local.services.pools import Pools
from airflow_provider_raydp_spcs.local.services.records import JobRecord, ServiceRecord
from airflow_provider_raydp_spcs.local.services.running import RunningService
from airflow_provider_raydp_spcs.local.services.scheduling import Demand
from airflow_provider_raydp_spcs.local.store import age_of, now

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.store import Store

_KIND, _DROPPED = "Service", "Dropped job"
JOBS_KEPT: Final = 30 * 24 * 3600.0
"""Seconds after which jobs that have ended are forgotten (SPCS reference 2.2)."""


class Fleet:
    """Every service and job; whoever reads or changes them holds ``lock``."""

    def __init__(self, store: Store, pools: Pools) -> None:
        self.lock = threading.RLock()
        self.store, self.pools = store, pools
        self.services: dict[str, RunningService] = {}
        self.nodes = Nodes(pools.provisioning_seconds, self._placed)

    def load(self) -> None:
        """Read what was there before. Services start again; a job that was running has failed, for none runs twice."""
        for name, body in list(self.store.all(_KIND)):
            service = RunningService(ServiceRecord.from_json(body))
            job = service.job
            if job is not None:
                if job.outcome is None and job.started:
                    self._lose(service.record, job)
                if job.completed_on and age_of(job.completed_on) > JOBS_KEPT:
                    self.store.delete(_KIND, name)
                    continue
                service.instances = [Instance.from_json(each) for each in job.ended]
            self.services[name] = service

    def _lose(self, record: ServiceRecord, job: JobRecord) -> None:
        """A job went down with its server."""
        job.outcome, job.completed_on = "CANCELLED" if job.cancelled else "FAILED", now()
        for number in range(job.replicas or 1):
            instance = Instance(number, 0, "", record.specification_text, is_job=True, start_time=job.completed_on)
            for state in instance.containers:
                state.status, state.start_time = "FAILED", job.completed_on
                state.message = "Encountered fatal error while running, check container logs"
            job.ended.append(instance.to_json())
        self.save(record)

    def on(self, pool: str) -> list[RunningService]:
        """The services and jobs of a pool."""
        return [service for service in self.services.values() if service.record.pool == pool]

    def _placed(self, pool: str) -> Iterator[tuple[Node | None, Demand]]:
        for service in self.on(pool):
            for instance in [*service.instances, *service.leaving]:
                if instance.node is not None:
                    yield instance.node, instance.demand

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

    def cancel(self, service: RunningService) -> None:
        """Cancel a job that has not ended; its containers are stopped in the background."""
        job = service.job
        if job is not None and job.outcome is None and not job.cancelled:
            job.cancelled = True
            self.save(service.record)
            service.stop_instances()

    def begin_drop(self, service: RunningService) -> None:
        """Drop a service; its containers are stopped in the background."""
        if not service.deleting:
            if service.job is not None:
                self._remember(service)
            # Forgotten on disk at once: a server that is killed now must not start it again.
            self.store.delete(_KIND, service.record.full_name)
            service.deleting = True
            service.stop_instances()

    def _remember(self, service: RunningService) -> None:
        """Keep a dropped job for the history of jobs."""
        job = service.job
        assert job is not None  # noqa: S101 - the caller looked
        if job.outcome is None:
            job.outcome, job.completed_on = "CANCELLED", now()
            job.ended = [each.to_json() for each in service.instances]
        self.store.put(_DROPPED, str(job.number), {"record": service.record.to_json(), "deleted_on": now()})

    def dropped_jobs(self) -> list[tuple[str, dict[str, Any]]]:
        """Jobs that were dropped within the time that jobs are kept."""
        found = list(self.store.all(_DROPPED))
        for number, body in found:
            if age_of(body["deleted_on"]) > JOBS_KEPT:
                self.store.delete(_DROPPED, number)
        return [each for each in found if age_of(each[1]["deleted_on"]) <= JOBS_KEPT]
