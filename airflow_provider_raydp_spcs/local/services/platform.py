"""Compute pools, services and jobs: the desks where statements hand in what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.local.services.admission import Admission
from airflow_provider_raydp_spcs.local.services.container_start import Folders
from airflow_provider_raydp_spcs.local.services.fleet import Fleet
from airflow_provider_raydp_spcs.local.services.job_desk import JobDesk
from airflow_provider_raydp_spcs.local.services.pool_desk import PoolDesk
from airflow_provider_raydp_spcs.local.services.rows import image_digest
from airflow_provider_raydp_spcs.local.services.service_desk import ServiceDesk
from airflow_provider_raydp_spcs.local.services.snapshots import Snapshots
from airflow_provider_raydp_spcs.local.services.surroundings import Surroundings
from airflow_provider_raydp_spcs.local.services.views import Views

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.ingress.doors import Ingress


class Platform:
    """The desks, and what other statements need to know of pools and services; safe for threads."""

    def __init__(self, fleet: Fleet, ingress: Ingress, folders: Folders, surroundings: Surroundings) -> None:
        self._fleet, self._around = fleet, surroundings
        self.pools = PoolDesk(fleet)
        self.services = ServiceDesk(fleet, ingress, Admission(fleet.pools, surroundings))
        self.jobs = JobDesk(fleet, self.services)
        self.snapshots = Snapshots(fleet, folders)
        self.views = Views(fleet, ingress, folders, surroundings)

    @property
    def account(self) -> str:
        """The account's locator."""
        return self._around.facts.account

    @property
    def registry(self) -> str:
        """The host of the image registry."""
        return self._around.registry

    def owner(self, kind: str, name: str) -> str | None:
        """The role that owns a pool or service; None where there is none of this name."""
        with self._fleet.lock:
            if kind == "Compute pool" and self._fleet.pools.has(name):
                return self._fleet.pools.get(name).owner
            if kind == "Service" and name in self._fleet.services:
                return self._fleet.services[name].record.owner
        return None

    def set_pool_owner(self, name: str, owner: str) -> None:
        """Hand a pool over to another role."""
        with self._fleet.lock:
            self._fleet.pools.set_owner(name, owner)

    def show_services(self) -> list[dict[str, Any]]:
        """Rows of SHOW SERVICES, of services and jobs."""
        return self.views.services()

    def describe_service(self, name: str) -> dict[str, Any]:
        """Row of DESCRIBE SERVICE."""
        return self.views.service(name)

    def show_roles(self, name: str) -> list[dict[str, Any]]:
        """Rows of SHOW ROLES IN SERVICE."""
        return self.views.roles(name)

    def service_roles(self, name: str) -> dict[str, tuple[str, ...]]:
        """The service roles that a service's specification defines, with their endpoints; none where it is gone."""
        with self._fleet.lock:
            service = self._fleet.services.get(name)
            roles = service.record.specification.service_roles if service else ()
            return {role.name.upper(): tuple(role.endpoints) for role in roles}

    def repository_url(self, database: str, schema: str, name: str) -> str:
        """The address of an image repository."""
        return f"{self.registry}/{database}/{schema}/{name}".lower()

    def show_images(self, repository: str) -> list[dict[str, Any]]:
        """Rows of SHOW IMAGES."""
        folder = "/".join(repository.lower().split("."))
        return [
            {
                "image_name": each.name,
                "tags": each.tag,
                "digest": each.digest or image_digest(f"/{folder}/{each.name}:{each.tag}"),
                "image_path": f"/{folder}/{each.name}:{each.tag}",
            }
            for each in self._around.images.listing(folder)
        ]
