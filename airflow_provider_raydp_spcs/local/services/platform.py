"""The services of the account: what statements ask for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.local.errors import (
    already_exists,
    cannot,
    does_not_exist,
    invalid_spec,
    invalid_value,
    wrong_architecture,
)
from airflow_provider_raydp_spcs.local.services import rows
from airflow_provider_raydp_spcs.local.services.container_start import Folders
from airflow_provider_raydp_spcs.local.services.fleet import Fleet
from airflow_provider_raydp_spcs.local.services.images import parts_of
from airflow_provider_raydp_spcs.local.services.records import ServiceRecord
from airflow_provider_raydp_spcs.local.services.running import RunningService
from airflow_provider_raydp_spcs.local.services.scheduling import demand_of, lacking, unschedulable
from airflow_provider_raydp_spcs.local.services.surroundings import Surroundings
from airflow_provider_raydp_spcs.spcs.errors import InvalidSpecificationError
from airflow_provider_raydp_spcs.spcs.instance_families import instance_family
from airflow_provider_raydp_spcs.spcs.specification import ServiceSpecification

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.ingress.doors import Ingress

MAX_LOG_BYTES: Final = 100_000
"""SYSTEM$GET_SERVICE_LOGS hands out 100 KB at most (SPCS reference 2.7)."""
_NODE_LIMIT: Final = (
    "392508",
    "Compute pool has reached the maximum node limit. Consider increasing max_nodes using the ALTER COMPUTE POOL command.",
)
"""Error code and message of a pool that may not grow (reference 1.3)."""
_FIELDS: Final = {
    "MIN_INSTANCES": "min_instances",
    "MAX_INSTANCES": "max_instances",
    "MIN_READY_INSTANCES": "min_ready_instances",
    "AUTO_RESUME": "auto_resume",
    "EXTERNAL_ACCESS_INTEGRATIONS": "external_access_integrations",
    "QUERY_WAREHOUSE": "query_warehouse",
    "COMMENT": "comment",
}


class Platform:
    """Compute pools and services; every method may be called from any thread."""

    def __init__(self, fleet: Fleet, ingress: Ingress, folders: Folders, surroundings: Surroundings) -> None:
        self._fleet, self._ingress, self._folders, self._around = fleet, ingress, folders, surroundings
        self._pools, self._lock, self._services = fleet.pools, fleet.lock, fleet.services

    @property
    def account(self) -> str:
        """The account's locator."""
        return self._around.facts.account

    def owner(self, kind: str, name: str) -> str | None:
        """The role that owns a pool or service; None where there is none of this name."""
        with self._lock:
            if kind == "Compute pool" and self._pools.has(name):
                return self._pools.get(name).owner
            if kind == "Service" and name in self._services:
                return self._services[name].record.owner
        return None

    def set_pool_owner(self, name: str, owner: str) -> None:
        """Hand a pool over to another role."""
        with self._lock:
            self._pools.set_owner(name, owner)

    # -- compute pools ----------------------------------------------------------------------------------------------

    def has_pool(self, name: str) -> bool:
        """Whether there is such a pool."""
        return self._pools.has(name)

    def create_pool(self, name: str, values: Mapping[str, Any], owner: str, *, if_not_exists: bool) -> str:
        """Make a pool; answer Snowflake's message."""
        with self._lock:
            new = self._pools.create(name, values, owner, if_not_exists=if_not_exists)
        return f"Compute pool {name} successfully created." if new else f"{name} already exists, statement succeeded."

    def alter_pool(self, name: str, values: Mapping[str, Any]) -> None:
        """Change a pool's properties."""
        with self._lock:
            self._pools.alter(name, values)

    def suspend_pool(self, name: str) -> None:
        """Suspend a pool and the services on it."""
        with self._lock:
            self._pools.set_suspended(name, suspended=True)
            for service in self._fleet.on(name):
                self._fleet.set_suspended(service, suspended=True)

    def resume_pool(self, name: str) -> None:
        """Bring a pool's nodes back."""
        with self._lock:
            self._pools.set_suspended(name, suspended=False)

    def stop_all(self, name: str) -> None:
        """Drop every service of a pool."""
        with self._lock:
            self._pools.get(name)
            for service in self._fleet.on(name):
                self._fleet.begin_drop(service)

    def drop_pool(self, name: str, *, if_exists: bool) -> str:
        """Drop a pool that has no services."""
        with self._lock:
            if not self._pools.has(name):
                if if_exists:
                    return f"Drop statement executed successfully ({name} already dropped)."
                raise does_not_exist("Compute pool", name)
            left = sorted(service.record.name for service in self._fleet.on(name))
            if left:
                msg = f"Compute pool {name} cannot be dropped: services {', '.join(left)} still exist on it."
                raise cannot(msg)
            self._pools.drop(name)
        return f"{name} successfully dropped."

    def show_pools(self) -> list[dict[str, Any]]:
        """Rows of SHOW COMPUTE POOLS."""
        with self._lock:
            return [self._pool_row(pool.name) for pool in self._pools.all()]

    def describe_pool(self, name: str) -> dict[str, Any]:
        """Row of DESCRIBE COMPUTE POOL."""
        with self._lock:
            pool = self._pools.get(name)
            full = len(self._fleet.nodes(name)) >= pool.max_nodes
            there = [each for service in self._fleet.on(name) for each in service.instances]
            waiting = any(each.reason.startswith("Unschedulable") for each in there)
            code, message = _NODE_LIMIT if full and waiting else ("", "")
            return {**self._pool_row(name), "error_code": code, "status_message": message}

    def _pool_row(self, name: str) -> dict[str, Any]:
        pool = self._pools.get(name)
        services = self._fleet.on(name)
        nodes = len(self._fleet.nodes(name))
        if pool.suspended:
            state = "STOPPING" if any(service.leaving for service in services) else "SUSPENDED"
        elif not self._pools.is_provisioned(pool):
            state = "STARTING"
        else:
            state = "ACTIVE" if nodes else "IDLE"
        return rows.pool_row(pool, state, len(services), nodes)

    # -- services ---------------------------------------------------------------------------------------------------

    def has_service(self, name: str) -> bool:
        """Whether there is such a service."""
        return name in self._services

    def create_service(
        self, name: str, pool: str, text: str, values: Mapping[str, Any], owner: str, *, if_not_exists: bool
    ) -> str:
        """Make a service; its instances start in the background. Answer Snowflake's message."""
        short = name.rpartition(".")[2]
        with self._lock:
            if name in self._services:
                if if_not_exists:
                    return f"{short} already exists, statement succeeded."
                raise already_exists(short)
            specification = self._checked(text, pool)
            count = values.get("MIN_INSTANCES", 1)
            database, schema, own_name = name.split(".")
            given = {_FIELDS[key]: value for key, value in values.items() if key in _FIELDS}
            record = ServiceRecord.from_json(
                {
                    "database": database,
                    "schema": schema,
                    "name": own_name,
                    "pool": pool,
                    "specification_text": text,
                    "owner": owner,
                    "number": 0,
                    "max_instances": count,
                    "min_ready_instances": count,
                    **given,
                }
            )
            _check_counts(record)
            record.ingress_ports = {
                each.name: self._ingress.new_port() for each in specification.endpoints if each.public
            }
            if self._pools.get(pool).suspended and self._pools.get(pool).auto_resume:
                self._pools.set_suspended(pool, suspended=False)
            self._fleet.save(record)
            self._services[name] = RunningService(record)
        return f"Service {short} successfully created."

    def _checked(self, text: str, pool: str) -> ServiceSpecification:
        try:
            specification = ServiceSpecification.from_yaml(text)
        except InvalidSpecificationError as error:
            raise invalid_spec(str(error)) from error
        family = instance_family(self._pools.get(pool).instance_family)
        short = lacking(demand_of(specification), family)
        if short:
            msg = f"{unschedulable(short).rstrip('.')}: the request exceeds a node of {family.name}."
            raise invalid_value(msg)
        for container in specification.containers:
            if parts_of(container.image) is None:
                msg = f"Invalid spec: Provided image name uses an invalid format: '{container.image}'"
                raise invalid_spec(msg)
            image = self._around.images.find(container.image)
            if image is not None and image.architecture not in (None, family.architecture):
                raise wrong_architecture(container.image, family.architecture)
        for volume in specification.volumes:
            if volume.source == "stage":
                self._around.stage_folder(volume.stage or "")
        return specification

    def alter_service(self, name: str, values: Mapping[str, Any]) -> None:
        """Change a service's properties."""
        with self._lock:
            record = self._fleet.service(name).record
            for key, value in values.items():
                if key in _FIELDS:
                    setattr(record, _FIELDS[key], value)
            if "MIN_INSTANCES" in values and "MIN_READY_INSTANCES" not in values:
                record.min_ready_instances = record.min_instances
            _check_counts(record)
            self._fleet.save(record)

    def replace_specification(self, name: str, text: str) -> None:
        """Take another specification; every instance is replaced, the highest id first."""
        with self._lock:
            service = self._fleet.service(name)
            specification = self._checked(text, service.record.pool)
            ports = service.record.ingress_ports
            service.record.ingress_ports = {
                each.name: ports.get(each.name) or self._ingress.new_port()
                for each in specification.endpoints
                if each.public
            }
            service.record.specification_text = text
            self._fleet.save(service.record)
            service.stop_instances()

    def suspend_service(self, name: str) -> None:
        """Stop a service's containers."""
        with self._lock:
            self._fleet.set_suspended(self._fleet.service(name), suspended=True)

    def resume_service(self, name: str) -> None:
        """Start them again; the pool is resumed with it."""
        with self._lock:
            service = self._fleet.service(name)
            self._pools.set_suspended(service.record.pool, suspended=False)
            self._fleet.set_suspended(service, suspended=False)

    def drop_service(self, name: str, *, if_exists: bool, force: bool) -> str:
        """Drop a service; its containers are stopped in the background."""
        short = name.rpartition(".")[2]
        with self._lock:
            if name not in self._services:
                if if_exists:
                    return f"Drop statement executed successfully ({short} already dropped)."
                raise does_not_exist("Service", name)
            service = self._services[name]
            if not force and any(each.source == "block" for each in service.record.specification.volumes):
                msg = f"Service {short} has block volumes; use DROP SERVICE … FORCE to drop it with them."
                raise cannot(msg)
            self._fleet.begin_drop(service)
        return f"{short} successfully dropped."

    def show_services(self) -> list[dict[str, Any]]:
        """Rows of SHOW SERVICES."""
        with self._lock:
            return [
                rows.service_row(service, self._around.domain(service.record.database, service.record.schema))
                for _, service in sorted(self._services.items())
            ]

    def describe_service(self, name: str) -> dict[str, Any]:
        """Row of DESCRIBE SERVICE."""
        with self._lock:
            service = self._fleet.service(name)
            row = rows.service_row(service, self._around.domain(service.record.database, service.record.schema))
            return {**row, "spec": rows.normalised_spec(service)}

    def show_containers(self, name: str) -> list[dict[str, Any]]:
        """Rows of SHOW SERVICE CONTAINERS."""
        with self._lock:
            return list(rows.container_rows(self._fleet.service(name)))

    def show_instances(self, name: str) -> list[dict[str, Any]]:
        """Rows of SHOW SERVICE INSTANCES."""
        with self._lock:
            return list(rows.instance_rows(self._fleet.service(name)))

    def show_endpoints(self, name: str) -> list[dict[str, Any]]:
        """Rows of SHOW ENDPOINTS."""
        with self._lock:
            return list(rows.endpoint_rows(self._fleet.service(name), self._ingress.ports()))

    def show_roles(self, name: str) -> list[dict[str, Any]]:
        """Rows of SHOW ROLES IN SERVICE."""
        with self._lock:
            record = self._fleet.service(name).record
        roles = ["ALL_ENDPOINTS_USAGE", *(role.name for role in record.specification.service_roles)]
        return [{"created_on": record.created_on, "name": role} for role in roles]

    def service_roles(self, name: str) -> dict[str, tuple[str, ...]]:
        """The service roles that a service's specification defines, with their endpoints; none where it is gone."""
        with self._lock:
            service = self._services.get(name)
            roles = service.record.specification.service_roles if service else ()
            return {role.name.upper(): tuple(role.endpoints) for role in roles}

    def logs(self, name: str, instance_id: str, container: str, lines: int | None) -> str:
        """Text of SYSTEM$GET_SERVICE_LOGS.

        :raises SnowflakeFault: no such container, or it has not started yet.
        """
        with self._lock:
            service = self._fleet.service(name)
            for instance in service.instances:
                for state in instance.containers:
                    if str(instance.id) == str(instance_id) and state.container.name == container:
                        if state.start_time is None:
                            msg = f"Container {container} has no logs yet. Container Status: {state.status}"
                            raise cannot(msg)
                        return _tail(self._folders.log(service.record, instance, container), lines)
        raise does_not_exist("Container", f"{name}/{instance_id}/{container}")

    def repository_url(self, database: str, schema: str, name: str) -> str:
        """The address of an image repository."""
        host = self._around.images.registry or f"{self.account}.registry.snowflakecomputing.com"
        return f"{host}/{database}/{schema}/{name}".lower()

    def show_images(self, repository: str) -> list[dict[str, Any]]:
        """Rows of SHOW IMAGES."""
        folder = "/".join(repository.lower().split("."))
        return [
            {
                "image_name": each.name,
                "tags": each.tag,
                "digest": each.digest,
                "image_path": f"/{folder}/{each.name}:{each.tag}",
            }
            for each in self._around.images.listing(folder)
        ]

    def show_families(self) -> list[dict[str, Any]]:
        """Rows of SHOW COMPUTE POOL INSTANCE FAMILIES."""
        return list(rows.family_rows())


def _tail(path: Path, lines: int | None) -> str:
    """The last lines of a log, within what the function hands out."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - MAX_LOG_BYTES))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-(lines or 10**9) :])


def _check_counts(record: ServiceRecord) -> None:
    if record.max_instances < record.min_instances or record.min_ready_instances > record.min_instances:
        msg = (
            f"MIN_READY_INSTANCES ({record.min_ready_instances}) <= MIN_INSTANCES ({record.min_instances}) <= "
            f"MAX_INSTANCES ({record.max_instances}) does not hold for service {record.name}"
        )
        raise invalid_value(msg)
