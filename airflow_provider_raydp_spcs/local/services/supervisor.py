"""Keeps services as they were asked for: starts, stops and watches their instances."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.local.services.container_start import Folders, prepare, write_token
from airflow_provider_raydp_spcs.local.services.fleet import Fleet
from airflow_provider_raydp_spcs.local.services.instances import ContainerState, Instance
from airflow_provider_raydp_spcs.local.services.records import ServiceRecord
from airflow_provider_raydp_spcs.local.services.running import RunningService
from airflow_provider_raydp_spcs.local.services.scheduling import demand_of, machine_gpus, place, unschedulable
from airflow_provider_raydp_spcs.local.services.surroundings import Surroundings
from airflow_provider_raydp_spcs.spcs.instance_families import instance_family
from airflow_provider_raydp_spcs.spcs.specification import Container

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.ingress.doors import Ingress
    from airflow_provider_raydp_spcs.local.runtimes.base import ContainerHandle, Runtime

logger = logging.getLogger(__name__)
TICK_SECONDS: Final = 0.2
TOKEN_RENEWAL_SECONDS: Final = 300.0
STOP_SECONDS: Final = 35.0


class Supervisor:
    """A thread that brings every service to the state it shall have."""

    def __init__(
        self, fleet: Fleet, runtime: Runtime, ingress: Ingress, folders: Folders, surroundings: Surroundings
    ) -> None:
        self._fleet, self._runtime, self._ingress = fleet, runtime, ingress
        self._folders, self._around = folders, surroundings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._tokens_renewed = time.monotonic()

    def start(self) -> None:
        """Begin; what an earlier server left behind has been ended."""
        shutil.rmtree(self._folders.scratch, ignore_errors=True)
        self._folders.scratch.mkdir(mode=0o700, parents=True)
        # A server that was killed may have dropped services without their volumes.
        self._folders.blocks.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in self._folders.blocks.iterdir():
            if folder.name not in self._fleet.services:
                shutil.rmtree(folder, ignore_errors=True)
        self._thread.start()

    def close(self) -> None:
        """Stop every container and wait until the last process is gone."""
        self._stop.set()
        self._thread.join()
        with self._fleet.lock:
            everybody = self._fleet.services.values()
            leaving = [instance for each in everybody for instance in (*each.instances, *each.leaving)]
            for instance in leaving:
                instance.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while any(instance.running for instance in leaving) and time.monotonic() < deadline:
            time.sleep(0.1)
        for instance in leaving:
            instance.kill()
        shutil.rmtree(self._folders.scratch, ignore_errors=True)

    def _supervise(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            try:
                with self._fleet.lock:
                    self._tick()
            except Exception:
                logger.exception("the supervisor stumbled; it goes on")

    def _tick(self) -> None:
        renew = time.monotonic() - self._tokens_renewed > TOKEN_RENEWAL_SECONDS
        for name, service in list(self._fleet.services.items()):
            for instance in service.leaving:
                instance.step(self._start_container)
            for instance in [each for each in service.leaving if not each.running]:
                service.leaving.remove(instance)
                shutil.rmtree(self._folders.instance(instance), ignore_errors=True)
            if service.deleting:
                if not service.leaving:
                    del self._fleet.services[name]
                    self._ingress.close_ports(service.record.ingress_ports.values())
                    for folder in (self._folders.logs, self._folders.blocks):
                        shutil.rmtree(folder / name, ignore_errors=True)
                continue
            self._reconcile(service)
            if renew:
                self._renew_tokens(service)
        if renew:
            self._tokens_renewed = time.monotonic()

    def _reconcile(self, service: RunningService) -> None:
        record = service.record
        wanted = 0 if record.suspended else record.min_instances
        while len(service.instances) > wanted:
            surplus = service.instances.pop()
            surplus.terminate()
            service.leaving.append(surplus)
        while len(service.instances) < wanted and not service.leaving:
            service.instances.append(self._new_instance(record, len(service.instances)))
        for instance in service.instances:
            if not instance.scheduled:
                self._schedule(service, instance)
            if instance.status == "PENDING":
                instance.meet(self._names_for(record))
            instance.step(self._start_container)
        self._open_ports(service)

    def _open_ports(self, service: RunningService) -> None:
        record = service.record
        for endpoint in record.specification.endpoints:
            port = record.ingress_ports.get(endpoint.name)
            if port is None or endpoint.port is None:
                continue
            if not self._ingress.open(port, record.full_name, endpoint.name, partial(_targets, service, endpoint.name)):
                # Free when it was chosen, taken by now; only then does the address of an endpoint change.
                record.ingress_ports[endpoint.name] = self._ingress.new_port()
                self._fleet.save(record)

    def _new_instance(self, record: ServiceRecord, instance_id: int) -> Instance:
        number = self._fleet.store.next_number("instance")
        states = [ContainerState(container) for container in record.specification.containers]
        instance = Instance(instance_id, number, self._runtime.address(number), states)
        if instance_id == 0:
            record.number = number
            self._fleet.save(record)
        return instance

    def _schedule(self, service: RunningService, instance: Instance) -> None:
        pool = self._fleet.pools.get(service.record.pool)
        if not self._fleet.pools.is_provisioned(pool):
            instance.reason = "Compute pool node(s) are being provisioned"
            return
        for state in instance.containers:
            if self._around.images.find(state.container.image) is None:
                instance.reason = "Failed to pull image"
                return
        demand = demand_of(service.record.specification)
        if demand.gpus > machine_gpus():
            reason: str | None = "GPU"
        else:
            reason = place(demand, instance_family(pool.instance_family), self._fleet.nodes(pool.name), pool.max_nodes)
        instance.scheduled = reason is None
        instance.reason = unschedulable(reason) if reason else ""

    def _start_container(self, instance: Instance, container: Container) -> ContainerHandle:
        service = next(each for each in self._fleet.services.values() if instance in each.instances)
        image = self._around.images.find(container.image)
        if image is None:
            raise FileNotFoundError(container.image)
        return self._runtime.start(
            prepare(
                service.record,
                instance,
                container,
                image,
                folders=self._folders,
                facts=self._around.facts,
                names=self._names_for(service.record),
                own_names=self._own_names(service.record),
                family=instance_family(self._fleet.pools.get(service.record.pool).instance_family),
                token=self._around.issue_token(service.record.full_name, service.record.owner),
                stage_folder=self._around.stage_folder,
            )
        )

    def _names_for(self, record: ServiceRecord) -> dict[str, str]:
        """DNS names of the services of the same schema, with the address of their first instance."""
        names = {}
        for other in self._fleet.services.values():
            if other.instances and (other.record.database, other.record.schema) == (record.database, record.schema):
                address = other.instances[0].address
                names.update(dict.fromkeys(self._own_names(other.record), address))
        return names

    def _own_names(self, record: ServiceRecord) -> tuple[str, ...]:
        """DNS names of a service: within its schema, everywhere, and of all its instances (SPCS reference 3.4)."""
        full = f"{record.label}.{self._around.domain(record.database, record.schema)}"
        return record.label, full, f"instances.{full}"

    def _renew_tokens(self, service: RunningService) -> None:
        for instance in service.instances:
            token = self._around.issue_token(service.record.full_name, service.record.owner)
            with contextlib.suppress(OSError):
                write_token(self._folders.instance(instance) / "s", token)


def _targets(service: RunningService, endpoint: str) -> list[str]:
    """Where requests for a public endpoint may go now, as ``address:port``."""
    ports = {each.name: each.port for each in service.record.specification.endpoints}
    return [f"{address}:{ports[endpoint]}" for address in service.ready_addresses if ports.get(endpoint)]
