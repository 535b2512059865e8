"""What is remembered of compute pools, services and jobs, on disk."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field
from functools import lru_cache
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
    placement_group: str | None = None
    backup_instance_families: list[str] = field(default_factory=list)
    created_on: str = field(default_factory=now)
    resumed_on: str = field(default_factory=now)
    updated_on: str = field(default_factory=now)

    def to_json(self) -> dict[str, Any]:
        """For the store."""
        return asdict(self)


@dataclass
class JobRecord:
    """What a job has beyond a service (SPCS reference 2.2).

    :param number: identifier within the account.
    :param cancelled: whether somebody asked to cancel it.
    :param started: whether a container of it ever ran; such a job is not started a second time.
    :param outcome: ``DONE``, ``FAILED`` or ``CANCELLED`` once it has ended.
    :param ended: what is left to tell of its instances then, as
        :meth:`~airflow_provider_raydp_spcs.local.services.instances.Instance.to_json` writes them.
    """

    number: int
    is_async: bool = False
    replicas: int | None = None
    query_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    cancelled: bool = False
    started: bool = False
    outcome: str | None = None
    completed_on: str | None = None
    ended: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class ServiceRecord:
    """A service as it was asked for.

    :param number: of its first instance; the others follow. Addresses come from it.
    :param ingress_ports: endpoint name → port on 127.0.0.1.
    :param job: what makes it a job; None for a service.
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
    auto_suspend_secs: int = 0
    external_access_integrations: list[str] = field(default_factory=list)
    query_warehouse: str | None = None
    log_level: str | None = None
    comment: str | None = None
    suspended: bool = False
    ingress_ports: dict[str, int] = field(default_factory=dict)
    created_on: str = field(default_factory=now)
    updated_on: str = field(default_factory=now)
    resumed_on: str | None = None
    suspended_on: str | None = None
    job: JobRecord | None = None

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
        return parsed(self.specification_text)

    @property
    def wanted_instances(self) -> int:
        """How many instances there shall be now."""
        if self.job is not None:
            return 0 if self.job.cancelled or self.job.outcome else self.job.replicas or 1
        return 0 if self.suspended else self.min_instances

    def to_json(self) -> dict[str, Any]:
        """For the store."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Self:
        """From the store."""
        job = body.get("job")
        return cls(**{**body, "job": JobRecord(**job) if job else None})


@lru_cache(maxsize=512)
def parsed(text: str) -> ServiceSpecification:
    """The specification of a text that was checked before; it is asked for many times a second."""
    return ServiceSpecification.from_yaml(text)
