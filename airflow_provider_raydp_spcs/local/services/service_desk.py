"""What statements ask of services (SPCS reference, part 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.local.errors import already_exists, cannot, does_not_exist
from airflow_provider_raydp_spcs.local.services.admission import Admission
from airflow_provider_raydp_spcs.local.services.fleet import Fleet
from airflow_provider_raydp_spcs.local.services.records import JobRecord, ServiceRecord
from airflow_provider_raydp_spcs.local.services.running import RunningService
from airflow_provider_raydp_spcs.local.wording import already_dropped, dropped

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.ingress.doors import Ingress
    from airflow_provider_raydp_spcs.spcs.specification import ServiceSpecification

_FIELDS: Final = {
    "MIN_INSTANCES": "min_instances",
    "MAX_INSTANCES": "max_instances",
    "MIN_READY_INSTANCES": "min_ready_instances",
    "AUTO_RESUME": "auto_resume",
    "AUTO_SUSPEND_SECS": "auto_suspend_secs",
    "EXTERNAL_ACCESS_INTEGRATIONS": "external_access_integrations",
    "QUERY_WAREHOUSE": "query_warehouse",
    "LOG_LEVEL": "log_level",
    "COMMENT": "comment",
}


class ServiceDesk:
    """Services; every method may be called from any thread."""

    def __init__(self, fleet: Fleet, ingress: Ingress, admission: Admission) -> None:
        self._fleet, self._ingress, self._admission = fleet, ingress, admission
        self._pools, self._lock, self._services = fleet.pools, fleet.lock, fleet.services

    def has(self, name: str) -> bool:
        """Whether there is such a service or job."""
        return name in self._services

    def create(
        self, name: str, pool: str, text: str, values: Mapping[str, Any], owner: str, *, if_not_exists: bool
    ) -> str:
        """Make a service; its instances start in the background. Answer Snowflake's message."""
        short = name.rpartition(".")[2]
        with self._lock:
            if if_not_exists and name in self._services:
                return f"{short} already exists, statement succeeded."
            self.take_in(name, pool, text, values, owner)
        return f"Service {short} successfully created."

    def take_in(
        self, name: str, pool: str, text: str, values: Mapping[str, Any], owner: str, job: JobRecord | None = None
    ) -> RunningService:
        """Make a service, or a job.

        :raises SnowflakeFault: there is one of this name, or it may not be as it is asked for.
        """
        with self._lock:
            database, schema, own_name = name.split(".")
            if name in self._services:
                raise already_exists(own_name)
            specification = self._admission.specification(text, pool)
            count = values.get("MIN_INSTANCES", 1)
            given = {_FIELDS[key]: value for key, value in values.items() if key in _FIELDS}
            counts = {"min_instances": count, "max_instances": count, "min_ready_instances": count}
            record = ServiceRecord(database, schema, own_name, pool, text, owner, 0, **{**counts, **given}, job=job)
            self._admission.record(record)
            record.ingress_ports = self._ports(specification, {})
            if self._pools.get(pool).auto_resume:
                self._pools.set_suspended(pool, suspended=False)
            self._fleet.save(record)
            self._services[name] = RunningService(record)
            return self._services[name]

    def _ports(self, specification: ServiceSpecification, known: Mapping[str, int]) -> dict[str, int]:
        public = [each.name for each in specification.endpoints if each.public]
        return {name: known.get(name) or self._ingress.new_port() for name in public}

    def alter(self, name: str, values: Mapping[str, Any]) -> None:
        """Change a service's properties. Where only MIN_INSTANCES is given, the two that follow from it follow it."""
        with self._lock:
            service = self._service(name)
            changed = {_FIELDS[key]: value for key, value in values.items() if key in _FIELDS}
            old = service.record
            if "min_instances" in changed:
                count = changed["min_instances"]
                if old.min_ready_instances == old.min_instances or old.min_ready_instances > count:
                    changed.setdefault("min_ready_instances", count)
                if old.max_instances == old.min_instances:
                    changed.setdefault("max_instances", count)
            record = replace(old, **changed)
            self._admission.record(record)
            service.record = record
            self._fleet.save(record)

    def unset(self, name: str, properties: list[str]) -> None:
        """Give properties their defaults back."""
        with self._lock:
            record = self._service(name).record
            defaults = ServiceRecord("", "", "", "", "", "", 0)
            values = {key: getattr(defaults, _FIELDS[key]) for key in properties}
            values |= {
                key: record.min_instances if "MIN_INSTANCES" not in properties else 1
                for key in ("MAX_INSTANCES", "MIN_READY_INSTANCES")
                if key in properties
            }
            self.alter(name, values)

    def replace_specification(self, name: str, text: str) -> None:
        """Take another specification; the supervisor replaces every instance, the highest id first."""
        with self._lock:
            service = self._service(name)
            specification = self._admission.specification(text, service.record.pool)
            record = replace(
                service.record,
                specification_text=text,
                ingress_ports=self._ports(specification, service.record.ingress_ports),
            )
            self._admission.record(record)
            gone = set(service.record.ingress_ports.values()) - set(record.ingress_ports.values())
            self._ingress.close_ports(gone)
            service.record = record
            self._fleet.save(record)

    def suspend(self, name: str) -> None:
        """Stop a service's containers."""
        with self._lock:
            self._fleet.set_suspended(self._service(name), suspended=True)

    def resume(self, name: str) -> None:
        """Start them again; the pool is resumed with it."""
        with self._lock:
            service = self._service(name)
            if self._pools.get(service.record.pool).auto_resume:
                self._pools.set_suspended(service.record.pool, suspended=False)
            self._fleet.set_suspended(service, suspended=False)

    def drop(self, name: str, *, if_exists: bool, force: bool) -> str:
        """Drop a service or job; its containers are stopped in the background."""
        short = name.rpartition(".")[2]
        with self._lock:
            if name not in self._services:
                if if_exists:
                    return already_dropped(short)
                raise does_not_exist("Service", name)
            service = self._services[name]
            blocks = any(each.source == "block" for each in service.record.specification.volumes)
            if blocks and not force and service.job is None:
                msg = f"Service {short} has block volumes; use DROP SERVICE … FORCE to drop it with them."
                raise cannot(msg)
            self._fleet.begin_drop(service)
        return dropped(short)

    def _service(self, name: str) -> RunningService:
        """A service that is no job.

        :raises SnowflakeFault: there is none, or it is a job, which cannot be altered (reference 2.2).
        """
        service = self._fleet.service(name)
        if service.job is not None:
            raise cannot(f"Job service '{name}' cannot be altered.")
        return service
