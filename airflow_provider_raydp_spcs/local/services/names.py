"""The DNS names of services (SPCS reference 3.4)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.services.records import ServiceRecord
    from airflow_provider_raydp_spcs.local.services.running import RunningService


def domain(database: str, schema: str) -> str:
    """DNS domain of a schema's services."""
    digest = hashlib.sha256(f"{database}.{schema}".encode()).hexdigest()[:4]
    return f"{digest}.svc.spcs.internal"


def names_of(record: ServiceRecord) -> tuple[str, ...]:
    """Every name of a service: within its schema, from other schemas, and whole; each also for all of its instances."""
    whole = domain(record.database, record.schema)
    names = (record.label, f"{record.label}.{whole.partition('.')[0]}", f"{record.label}.{whole}")
    return (*names, *(f"instances.{name}" for name in names))


def names_for(record: ServiceRecord, services: Iterable[RunningService]) -> Mapping[str, str]:
    """Name → address of the first instance, of the services that one service may call.

    Within the schema a service is called by its label alone, from elsewhere the schema is a part of its name.
    """
    names = {}
    for other in services:
        if other.instances:
            is_near = (other.record.database, other.record.schema) == (record.database, record.schema)
            near = (other.record.label, f"instances.{other.record.label}")
            for name in names_of(other.record):
                if is_near or name not in near:
                    names[name] = other.instances[0].address
    return names
