"""What Snowflake tells of services, their instances, containers and endpoints (SPCS reference 2.4, 2.5)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from airflow_provider_raydp_spcs.spcs import rows
from airflow_provider_raydp_spcs.spcs.session import Row

PROVISIONING: Final = "provisioning in progress"
"""Part of the text that stands in ``ingress_url`` until a public endpoint can be reached."""


class ServiceStatus(StrEnum):
    """States of a service; older accounts say READY where newer ones say RUNNING."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    READY = "READY"
    FAILED = "FAILED"
    DONE = "DONE"
    SUSPENDING = "SUSPENDING"
    SUSPENDED = "SUSPENDED"
    DELETING = "DELETING"
    DELETED = "DELETED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def _missing_(cls, value: object) -> ServiceStatus:
        return cls.UNKNOWN


UP: Final = frozenset({ServiceStatus.RUNNING, ServiceStatus.READY})
"""The service answers."""
BROKEN: Final = frozenset({ServiceStatus.FAILED, ServiceStatus.INTERNAL_ERROR})
"""The service will not come up by waiting."""
GOING: Final = frozenset({ServiceStatus.DELETING, ServiceStatus.DELETED})
ASLEEP: Final = frozenset({ServiceStatus.SUSPENDING, ServiceStatus.SUSPENDED})
"""The service has no containers until it is resumed, or soon will have none."""


class ContainerStatus(StrEnum):
    """States of a container."""

    PENDING = "PENDING"
    READY = "READY"
    DONE = "DONE"
    FAILED = "FAILED"
    TERMINATING = "TERMINATING"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def _missing_(cls, value: object) -> ContainerStatus:
        return cls.UNKNOWN


@dataclass(frozen=True)
class ServiceInfo:
    """One row of SHOW SERVICES or DESCRIBE SERVICE; ``spec`` comes from DESCRIBE only.

    :param created_on: when the service was created, with time zone; restarts and upgrades do not change it.
    """

    name: str
    status: ServiceStatus
    database_name: str
    schema_name: str
    owner: str
    compute_pool: str
    dns_name: str
    current_instances: int
    target_instances: int
    comment: str
    spec_digest: str
    spec: str | None = None
    created_on: dt.datetime | None = None

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """Read a row."""
        return cls(
            name=rows.text(row, "name"),
            status=ServiceStatus(rows.text(row, "status")),
            database_name=rows.text(row, "database_name"),
            schema_name=rows.text(row, "schema_name"),
            owner=rows.text(row, "owner"),
            compute_pool=rows.text(row, "compute_pool"),
            dns_name=rows.text(row, "dns_name"),
            current_instances=rows.number(row, "current_instances"),
            target_instances=rows.number(row, "target_instances"),
            comment=rows.text(row, "comment"),
            spec_digest=rows.text(row, "spec_digest"),
            spec=rows.optional(row, "spec"),
            created_on=rows.moment(row, "created_on"),
        )

    @property
    def full_name(self) -> str:
        """``DATABASE.SCHEMA.NAME``."""
        return f"{self.database_name}.{self.schema_name}.{self.name}"


@dataclass(frozen=True)
class ContainerInfo:
    """One row of SHOW SERVICE CONTAINERS."""

    service_name: str
    instance_id: str
    container_name: str
    status: ContainerStatus
    message: str
    image_name: str
    restart_count: int
    last_exit_code: str | None

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """Read a row; fields of a pending service may be NULL."""
        return cls(
            service_name=rows.text(row, "service_name"),
            instance_id=rows.text(row, "instance_id"),
            container_name=rows.text(row, "container_name"),
            status=ContainerStatus(rows.text(row, "status")),
            message=rows.text(row, "message"),
            image_name=rows.text(row, "image_name"),
            restart_count=rows.number(row, "restart_count"),
            last_exit_code=rows.optional(row, "last_exit_code"),
        )


@dataclass(frozen=True)
class InstanceInfo:
    """One row of SHOW SERVICE INSTANCES."""

    service_name: str
    instance_id: str
    status: str
    ip_address: str | None

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """Read a row."""
        return cls(
            service_name=rows.text(row, "service_name"),
            instance_id=rows.text(row, "instance_id"),
            status=rows.text(row, "status"),
            ip_address=rows.optional(row, "ip_address"),
        )


@dataclass(frozen=True)
class EndpointInfo:
    """One row of SHOW ENDPOINTS.

    :param ingress_host: host of a public endpoint, without scheme; None while it is being provisioned, and for
        endpoints that are not public.
    """

    name: str
    port: int | None
    is_public: bool
    ingress_host: str | None

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """Read a row."""
        host = rows.optional(row, "ingress_url")
        return cls(
            name=rows.text(row, "name"),
            port=rows.number(row, "port") or None,
            is_public=rows.truth(row, "is_public"),
            ingress_host=None if host is None or PROVISIONING in host else host,
        )
