"""Snapshots of block volumes: copies of their folders, and volumes that are made of them again (SPCS reference 2.3, 3.3)."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.local.errors import cannot, invalid_value
from airflow_provider_raydp_spcs.local.services.container_start import Folders
from airflow_provider_raydp_spcs.local.services.fleet import Fleet
from airflow_provider_raydp_spcs.local.services.running import RunningService

_UNFINISHED: Final = ".unfinished"


class Snapshots:
    """The copies; who owns them and what they are called is the catalogue's.

    A volume is copied while it may be written to, as on Snowflake: who takes a snapshot flushes first.
    """

    def __init__(self, fleet: Fleet, folders: Folders) -> None:
        self._fleet, self._folders = fleet, folders

    def keep(self, known: Collection[str]) -> None:
        """Remove what a server that was killed left behind.

        :param known: folders of the snapshots that there are.
        """
        self._folders.snapshots.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in self._folders.snapshots.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def take(self, service: str, volume: str, instance: int) -> tuple[str, int]:
        """Copy a volume; answer the copy's folder and the volume's size in GiB.

        :raises SnowflakeFault: there is no such volume, or it has nothing in it yet.
        """
        with self._fleet.lock:
            found = self._fleet.service(service)
            size = self._size(found, volume, [instance])
        source = self._volume(service, instance, volume)
        if not source.is_dir():
            msg = f"Volume '{volume}' of instance {instance} of service '{service}' is not there yet."
            raise cannot(msg)
        key = uuid.uuid4().hex
        _copy(source, self._folders.snapshots / key)
        return key, size

    def restore(self, service: str, volume: str, instances: Collection[int], key: str) -> None:
        """Make the volumes of instances anew of a copy, and resume the service, which must be suspended.

        :raises SnowflakeFault: it is not, or there is no such volume.
        """
        with self._fleet.lock:
            found = self._fleet.service(service)
            if found.job is not None or found.status != "SUSPENDED":
                msg = f"Service '{service}' must be suspended before a volume of it is restored; it is {found.status}."
                raise cannot(msg)
            self._size(found, volume, instances)
        made = {number: self._volume(service, number, volume) for number in instances}
        for place in made.values():
            shutil.rmtree(place.with_name(f"{_UNFINISHED}-{volume}"), ignore_errors=True)
            _copy(self._folders.snapshots / key, place.with_name(f"{_UNFINISHED}-{volume}"))
        with self._fleet.lock:
            for place in made.values():
                shutil.rmtree(place, ignore_errors=True)
                place.with_name(f"{_UNFINISHED}-{volume}").rename(place)
            self._fleet.pools.set_suspended(found.record.pool, suspended=False)
            self._fleet.set_suspended(found, suspended=False)

    def forget(self, key: str) -> None:
        """Remove a copy."""
        shutil.rmtree(self._folders.snapshots / key, ignore_errors=True)

    def _volume(self, service: str, instance: int, volume: str) -> Path:
        return self._folders.blocks / service / str(instance) / volume

    @staticmethod
    def _size(service: RunningService, volume: str, instances: Collection[int]) -> int:
        record = service.record
        blocks = {each.name: each for each in record.specification.volumes if each.source == "block"}
        if volume not in blocks:
            msg = f"invalid volume '{volume[:80]}'; the block volumes of service {record.name} are [{', '.join(sorted(blocks))}]"
            raise invalid_value(msg)
        if beyond := [number for number in instances if not 0 <= number < record.max_instances]:
            msg = f"invalid instance {beyond[0]}; allowed are 0 to {record.max_instances - 1} for service {record.name}"
            raise invalid_value(msg)
        return int((blocks[volume].size or "0").removesuffix("Gi"))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        shutil.copytree(source, target, symlinks=True)
    except (shutil.Error, OSError) as error:
        shutil.rmtree(target, ignore_errors=True)
        msg = f"The volume cannot be copied while it changes, or a file of it is no plain one: {str(error)[:200]}"
        raise cannot(msg) from error
