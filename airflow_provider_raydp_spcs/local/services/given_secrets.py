"""Secrets as containers are given them: as variables, or as files of a folder (SPCS reference 3.1 and 3.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.security.certificates import write_private

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.services.records import ServiceRecord
    from airflow_provider_raydp_spcs.spcs.specification import Container

Read = Callable[[str, str], Mapping[str, str]]
"""Full name of a secret and a role → its values by key; raises where the role may not read it."""


@dataclass(frozen=True, repr=False)
class GivenSecrets:
    """What one container is given.

    :param env: variable → value.
    :param folders: path in the container → folder on this machine, with a file for each key.
    """

    env: Mapping[str, str]
    folders: Mapping[str, Path]


def give(record: ServiceRecord, container: Container, read: Read, folder: Path) -> GivenSecrets:
    """Read the secrets that a container asks for, and write those that it wants as files.

    :param folder: below which the files go.
    :raises PermissionError: there is no such secret, or the service's owner may not read it.
    """
    env: dict[str, str] = {}
    folders: dict[str, Path] = {}
    for number, wanted in enumerate(container.secrets):
        values = _values(record, wanted, read)
        if "directoryPath" not in wanted:
            key = str(wanted["secretKeyRef"])
            if key not in values:
                msg = f"the secret {_name(record, wanted)} has no {key}; it has {', '.join(sorted(values))}"
                raise PermissionError(msg)
            env[str(wanted["envVarName"])] = values[key]
            continue
        own = folder / f"{container.name}-{number}"
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        for key, value in values.items():
            write_private(own / key, value.encode())
        folders[str(wanted["directoryPath"])] = own
    return GivenSecrets(env, folders)


def _name(record: ServiceRecord, wanted: Mapping[str, object]) -> str:
    """Full name of a secret; what it lacks is the service's own database and schema."""
    given = wanted["snowflakeSecret"]
    parts = str(given["objectName"] if isinstance(given, Mapping) else given).upper().split(".")
    return ".".join([*[record.database, record.schema][: max(0, 3 - len(parts))], *parts])


def _values(record: ServiceRecord, wanted: Mapping[str, object], read: Read) -> Mapping[str, str]:
    try:
        return read(_name(record, wanted), record.owner)
    except SnowflakeFault as fault:
        raise PermissionError(fault.message) from fault
