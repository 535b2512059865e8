"""Services: containers that run on the nodes of a compute pool (SPCS reference, part 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from airflow_provider_raydp_spcs.spcs import sql
from airflow_provider_raydp_spcs.spcs.service_info import ContainerInfo, EndpointInfo, InstanceInfo, ServiceInfo
from airflow_provider_raydp_spcs.spcs.session import Session
from airflow_provider_raydp_spcs.spcs.specification import ServiceSpecification

MAX_INSTANCES = 500
MAX_INTEGRATIONS = 10


@dataclass(frozen=True)
class Service:
    """What is asked for. ``instances`` is both MIN_INSTANCES and MAX_INSTANCES.

    :param name: ``[database.][schema.]name``.
    :raises InvalidIdentifierError, InvalidValueError: at construction.
    """

    name: str
    compute_pool: str
    specification: ServiceSpecification
    instances: int = 1
    external_access_integrations: Sequence[str] = ()
    query_warehouse: str | None = None
    auto_resume: bool = True
    comment: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _name(self.name)
        sql.count(self.instances, f"instances of {self.name}", minimum=1, maximum=MAX_INSTANCES)
        sql.count(
            len(self.external_access_integrations),
            f"the number of external access integrations of {self.name}",
            minimum=0,
            maximum=MAX_INTEGRATIONS,
        )


class Services:
    """Statements about services."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, service: Service, *, if_not_exists: bool = True) -> None:
        """Ask for a service; returns at once, its containers come later."""
        # A quoted literal instead of $$…$$: there is no text that could end it early.
        parts = [
            f"CREATE SERVICE {'IF NOT EXISTS ' if if_not_exists else ''}{_name(service.name)}",
            f"IN COMPUTE POOL {sql.identifier(service.compute_pool, 'compute pool name')}",
            f"FROM SPECIFICATION {sql.literal(service.specification.to_yaml())}",
            f"MIN_INSTANCES = {service.instances}",
            f"MAX_INSTANCES = {service.instances}",
            f"AUTO_RESUME = {sql.boolean(service.auto_resume)}",
        ]
        if service.external_access_integrations:
            names = sql.names(service.external_access_integrations, "external access integration")
            parts.append(f"EXTERNAL_ACCESS_INTEGRATIONS = {names}")
        if service.query_warehouse:
            parts.append(f"QUERY_WAREHOUSE = {sql.identifier(service.query_warehouse, 'warehouse')}")
        if service.tags:
            parts.append(f"WITH TAG {sql.tags(service.tags)}")
        if service.comment is not None:
            parts.append(f"COMMENT = {sql.literal(service.comment)}")
        self._session.execute("\n  ".join(parts))

    def alter_specification(self, name: str, specification: ServiceSpecification) -> None:
        """Replace the specification; instances are replaced one by one, the highest id first."""
        text = sql.literal(specification.to_yaml())
        self._session.execute(f"ALTER SERVICE {_name(name)} FROM SPECIFICATION {text}")

    def alter(
        self,
        name: str,
        *,
        instances: int | None = None,
        query_warehouse: str | None = None,
        external_access_integrations: Sequence[str] | None = None,
        comment: str | None = None,
    ) -> None:
        """Change properties; those left None stay."""
        parts = []
        if instances is not None:
            number = sql.count(instances, f"instances of {name}", minimum=1, maximum=MAX_INSTANCES)
            parts.append(f"MIN_INSTANCES = {number} MAX_INSTANCES = {number}")
        if query_warehouse is not None:
            parts.append(f"QUERY_WAREHOUSE = {sql.identifier(query_warehouse, 'warehouse')}")
        if external_access_integrations is not None:
            names = sql.names(external_access_integrations, "external access integration")
            parts.append(f"EXTERNAL_ACCESS_INTEGRATIONS = {names}")
        if comment is not None:
            parts.append(f"COMMENT = {sql.literal(comment)}")
        if parts:
            self._session.execute(f"ALTER SERVICE {_name(name)} SET {' '.join(parts)}")

    def suspend(self, name: str) -> None:
        """Stop the containers and keep the service."""
        self._session.execute(f"ALTER SERVICE {_name(name)} SUSPEND")

    def resume(self, name: str) -> None:
        """Start the containers again."""
        self._session.execute(f"ALTER SERVICE {_name(name)} RESUME")

    def drop(self, name: str, *, if_exists: bool = True, force: bool = False) -> None:
        """Drop the service; ``force`` also drops its block volumes."""
        exists, forced = "IF EXISTS " if if_exists else "", " FORCE" if force else ""
        self._session.execute(f"DROP SERVICE {exists}{_name(name)}{forced}")

    def describe(self, name: str) -> ServiceInfo:
        """One service with its specification.

        :raises ObjectDoesNotExistError: there is none of this name.
        """
        return ServiceInfo.from_row(self._session.execute(f"DESCRIBE SERVICE {_name(name)}")[0])

    def show(self, prefix: str = "", *, schema: str | None = None) -> list[ServiceInfo]:
        """Services whose name starts with ``prefix``, in a schema (``[database.]schema``), else the session's scope."""
        like = f" LIKE {sql.like(prefix.upper())}" if prefix else ""
        scope = f" IN SCHEMA {sql.qualified(schema, 'schema')}" if schema else ""
        found = map(ServiceInfo.from_row, self._session.execute(f"SHOW SERVICES{like}{scope}"))
        return [service for service in found if service.name.startswith(prefix.upper())]

    def containers(self, name: str) -> list[ContainerInfo]:
        """The containers of every instance; none where there is no instance, which is told as one row of NULLs."""
        rows = self._session.execute(f"SHOW SERVICE CONTAINERS IN SERVICE {_name(name)}")
        return [container for container in map(ContainerInfo.from_row, rows) if container.container_name]

    def instances(self, name: str) -> list[InstanceInfo]:
        """The instances; none is told as one row of NULLs."""
        rows = self._session.execute(f"SHOW SERVICE INSTANCES IN SERVICE {_name(name)}")
        return [instance for instance in map(InstanceInfo.from_row, rows) if instance.instance_id]

    def endpoints(self, name: str) -> list[EndpointInfo]:
        """The endpoints."""
        rows = self._session.execute(f"SHOW ENDPOINTS IN SERVICE {_name(name)}")
        return [EndpointInfo.from_row(row) for row in rows]

    def logs(self, name: str, instance_id: str, container: str, *, lines: int = 1000) -> str:
        """The last lines of a container, standard output and error merged; Snowflake hands out 100 KB at most.

        :raises StatementFailedError: the container has not started yet.
        """
        number = sql.count(lines, "lines", minimum=1, maximum=100_000)
        arguments = f"{sql.literal(_name(name))}, {sql.literal(str(instance_id))}, {sql.literal(container)}, {number}"
        (row,) = self._session.execute(f"SELECT SYSTEM$GET_SERVICE_LOGS({arguments}) AS LOG")
        return str(next(iter(row.values())) or "")


def _name(name: str) -> str:
    *_, own = name.split(".")
    sql.dns_identifier(own)
    return sql.qualified(name, "service name")
