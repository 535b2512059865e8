"""What a service or job must fulfil before it is taken in (SPCS reference 1.5, 2.1)."""

from __future__ import annotations

import re
from typing import Final

from airflow_provider_raydp_spcs.local.errors import (
    invalid_spec,
    invalid_value,
    unsupported,
    wrong_architecture,
)
from airflow_provider_raydp_spcs.local.services.images import parts_of
from airflow_provider_raydp_spcs.local.services.pools import Pools
from airflow_provider_raydp_spcs.local.services.records import ServiceRecord
from airflow_provider_raydp_spcs.local.services.scheduling import demand_of, lacking, unschedulable
from airflow_provider_raydp_spcs.local.services.surroundings import Surroundings
from airflow_provider_raydp_spcs.local.services.system_pools import SYSTEM_POOLS
from airflow_provider_raydp_spcs.spcs import bounded_yaml
from airflow_provider_raydp_spcs.spcs.errors import InvalidSpecificationError
from airflow_provider_raydp_spcs.spcs.instance_families import instance_family
from airflow_provider_raydp_spcs.spcs.specification import ServiceSpecification

MAX_INTEGRATIONS: Final = 10
LEAST_AUTO_SUSPEND: Final = 300
_LABEL: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z")


class Admission:
    """The checks."""

    def __init__(self, pools: Pools, surroundings: Surroundings) -> None:
        self._pools, self._around = pools, surroundings

    def specification(self, text: str, pool: str) -> ServiceSpecification:
        """Check a specification against the rules, the pool's nodes, the images and the stages.

        :raises SnowflakeFault: it can never run there.
        """
        if pool in SYSTEM_POOLS:
            msg = f"Compute pool {pool} can only support services of type [NOTEBOOK, MODEL_SERVING, STREAMLIT, ML_JOB]"
            raise invalid_value(msg)
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
        if _is_seeded(text):
            raise unsupported("initialContents.fromSnapshot of a block volume")
        for volume in specification.volumes:
            if volume.source == "stage":
                self._around.stage_folder(volume.stage or "")
        return specification

    def record(self, record: ServiceRecord) -> None:
        """Check what stands outside the specification, and what must agree with it.

        :raises SnowflakeFault: a property, or two together, are not allowed.
        """
        problem = _name(record) or _counts(record) or _properties(record)
        if problem:
            raise invalid_value(problem)


def _is_seeded(text: str) -> bool:
    """Whether a block volume shall begin with the contents of a snapshot."""
    spec = bounded_yaml.load(text)["spec"]
    configs = [each.get("blockConfig") for each in spec.get("volumes") or spec.get("volume") or ()]
    return any(isinstance(each, dict) and each.get("initialContents") for each in configs)


def _name(record: ServiceRecord) -> str | None:
    if _LABEL.match(record.label):
        return None
    return (
        f"invalid service name '{record.name[:80]}'; with '-' for '_' it must be a DNS label: at most 63 letters, digits "
        "and hyphens, a letter first and no hyphen last"
    )


def _counts(record: ServiceRecord) -> str | None:
    if record.min_ready_instances <= record.min_instances <= record.max_instances:
        blocks = any(volume.source == "block" for volume in record.specification.volumes)
        if blocks and record.min_instances != record.max_instances:
            return (
                f"service {record.name} has block volumes, so MIN_INSTANCES ({record.min_instances}) and MAX_INSTANCES "
                f"({record.max_instances}) must be equal"
            )
        return None
    return (
        f"MIN_READY_INSTANCES ({record.min_ready_instances}) <= MIN_INSTANCES ({record.min_instances}) <= "
        f"MAX_INSTANCES ({record.max_instances}) does not hold for service {record.name}"
    )


def _properties(record: ServiceRecord) -> str | None:
    seconds = record.auto_suspend_secs
    if 0 < seconds < LEAST_AUTO_SUSPEND:
        return (
            f"invalid value {seconds} for property 'AUTO_SUSPEND_SECS'; it must be 0, or at least {LEAST_AUTO_SUSPEND}"
        )
    if seconds and any(endpoint.public for endpoint in record.specification.endpoints):
        return f"AUTO_SUSPEND_SECS is not supported for service {record.name}, which has public endpoints"
    if len(record.external_access_integrations) > MAX_INTEGRATIONS:
        return f"{len(record.external_access_integrations)} EXTERNAL_ACCESS_INTEGRATIONS; at most {MAX_INTEGRATIONS} are allowed"
    return None
