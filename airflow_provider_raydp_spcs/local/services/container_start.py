"""From a specification to what a runtime needs to start one of its containers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.runtimes.base import ContainerStart
from airflow_provider_raydp_spcs.local.services.given_secrets import give
from airflow_provider_raydp_spcs.local.services.images import Image
from airflow_provider_raydp_spcs.local.services.instances import Instance
from airflow_provider_raydp_spcs.local.services.records import ServiceRecord
from airflow_provider_raydp_spcs.local.services.session_files import SessionFiles
from airflow_provider_raydp_spcs.spcs.instance_families import InstanceFamily
from airflow_provider_raydp_spcs.spcs.specification import Container
from airflow_provider_raydp_spcs.spcs.specification_rules import cpu_count, memory_bytes

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.services.surroundings import Surroundings


@dataclass(frozen=True)
class AccountFacts:
    """What containers are told of their account (SPCS reference 3.5)."""

    account: str
    host: str
    port: int
    ca_bundle: Path


@dataclass(frozen=True)
class Folders:
    """Where things of one instance lie.

    :param scratch: short path; volumes below it that go with their instance.
    :param logs: log files of containers.
    :param blocks: block volumes, which are kept until their service is dropped (SPCS reference 3.3).
    """

    scratch: Path
    logs: Path
    blocks: Path

    def instance(self, instance: Instance) -> Path:
        """The instance's own folder."""
        return self.scratch / str(instance.number)

    @property
    def snapshots(self) -> Path:
        """Copies of block volumes, which outlive their services."""
        return self.blocks.with_name("snapshots")

    def block(self, record: ServiceRecord, instance: Instance, volume: str) -> Path:
        """A block volume: whatever instance has this number in its service gets it."""
        return self.blocks / record.full_name / str(instance.id) / volume

    def log(self, record: ServiceRecord, instance: Instance, container: str) -> Path:
        """The log file of a container."""
        return self.logs / record.full_name / f"{instance.id}-{container}.log"


def prepare(
    record: ServiceRecord,
    instance: Instance,
    container: Container,
    image: Image,
    *,
    folders: Folders,
    around: Surroundings,
    names: Mapping[str, str],
    own_names: tuple[str, ...],
    family: InstanceFamily,
    token: str,
) -> ContainerStart:
    """Make the volumes' folders and the files of token and secrets, and put together what the runtime needs.

    Limits that are not given are the node's, and none are larger (SPCS reference 3.2).
    """
    limits = container.limits
    own = folders.instance(instance)
    own.mkdir(parents=True, exist_ok=True)
    volumes = {volume.name: volume for volume in record.specification.volumes}
    mounts: dict[str, Path] = {}
    for mount in container.volume_mounts:
        volume = volumes[mount.name]
        _check_mountable(mount.mount_path)
        if volume.source == "stage":
            try:
                mounts[mount.mount_path] = around.stage_folder(volume.stage or "")
            except SnowflakeFault as fault:  # it was there when the service was created
                raise FileNotFoundError(fault.message) from fault
        else:
            is_block = volume.source == "block"
            folder = folders.block(record, instance, mount.name) if is_block else own / _number(mount.name, volumes)
            folder.mkdir(parents=True, exist_ok=True)
            mounts[mount.mount_path] = folder
    facts = around.facts
    session = session_files(container, own, around)
    session.write(token, facts)
    given = give(record, container, around.secret, own / "x")
    for path in (*session.mounts, *given.folders):
        _check_mountable(path)
    mounts.update({**session.mounts, **given.folders})
    stages = [each for each in container.volume_mounts if volumes[each.name].source == "stage"]
    entrypoint = image.entrypoint if container.command is None else container.command
    arguments = image.command if container.args is None else container.args
    return ContainerStart(
        service=record.full_name,
        instance=instance.id,
        container=container.name,
        address=instance.address,
        command=(*entrypoint, *arguments),
        env={**image.env, **container.env},
        mounts=mounts,
        names=names,
        platform_env={
            **given.env,
            "SNOWFLAKE_ACCOUNT": facts.account,
            "SNOWFLAKE_HOST": facts.host,
            "SNOWFLAKE_PORT": str(facts.port),
            "SNOWFLAKE_DATABASE": record.database,
            "SNOWFLAKE_SCHEMA": record.schema,
            "SNOWFLAKE_SERVICE_NAME": record.name,
            **session.env,
            **around.collector(),
        },
        log=folders.log(record, instance, container.name),
        folder=own,
        image_files=image.files,
        image=image.reference,
        own_names=own_names,
        memory_volumes={
            mount.mount_path: memory_bytes(volumes[mount.name].size or "")
            for mount in container.volume_mounts
            if volumes[mount.name].source == "memory"
        },
        memory_bytes=min(memory_bytes(limits.memory), family.memory_bytes) if limits.memory else family.memory_bytes,
        cpus=min(cpu_count(limits.cpu), family.vcpus) if limits.cpu is not None else float(family.vcpus),
        is_alone=len(record.specification.containers) == 1,
        ca_bundle=facts.ca_bundle,
        read_only=(
            *session.mounts,
            *given.folders,
            *(each.mount_path for each in stages if not around.may_write(volumes[each.name].stage or "", record.owner)),
        ),
        stages=tuple(each.mount_path for each in stages),
    )


def _check_mountable(path: str) -> None:
    """Over these nothing can be mounted, as container engines have it; elsewhere a mount hides what an image has there.

    :raises PermissionError: the path is one of them, or below one.
    """
    parts = Path("/" + path.lstrip("/")).parts
    if "\0" in path or parts == ("/",) or parts[:2] in (("/", "proc"), ("/", "sys")) or parts == ("/", "dev"):
        msg = f"nothing can be mounted at {path!r}"
        raise PermissionError(msg)


def _number(volume: str, volumes: Iterable[str]) -> str:
    """A short name for a volume's folder."""
    return str(sorted(volumes).index(volume))


def session_files(container: Container, own: Path, around: Surroundings) -> SessionFiles:
    """The token of a container, and what leads to it.

    :param own: the folder of its instance.
    """
    return SessionFiles(container, own / "k" / container.name, around.isolated)
