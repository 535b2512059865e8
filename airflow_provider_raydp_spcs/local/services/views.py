"""What SHOW, DESCRIBE and the functions about logs and events tell of services (SPCS reference 2.4, 2.5, 2.7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.local.errors import cannot, does_not_exist
from airflow_provider_raydp_spcs.local.services import container_logs, rows
from airflow_provider_raydp_spcs.local.services.container_start import Folders
from airflow_provider_raydp_spcs.local.services.events import Event, Events
from airflow_provider_raydp_spcs.local.services.fleet import Fleet
from airflow_provider_raydp_spcs.local.services.instances import ContainerState, Instance
from airflow_provider_raydp_spcs.local.services.metrics import Metric, Metrics
from airflow_provider_raydp_spcs.local.services.running import RunningService
from airflow_provider_raydp_spcs.local.services.shown_spec import shown
from airflow_provider_raydp_spcs.local.services.surroundings import Surroundings
from airflow_provider_raydp_spcs.local.services.telemetry import Received, Telemetry
from airflow_provider_raydp_spcs.local.store import age_of
from airflow_provider_raydp_spcs.spcs.instance_families import instance_family

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.ingress.doors import Ingress


class Views:
    """Rows and texts; every method may be called from any thread."""

    def __init__(self, fleet: Fleet, ingress: Ingress, folders: Folders, surroundings: Surroundings) -> None:
        self._fleet, self._ingress, self._folders, self._around = fleet, ingress, folders, surroundings
        self._lock, self._events, self._metrics = fleet.lock, Events(folders.logs), Metrics(folders.logs)
        self._telemetry = Telemetry(folders.logs)

    @property
    def _registry(self) -> str:
        return self._around.registry

    def services(self) -> list[dict[str, Any]]:
        """Rows of SHOW SERVICES, of services and jobs."""
        with self._lock:
            return [self._row(service) for _, service in sorted(self._fleet.services.items())]

    def service(self, name: str) -> dict[str, Any]:
        """Row of DESCRIBE SERVICE."""
        with self._lock:
            service = self._fleet.service(name)
            family = instance_family(self._fleet.pools.get(service.record.pool).instance_family)
            return {**self._row(service), "spec": shown(service.record.specification, family, self._registry)}

    def _row(self, service: RunningService) -> dict[str, Any]:
        return rows.service_row(service, self.domain(service.record.database, service.record.schema))

    def domain(self, database: str, schema: str) -> str:
        """DNS domain of a schema's services."""
        return self._around.domain(database, schema)

    def containers(self, name: str) -> list[dict[str, Any]]:
        """Rows of SHOW SERVICE CONTAINERS; one with NULLs where there is no instance (reference 2.5)."""
        with self._lock:
            service = self._fleet.service(name)
            return list(rows.container_rows(service, self._registry)) or [rows.of_service(service)]

    def instances(self, name: str) -> list[dict[str, Any]]:
        """Rows of SHOW SERVICE INSTANCES; one with NULLs where there is none (reference 2.5)."""
        with self._lock:
            service = self._fleet.service(name)
            return list(rows.instance_rows(service)) or [rows.of_service(service)]

    def endpoints(self, name: str) -> list[dict[str, Any]]:
        """Rows of SHOW ENDPOINTS."""
        with self._lock:
            service = self._fleet.service(name)
            # A new address takes as long as a new node.
            is_young = age_of(service.record.created_on) < self._fleet.pools.provisioning_seconds
            return list(rows.endpoint_rows(service, () if is_young else self._ingress.ports()))

    def roles(self, name: str) -> list[dict[str, Any]]:
        """Rows of SHOW ROLES IN SERVICE."""
        with self._lock:
            record = self._fleet.service(name).record
        roles = ["ALL_ENDPOINTS_USAGE", *(role.name.upper() for role in record.specification.service_roles)]
        return [{"created_on": record.created_on, "name": role} for role in roles]

    def logs(
        self,
        name: str,
        instance_id: str,
        container: str,
        *,
        lines: int | None = None,
        previous: bool = False,
        since: dt.datetime | None = None,
        with_times: bool = False,
    ) -> str:
        """Text of SYSTEM$GET_SERVICE_LOGS.

        :param previous: of the run before the present one.
        :raises SnowflakeFault: no such container, or it has not started yet, or only once.
        """
        with self._lock:
            service = self._fleet.service(name)
            for instance, state in _every_container(service):
                if str(instance.id) == instance_id and state.container.name == container:
                    if state.start_time is None:
                        msg = f"Container {container} has no logs yet. Container Status: {state.status}"
                        raise cannot(msg)
                    if previous and state.log_before is None:
                        msg = f"Container {container} has no previous logs; it was never restarted. Container Status: {state.status}"
                        raise cannot(msg)
                    begin, end = (state.log_before or 0, state.log_from) if previous else (state.log_from, None)
                    log = self._folders.log(service.record, instance, container)
                    break
            else:
                raise does_not_exist("Container", f"{name}/{instance_id}/{container}")
        return container_logs.tail(log, begin, end, count=lines, since=since, with_times=with_times)

    def log_lines(self, name: str) -> Iterator[tuple[dt.datetime, int, str, str]]:
        """Time, instance, container and text of every line that is kept."""
        with self._lock:
            service = self._fleet.service(name)
            logs = [
                (instance.id, state.container.name, self._folders.log(service.record, instance, state.container.name))
                for instance, state in _every_container(service)
            ]
        for instance_id, container, log in logs:
            for moment, text in container_logs.lines(log):
                yield moment, instance_id, container, text

    def events(self, name: str) -> list[Event]:
        """The events of a service."""
        with self._lock:
            self._fleet.service(name)
        return list(self._events.of(name))

    def metrics(self, name: str) -> list[Metric]:
        """The measurements of a service."""
        with self._lock:
            self._fleet.service(name)
        return list(self._metrics.of(name))

    def telemetry(self, name: str) -> list[Received]:
        """What the programs of a service measured and traced themselves."""
        with self._lock:
            self._fleet.service(name)
        return list(self._telemetry.of(name))


def _every_container(service: RunningService) -> Iterator[tuple[Instance, ContainerState]]:
    for instance in [*service.instances, *service.leaving]:
        for state in instance.containers:
            yield instance, state
