"""Rows of SHOW and DESCRIBE about pools and services (SPCS reference 1.3, 2.4, 2.5)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from airflow_provider_raydp_spcs.local.services.records import PoolRecord
from airflow_provider_raydp_spcs.local.services.running import RunningService
from airflow_provider_raydp_spcs.spcs.instance_families import INSTANCE_FAMILIES

PROVISIONING: Final = "Endpoints provisioning in progress... check back in a few minutes"


def truth(value: bool) -> str:
    """Booleans are sent as text."""
    return "true" if value else "false"


def pool_row(pool: PoolRecord, state: str, services: int, nodes: int) -> dict[str, Any]:
    """A compute pool.

    :param nodes: how many have something on them.
    """
    up = 0 if state in ("SUSPENDED", "STARTING") else max(nodes, pool.min_nodes)
    return {
        "name": pool.name,
        "state": state,
        "min_nodes": pool.min_nodes,
        "max_nodes": pool.max_nodes,
        "instance_family": pool.instance_family,
        "num_services": services,
        "num_jobs": 0,
        "auto_suspend_secs": pool.auto_suspend_secs,
        "auto_resume": truth(pool.auto_resume),
        "active_nodes": min(nodes, up),
        "idle_nodes": max(0, up - nodes),
        "target_nodes": 0 if state == "SUSPENDED" else max(nodes, pool.min_nodes),
        "created_on": pool.created_on,
        "resumed_on": pool.resumed_on,
        "updated_on": pool.updated_on,
        "owner": pool.owner,
        "comment": pool.comment,
        "is_exclusive": "false",
    }


def family_rows() -> Iterator[dict[str, Any]]:
    """Every instance family."""
    for family in INSTANCE_FAMILIES.values():
        yield {
            "name": family.name,
            "vcpu": family.vcpus,
            "memory_gib": family.memory_gib,
            "storage_gib": family.storage_gb,
            "gpu": family.gpu,
            "gpu_count": family.gpus or None,
        }


def spec_digest(text: str) -> str:
    """Digest of a specification's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def service_row(service: RunningService, domain: str) -> dict[str, Any]:
    """A service.

    :param domain: DNS domain of its schema.
    """
    record = service.record
    integrations = record.external_access_integrations
    return {
        "name": record.name,
        "status": service.status,
        "database_name": record.database,
        "schema_name": record.schema,
        "owner": record.owner,
        "compute_pool": record.pool,
        "dns_name": f"{record.label}.{domain}",
        "current_instances": len(service.instances),
        "target_instances": 0 if record.suspended else record.min_instances,
        "min_ready_instances": record.min_ready_instances,
        "min_instances": record.min_instances,
        "max_instances": record.max_instances,
        "auto_resume": truth(record.auto_resume),
        "external_access_integrations": json.dumps(integrations) if integrations else None,
        "created_on": record.created_on,
        "updated_on": record.updated_on,
        "resumed_on": record.resumed_on,
        "suspended_on": record.suspended_on,
        "auto_suspend_secs": 0,
        "comment": record.comment,
        "owner_role_type": "ROLE",
        "query_warehouse": record.query_warehouse,
        "is_job": "false",
        "is_async_job": "false",
        "spec_digest": spec_digest(record.specification_text),
        "is_upgrading": "false",
    }


def normalised_spec(service: RunningService) -> str:
    """The specification as DESCRIBE shows it: begins with ``---``, texts in double quotes."""
    import yaml

    mapping = service.record.specification.to_mapping()
    return yaml.dump(mapping, explicit_start=True, sort_keys=False, default_style='"', width=10_000)


def _common(service: RunningService) -> dict[str, Any]:
    record = service.record
    return {
        "database_name": record.database,
        "schema_name": record.schema,
        "service_name": record.name,
        "service_status": service.status,
    }


def container_rows(service: RunningService) -> Iterator[dict[str, Any]]:
    """The containers of every instance."""
    for instance in [*service.instances, *service.leaving]:
        for state in instance.containers:
            yield {
                **_common(service),
                "instance_id": str(instance.id),
                "instance_status": instance.status,
                "container_name": state.container.name,
                "status": "TERMINATING" if instance.stopping else state.status,
                "message": instance.reason or state.message,
                "image_name": state.container.image,
                "image_digest": "sha256:" + hashlib.sha256(state.container.image.encode()).hexdigest(),
                "restart_count": state.restart_count,
                "start_time": state.start_time,
                "last_exit_code": None if state.last_exit_code is None else str(state.last_exit_code),
                "last_restart_time": state.last_restart_time,
            }


def instance_rows(service: RunningService) -> Iterator[dict[str, Any]]:
    """The instances."""
    for instance in [*service.instances, *service.leaving]:
        yield {
            **_common(service),
            "instance_id": str(instance.id),
            "status": instance.status,
            "spec_digest": spec_digest(service.record.specification_text),
            "creation_time": instance.created_on,
            "start_time": instance.start_time,
            "ip_address": instance.address if instance.scheduled else None,
        }


def endpoint_rows(service: RunningService, open_ports: Iterable[int]) -> Iterator[dict[str, Any]]:
    """The endpoints; a public one has its address once its port is open."""
    listening = set(open_ports)
    for endpoint in service.record.specification.endpoints:
        port = service.record.ingress_ports.get(endpoint.name)
        address = f"127.0.0.1:{port}" if port in listening else PROVISIONING
        yield {
            "name": endpoint.name,
            "port": endpoint.port,
            "port_range": endpoint.port_range,
            "protocol": endpoint.protocol,
            "is_public": truth(endpoint.public),
            "ingress_url": address if endpoint.public else None,
        }
