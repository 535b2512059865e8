"""What is remembered of compute pools and services, on disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from airflow_provider_raydp_spcs.local.store import now
from airflow_provider_raydp_spcs.spcs.specification import ServiceSpecification


@dataclass
class PoolRecord:
    """A compute pool as it was asked for."""

    name: str
    instance_family: str
    min_nodes: int
    max_nodes: int
    owner: str
    auto_resume: bool = True
    auto_suspend_secs: int = 3600
    comment: str | None = None
    suspended: bool = False
    created_on: str = field(default_factory=now)
    resumed_on: str = field(default_factory=now)
    updated_on: str = field(default_factory=now)

    def to_json(self) -> dict[str, Any]:
        """For the store."""
        return asdict(self)


@dataclass
class ServiceRecord:
    """A service as it was asked for.

    :param number: of its first instance; the others follow. Addresses come from it.
    :param ingress_ports: endpoint name → port on 127.0.0.1.
    """

    database: str
    schema: str
    name: str
    pool: str
    specification_text: str
    owner: str
    number: int
    min_instances: int = 1
    max_instances: int = 1
    min_ready_instances: int = 1
    auto_resume: bool = True
    external_access_integrations: list[str] = field(default_factory=list)
    query_warehouse: str | None = None
    comment: str | None = None
    suspended: bool = False
    ingress_ports: dict[str, int] = field(default_factory=dict)
    created_on: str = field(default_factory=now)
    updated_on: str = field(default_factory=now)
    resumed_on: str | None = None
    suspended_on: str | None = None

    @property
    def full_name(self) -> str:
        """``DATABASE.SCHEMA.NAME``."""
        return f"{self.database}.{self.schema}.{self.name}"

    @property
    def label(self) -> str:
        """The service's DNS label."""
        return self.name.lower().replace("_", "-")

    @property
    def specification(self) -> ServiceSpecification:
        """The specification; it was checked when it came."""
        return ServiceSpecification.from_yaml(self.specification_text)

    def to_json(self) -> dict[str, Any]:
        """For the store."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Self:
        """From the store."""
        return cls(**body)
