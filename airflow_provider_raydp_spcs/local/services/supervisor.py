"""Keeps services as they were asked for: starts, stops and watches their instances."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.local.services.container_logs import Clock
from airflow_provider_raydp_spcs.local.services.container_start import Folders, prepare, session_files
from airflow_provider_raydp_spcs.local.services.events import Events
from airflow_provider_raydp_spcs.local.services.fleet import Fleet
from airflow_provider_raydp_spcs.local.services.instances import ContainerState, Instance
from airflow_provider_raydp_spcs.local.services.metrics import SAMPLE_SECONDS, Metrics
from airflow_provider_raydp_spcs.local.services.names import names_for, names_of
from airflow_provider_raydp_spcs.local.services.records import JobRecord, ServiceRecord
from airflow_provider_raydp_spcs.local.services.running import RunningService
from airflow_provider_raydp_spcs.local.services.scheduling import unschedulable
from airflow_provider_raydp_spcs.local.services.surroundings import Surroundings
from airflow_provider_raydp_spcs.local.store import now
from airflow_provider_raydp_spcs.spcs.instance_families import instance_family

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.ingress.doors import Ingress
    from airflow_provider_raydp_spcs.local.runtimes.base import ContainerHandle, Runtime

logger = logging.getLogger(__name__)
TICK_SECONDS: Final = 0.2
STOP_SECONDS: Final = 35.0
NEW_INSTANCES: Final = 20
"""Of one service in one round, so that statements do not wait long for the lock."""


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
        self._events, self._metrics = Events(folders.logs), Metrics(folders.logs)
        self._sampled = time.monotonic()
        self._clock = Clock()
        self._busy: dict[str, float] = {}
        self._idle: dict[str, float] = {}

    def start(self) -> None:
        """Begin; what an earlier server left behind has been ended."""
        shutil.rmtree(self._folders.scratch, ignore_errors=True)
        self._folders.scratch.mkdir(mode=0o700, parents=True)
        # A server that was killed may have dropped services without their volumes and logs.
        self._folders.blocks.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (*self._folders.blocks.iterdir(), *self._folders.logs.iterdir()):
            if folder.is_dir() and folder.name not in self._fleet.services:
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
        renew = time.monotonic() - self._tokens_renewed > self._around.token_renewal_seconds
        for name, service in list(self._fleet.services.items()):
            try:
                self._tend(name, service, renew=renew)
            except Exception:
                logger.exception("the supervisor stumbled over %s; it goes on with the others", name)
        self._rest_pools()
        self._measure()
        if renew:
            self._tokens_renewed = time.monotonic()

    def _tend(self, name: str, service: RunningService, *, renew: bool) -> None:
        self._see_off(service)
        if service.deleting:
            if not service.leaving:
                del self._fleet.services[name]
                self._idle.pop(name, None)
                self._ingress.close_ports(service.record.ingress_ports.values())
                self._clock.forget(self._folders.logs / name)
                for folder in (self._folders.logs, self._folders.blocks):
                    shutil.rmtree(folder / name, ignore_errors=True)
            return
        self._wake(service)
        self._reconcile(service)
        self._rest(name, service)
        self._write_down(service)
        if renew:
            self._renew_tokens(service)

    def _rest(self, name: str, service: RunningService) -> None:
        """Suspend a service that has run for AUTO_SUSPEND_SECS (SPCS reference 2.1).

        Running is idle: only calls of service functions count as use, and there are none here.
        """
        seconds = service.record.auto_suspend_secs
        if not seconds or service.job is not None or service.status != "RUNNING":
            self._idle.pop(name, None)
        elif time.monotonic() - self._idle.setdefault(name, time.monotonic()) >= seconds:
            self._fleet.set_suspended(service, suspended=True)

    def _wake(self, service: RunningService) -> None:
        """Resume a service that somebody asked something of (SPCS reference 4.1)."""
        if service.woken and service.record.suspended:
            pool = self._fleet.pools.get(service.record.pool)
            if pool.auto_resume:
                self._fleet.pools.set_suspended(pool.name, suspended=False)
            self._fleet.set_suspended(service, suspended=False)
        service.woken = False

    def _see_off(self, service: RunningService) -> None:
        """Forget the instances whose last process is gone."""
        for instance in service.leaving:
            instance.step(self._start_container)
        for instance in [each for each in service.leaving if not each.running]:
            service.leaving.remove(instance)
            shutil.rmtree(self._folders.instance(instance), ignore_errors=True)

    def _reconcile(self, service: RunningService) -> None:
        record = service.record
        self._upgrade(service)
        for surplus in [each for each in service.instances if each.id >= record.wanted_instances]:
            if not (surplus.has_ended and service.job):
                service.stop(surplus)
        there = {each.id for each in [*service.instances, *service.leaving]}
        missing = [number for number in range(record.wanted_instances) if number not in there]
        for number in missing[:NEW_INSTANCES]:
            service.instances.append(self._new_instance(record, number))
        service.instances.sort(key=lambda each: each.id)
        for instance in service.instances:
            if not instance.scheduled and not instance.has_ended:
                self._schedule(service, instance)
            if instance.status == "PENDING":
                instance.meet(names_for(record, self._fleet.services.values()))
            instance.step(self._start_container)
        if service.job is not None:
            self._finish(service, service.job)
        self._open_ports(service)

    def _upgrade(self, service: RunningService) -> None:
        """Replace one instance of an earlier specification, the highest id first, once the one before it is ready."""
        text = service.record.specification_text
        old = [each for each in service.instances if each.specification_text != text]
        new = [each for each in service.instances if each.specification_text == text]
        whole = len(service.instances) >= service.record.wanted_instances
        if old and whole and not service.leaving and all(each.status == "READY" for each in new):
            service.stop(max(old, key=lambda each: each.id))

    def _finish(self, service: RunningService, job: JobRecord) -> None:
        """Note that a job has ended; its nodes are free again, its containers' states stay to be seen."""
        if job.outcome is not None:
            return
        for instance in service.instances:
            if instance.has_ended:
                instance.node = None
        if job.cancelled:
            ended = not service.leaving
        else:
            ended = len(service.instances) >= (job.replicas or 1) and all(each.has_ended for each in service.instances)
        if ended:
            job.outcome = "CANCELLED" if job.cancelled else service.status
            job.completed_on = now()
            job.ended = [each.to_json() for each in service.instances]
            self._fleet.save(service.record)
            for instance in service.instances:
                shutil.rmtree(self._folders.instance(instance), ignore_errors=True)

    def _write_down(self, service: RunningService) -> None:
        self._events.notice(service)
        for instance in service.instances:
            for state in instance.containers:
                if state.start_time is not None:
                    self._clock.mark(self._folders.log(service.record, instance, state.container.name))

    def _measure(self) -> None:
        if time.monotonic() - self._sampled < SAMPLE_SECONDS:
            return
        self._sampled = time.monotonic()
        for service in self._fleet.services.values():
            if service.deleting:  # its pool may be gone
                continue
            pool = self._fleet.pools.get(service.record.pool)
            self._metrics.sample(service, instance_family(pool.instance_family))

    def _rest_pools(self) -> None:
        """Suspend the pools on which nothing has been for AUTO_SUSPEND_SECS (SPCS reference 1.1)."""
        for pool in self._fleet.pools.all():
            self._fleet.nodes.of(pool)
            if pool.suspended or any(service.is_active for service in self._fleet.on(pool.name)):
                self._busy[pool.name] = time.monotonic()
            elif pool.auto_suspend_secs:
                idle = time.monotonic() - self._busy.setdefault(pool.name, time.monotonic())
                if idle >= pool.auto_suspend_secs:
                    self._fleet.pools.set_suspended(pool.name, suspended=True)

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
        address = self._runtime.address(number)
        instance = Instance(instance_id, number, address, record.specification_text, is_job=record.job is not None)
        if instance_id == 0:
            record.number = number
            self._fleet.save(record)
        return instance

    def _schedule(self, service: RunningService, instance: Instance) -> None:
        pool = self._fleet.pools.get(service.record.pool)
        if instance.node is None and not pool.suspended:
            found = self._fleet.nodes.place(pool, instance.demand)
            if isinstance(found, str):
                instance.reason = unschedulable(found)
                return
            instance.node = found
        instance.has_images = all(self._around.images.find(each.container.image) for each in instance.containers)
        if instance.node is None:
            instance.reason = "Waiting to start"
        elif not instance.node.is_up:
            instance.reason = "Compute pool node(s) are being provisioned"
        else:
            instance.reason = "" if instance.has_images else "Failed to pull image"

    def _start_container(self, instance: Instance, state: ContainerState) -> ContainerHandle:
        service = next(each for each in self._fleet.services.values() if instance in each.instances)
        record, container = service.record, state.container
        if instance.specification_text != record.specification_text:
            record = replace(record, specification_text=instance.specification_text)
        image = self._around.images.find(container.image)
        if image is None:
            raise FileNotFoundError(container.image)
        prepared = prepare(
            record,
            instance,
            container,
            image,
            folders=self._folders,
            around=self._around,
            names=names_for(record, self._fleet.services.values()),
            own_names=names_of(record),
            family=instance_family(self._fleet.pools.get(record.pool).instance_family),
            token=self._around.issue_token(record.full_name, record.owner),
        )
        job = record.job
        if job is not None:
            job.started = True
            self._fleet.save(service.record)
            if job.replicas is not None:  # which tells replicas what part of the work is theirs (reference 3.5)
                parts = {"SNOWFLAKE_JOBS_COUNT": str(job.replicas), "SNOWFLAKE_JOB_INDEX": str(instance.id)}
                prepared = replace(prepared, platform_env={**prepared.platform_env, **parts})
        before = _size(prepared.log)
        handle = self._runtime.start(prepared)
        state.log_before = state.log_from if state.start_time is not None else None
        # A log that grew too long was begun anew.
        state.log_from = before if _size(prepared.log) >= before else 0
        return handle

    def _renew_tokens(self, service: RunningService) -> None:
        for instance in service.instances:
            token = self._around.issue_token(service.record.full_name, service.record.owner)
            for state in [each for each in instance.containers if each.runs]:
                files = session_files(state.container, self._folders.instance(instance), self._around)
                with contextlib.suppress(OSError):
                    files.renew(token)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _targets(service: RunningService, endpoint: str) -> list[str]:
    """Where requests for a public endpoint may go now, as ``address:port``; a suspended service is woken by the question."""
    if service.record.suspended:
        service.woken = service.record.auto_resume
    ports = {each.name: each.port for each in service.record.specification.endpoints}
    return [f"{address}:{ports[endpoint]}" for address in service.ready_addresses if ports.get(endpoint)]
