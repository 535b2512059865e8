"""Rows of SHOW and DESCRIBE about pools and services (SPCS reference 1.3, 2.4, 2.5)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from airflow_provider_raydp_spcs.local.services.instances import ContainerState
from airflow_provider_raydp_spcs.local.services.nodes import Node
from airflow_provider_raydp_spcs.local.services.records import PoolRecord
from airflow_provider_raydp_spcs.local.services.running import RunningService
from airflow_provider_raydp_spcs.spcs.instance_families import INSTANCE_FAMILIES, InstanceFamily, instance_family

PROVISIONING: Final = "Endpoints provisioning in progress... check back in a few minutes"

_GPU_MEMORY = {"A10": 24, "A10G": 24, "L4": 24, "L40S": 48, "RTX PRO 6000": 96, "T4": 16}
"""GiB of the models whose name does not tell it (SPCS reference 1.6)."""


def truth(value: bool) -> str:
    """Booleans are sent as text."""
    return "true" if value else "false"


def pool_row(pool: PoolRecord, state: str) -> dict[str, Any]:
    """A compute pool, without what must be counted."""
    return {
        "name": pool.name,
        "state": state,
        "min_nodes": pool.min_nodes,
        "max_nodes": pool.max_nodes,
        "instance_family": pool.instance_family,
        "auto_suspend_secs": pool.auto_suspend_secs,
        "auto_resume": truth(pool.auto_resume),
        "created_on": pool.created_on,
        "resumed_on": pool.resumed_on,
        "updated_on": pool.updated_on,
        "owner": pool.owner,
        "comment": pool.comment,
        "is_exclusive": "false",
        "placement_group": pool.placement_group,
        "backup_instance_families": json.dumps(pool.backup_instance_families)
        if pool.backup_instance_families
        else None,
    }


def node_row(node: Node, pool: PoolRecord) -> dict[str, Any]:
    """A node of a compute pool."""
    return {
        "node_id": node.id,
        "instance_family": node.family,
        "created_on": node.created_on,
        "placement_group": pool.placement_group,
        **_hardware(instance_family(node.family)),
    }


def family_rows(in_use: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Every instance family.

    :param in_use: how many nodes of each there are.
    """
    for family in INSTANCE_FAMILIES.values():
        yield {
            "name": family.name,
            "description": _description(family),
            **_hardware(family),
            "current_node_usage": in_use.get(family.name, 0),
            "message": "" if family.node_limit else "Available on request only.",
        }


def _hardware(family: InstanceFamily) -> dict[str, Any]:
    told = re.search(r"(\d+) GB", family.gpu or "")
    return {
        "vcpu": family.vcpus,
        "memory_gib": family.memory_gib,
        "storage_gib": family.storage_gb,
        "gpu": family.gpu or "",
        "gpu_count": family.gpus,
        "gpu_memory_gib": int(told[1]) if told else _GPU_MEMORY.get(family.gpu or "", 0),
    }


def _description(family: InstanceFamily) -> str:
    gpus = f", {family.gpus} x {family.gpu}" if family.gpus else ""
    return f"{family.vcpus} vCPUs, {family.memory_gib} GiB{gpus} ({family.architecture})"


def second(moment: str | None) -> str | None:
    """A time as it stands in texts: ``2025-04-25T06:01:38Z``."""
    return None if moment is None else f"{moment[:19]}Z"


def image_digest(image: str) -> str:
    """A digest of an image's name, where nobody counts the image's own."""
    return "sha256:" + hashlib.sha256(image.encode()).hexdigest()


def image_url(image: str, registry: str) -> str:
    """An image with the host of its registry, as it is shown wherever it was named without."""
    return f"{registry}{image}" if image.startswith("/") else image


def container_state(state: ContainerState, registry: str) -> dict[str, Any]:
    """A container as JSON, in the history of jobs."""
    return {
        "containerName": state.container.name,
        "image": image_url(state.container.image, registry),
        "imageSha256": image_digest(state.container.image),
        "lastExitCode": state.last_exit_code,
        "message": state.message,
        "restartCount": state.restart_count,
        "startTime": second(state.start_time) or "",
        "status": state.status,
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
        "current_instances": sum(not each.has_ended for each in service.instances),
        "target_instances": 0 if service.deleting else record.wanted_instances,
        "min_ready_instances": record.min_ready_instances,
        "min_instances": record.min_instances,
        "max_instances": record.max_instances,
        "auto_resume": truth(record.auto_resume),
        "external_access_integrations": json.dumps(integrations) if integrations else None,
        "created_on": record.created_on,
        "updated_on": record.updated_on,
        "resumed_on": record.resumed_on,
        "suspended_on": record.suspended_on,
        "auto_suspend_secs": record.auto_suspend_secs,
        "comment": record.comment,
        "owner_role_type": "ROLE",
        "query_warehouse": record.query_warehouse,
        "is_job": truth(service.job is not None),
        "is_async_job": truth(service.job is not None and service.job.is_async),
        "spec_digest": spec_digest(record.specification_text),
        "is_upgrading": truth(service.is_upgrading),
    }


def of_service(service: RunningService) -> dict[str, Any]:
    """The first fields of a row about one of its instances or containers."""
    record = service.record
    return {
        "database_name": record.database,
        "schema_name": record.schema,
        "service_name": record.name,
        "service_status": service.status,
    }


def container_rows(service: RunningService, registry: str) -> Iterator[dict[str, Any]]:
    """The containers of every instance."""
    for instance in [*service.instances, *service.leaving]:
        for state in instance.containers:
            yield {
                **of_service(service),
                "instance_id": str(instance.id),
                "instance_status": instance.status,
                "container_name": state.container.name,
                "status": "TERMINATING" if instance.stopping else state.status,
                "message": instance.reason or state.message,
                "image_name": image_url(state.container.image, registry),
                "image_digest": image_digest(state.container.image),
                "restart_count": state.restart_count,
                "start_time": second(state.start_time),
                "last_exit_code": None if state.last_exit_code is None else str(state.last_exit_code),
                "last_restart_time": second(state.last_restart_time),
            }


def instance_rows(service: RunningService) -> Iterator[dict[str, Any]]:
    """The instances."""
    for instance in [*service.instances, *service.leaving]:
        yield {
            **of_service(service),
            "instance_id": str(instance.id),
            "status": instance.status,
            "spec_digest": spec_digest(instance.specification_text),
            "creation_time": second(instance.created_on),
            "start_time": second(instance.start_time),
            "ip_address": (instance.address or None) if instance.node is not None or instance.start_time else None,
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
