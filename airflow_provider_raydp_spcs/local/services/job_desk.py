"""What statements ask of jobs: run, wait for, cancel, and the history of them (SPCS reference 2.2)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, cannot, job_failed
from airflow_provider_raydp_spcs.local.interruption import pause, statement_id
from airflow_provider_raydp_spcs.local.services import rows
from airflow_provider_raydp_spcs.local.services.fleet import Fleet
from airflow_provider_raydp_spcs.local.services.instances import Instance
from airflow_provider_raydp_spcs.local.services.records import JobRecord, ServiceRecord
from airflow_provider_raydp_spcs.local.services.running import RunningService
from airflow_provider_raydp_spcs.local.services.service_desk import ServiceDesk

TERMINAL: Final = frozenset({"DONE", "FAILED", "CANCELLED", "INTERNAL_ERROR"})
_MESSAGES: Final = {
    "DONE": "Job completed successfully.",
    "FAILED": "Job failed.",
    "CANCELLED": "Job was cancelled.",
    "CANCELLING": "Job is being cancelled.",
    "RUNNING": "Job is running.",
    "PENDING": "Job is pending.",
}


class JobDesk:
    """Jobs; every method may be called from any thread."""

    def __init__(self, fleet: Fleet, services: ServiceDesk) -> None:
        self._fleet, self._services = fleet, services

    @staticmethod
    def new_name() -> str:
        """The name of a job that is given none: after the id of its statement."""
        return f"JOB_{statement_id().replace('-', '_').upper()}"

    def submit(
        self, name: str, pool: str, text: str, values: Mapping[str, Any], owner: str, *, is_async: bool
    ) -> RunningService:
        """Take a job in; it runs in the background.

        :param values: properties; ``REPLICAS`` is how many instances.
        :raises SnowflakeFault: see :meth:`ServiceDesk.take_in`.
        """
        number, replicas = self._fleet.store.next_number("job"), values.get("REPLICAS")
        job = JobRecord(number, is_async=is_async, replicas=replicas, query_id=statement_id())
        return self._services.take_in(name, pool, text, values, owner, job)

    def wait(self, job: RunningService) -> None:
        """Wait until a job has ended; a statement that is stopped before cancels its job.

        :raises SnowflakeFault: it did not end well, or the statement was stopped.
        """
        while (outcome := self._outcome(job)) is None:
            try:
                pause()
            except SnowflakeFault:
                self.cancel(job.record.full_name)
                raise
        if outcome != "DONE":
            raise job_failed(job.record.name, outcome, self._reason(job))

    def _outcome(self, service: RunningService) -> str | None:
        with self._fleet.lock:
            if service.deleting:
                return "CANCELLED"
            return service.job.outcome if service.job else None

    def _reason(self, service: RunningService) -> str:
        with self._fleet.lock:
            states = [state for each in service.instances for state in each.containers]
            return next((state.message for state in states if state.status == "FAILED"), "")

    def cancel(self, name: str) -> str:
        """Cancel a job; answer Snowflake's message.

        :raises SnowflakeFault: there is none, or it is a service.
        """
        with self._fleet.lock:
            service = self._fleet.service(name)
            job = service.job
            if job is None:
                raise cannot(f"Service '{name}' is not a job service, so it cannot be cancelled.")
            if job.outcome is not None:
                return f"Job {service.record.name} is already in terminal state: {job.outcome}."
            self._fleet.cancel(service)
            return f"Job {service.record.name} successfully terminated"

    def wait_for(self, name: str, status: str, seconds: float) -> str:
        """Wait until a service or job has a status; answer Snowflake's message.

        :raises SnowflakeFault: it has not within the time, or can never have it any more; the message names the present one.
        """
        end = time.monotonic() + seconds
        while True:
            with self._fleet.lock:
                service = self._fleet.service(name)
                found = service.status
                for_good = service.job is not None and service.job.outcome is not None
            if found == status:
                return f"Service {name.rpartition('.')[2]} reached status {status}."
            if for_good:
                raise cannot(f"Service '{name}' can never reach status {status}. Current status: {found}.")
            if time.monotonic() >= end:
                raise cannot(
                    f"Service '{name}' did not reach status {status} within {seconds:g} seconds. Current status: {found}."
                )
            pause()

    def history(self, registry: str) -> Iterator[dict[str, Any]]:
        """Rows of GET_JOB_HISTORY, the latest job first; dropped ones as well.

        :param registry: host of the images' registry.
        """
        with self._fleet.lock:
            there = [each for each in self._fleet.services.values() if each.job is not None and not each.deleting]
            found = [(service, None) for service in there]
            gone = [(_from_json(body["record"]), body["deleted_on"]) for _, body in self._fleet.dropped_jobs()]
            for service, deleted_on in sorted(
                [*found, *gone], key=lambda pair: pair[0].record.created_on, reverse=True
            ):
                yield _history_row(service, deleted_on, registry)


def _from_json(body: dict[str, Any]) -> RunningService:
    record = ServiceRecord.from_json(body)
    return RunningService(record, [Instance.from_json(each) for each in record.job.ended] if record.job else [])


def _history_row(service: RunningService, deleted_on: str | None, registry: str) -> dict[str, Any]:
    record, job = service.record, service.job
    assert job is not None  # noqa: S101 - only jobs are asked for
    counts, status = service.counts, service.status
    total = job.replicas or 1
    parameters = {"ASYNC": job.is_async, **({"REPLICAS": job.replicas} if job.replicas is not None else {})}
    return {
        "QUERY_ID": job.query_id,
        "ID": job.number,
        "NAME": record.name,
        "DATABASE_NAME": record.database,
        "SCHEMA_NAME": record.schema,
        "CREATED_TIME": record.created_on,
        "COMPLETED_TIME": job.completed_on,
        "DELETED_TIME": deleted_on,
        "STATUS": status,
        "MESSAGE": _MESSAGES.get(status, ""),
        "INSTANCE_STATUSES": {
            "failedInstances": counts["FAILED"],
            "instances": [
                {
                    "containers": [rows.container_state(state, registry) for state in each.containers],
                    "instanceId": str(each.id),
                }
                for each in service.instances
            ],
            "pendingInstances": counts["PENDING"],
            "runningInstances": counts["READY"],
            "succeededInstances": counts["SUCCEEDED"],
            "totalInstances": total,
        },
        "COMPUTE_POOL_NAME": record.pool,
        "OWNER": record.owner,
        "OWNER_ROLE_TYPE": "ROLE",
        "PARAMETERS": parameters,
        "MANAGING_OBJECT": None,
    }
