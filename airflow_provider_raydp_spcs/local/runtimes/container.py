"""The container runtime: the services as real containers of docker or podman, from the real images.

The network is one of the server's own, without a way out of the machine, as services have none without an external
access integration. Instances have addresses in it and find each other by name. The local Snowflake itself listens on
127.0.0.1 only; so that containers reach it, it also listens on the machine's address in that network, at the same port
and under the same sign-in, and answers nobody there whose address is not of the network (see ``local.bridge``). The name
:data:`~airflow_provider_raydp_spcs.local.security.certificates.CONTAINERS_NAME` stands for that address in containers and in
the server's certificate. A firewall that refuses what comes from bridges has to let this port in.

Every container is removed at its end, and all of them with the network at the server's, however that came
(``janitor.py``); what a machine that lost its power leaves is removed by the next server, or by ``local down``.

Differences from Snowflake: every port of an instance is open to the others, not only declared ones; a service with an
external access integration gets no way out either; a service's name stands for all of its instances, ready or not; a
memory volume other than ``/dev/shm`` is not shared by the containers of an instance; GPUs are not handed on. With docker,
stage mounts take appended and random writes and links, which is said in the container's log; with podman they refuse them
as the real ones do (``container_guard.py``).
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.container_engine import ContainerEngineError, Engine, EngineCommandError
from airflow_provider_raydp_spcs.local.errors import LocalSnowflakeError
from airflow_provider_raydp_spcs.local.runtimes import janitor
from airflow_provider_raydp_spcs.local.runtimes.base import ContainerHandle, ContainerStart, Sender, Usage
from airflow_provider_raydp_spcs.local.runtimes.container_command import (
    Labels,
    network_of,
    network_of_its_own,
    run_arguments,
)
from airflow_provider_raydp_spcs.local.runtimes.container_guard import UNGUARDED, ContainerGuard
from airflow_provider_raydp_spcs.local.runtimes.network import Subnet, candidates
from airflow_provider_raydp_spcs.local.security.certificates import CONTAINERS_NAME

GRACE_SECONDS: Final = 30
"""Between SIGTERM and SIGKILL (SPCS reference 2.3)."""
MAX_LOG_BYTES: Final = 64 * 1024**2
_HOLD: Final = ("tail", "-f", "/dev/null")


class UnreachableContainersError(LocalSnowflakeError):
    """Containers of this engine have no addresses that this machine reaches."""


class NoSubnetError(LocalSnowflakeError):
    """The engine makes no network for the server."""


class ContainerRuntime:
    """Runs containers by an engine.

    :param identity: six hexadecimal digits that tell this server's containers from those of others.
    """

    server_name = CONTAINERS_NAME

    def __init__(self, engine: Engine, identity: str) -> None:
        self._engine, self._identity = engine, identity
        run = secrets.token_hex(3)
        self._network = f"spcs-{identity}-{run}"
        self._labels = Labels(identity, run)
        self._subnet: Subnet | None = None
        self._janitor: subprocess.Popen[bytes] | None = None
        self._starts = itertools.count(1)
        self._holders: dict[str, _Holder] = {}
        self._latest: dict[str, ContainerStart] = {}

    def open(self) -> None:
        """Make the network, and have somebody remove it with everything in it when this process ends.

        :raises ContainerEngineError: the engine does not work.
        :raises UnreachableContainersError, NoSubnetError: it works, but not for this.
        """
        self._check_platform()
        self._engine.check_running()
        self._check_reachable()
        self.sweep()
        self._subnet = self._make_network()
        command = [sys.executable, "-S", "-E", janitor.__file__, self._engine.program, self._labels.run_label]
        self._janitor = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def close(self) -> None:
        """Remove what is left of containers, and the network."""
        if self._janitor is not None and self._janitor.stdin is not None:
            self._janitor.stdin.close()
            self._janitor.wait()

    @staticmethod
    def _check_platform() -> None:
        if sys.platform != "linux":
            msg = (
                f"on {sys.platform} engines run containers in a virtual machine, whose network is not this machine's; run the "
                "local Snowflake inside a Linux virtual machine"
            )
            raise UnreachableContainersError(msg)

    def _check_reachable(self) -> None:
        if self._engine.name != "podman":
            return
        if self._engine.run("info", "--format", "{{.Host.Security.Rootless}}").strip() == "true":
            msg = (
                "podman without root gives containers no addresses that this machine reaches, so the ingress could not "
                "reach services; run raydp-spcs as root, or use --runtime process"
            )
            raise UnreachableContainersError(msg)

    def _make_network(self) -> Subnet:
        complaint = ""
        for subnet in candidates(self._identity):
            arguments = ["--internal", "--subnet", str(subnet.network), "--gateway", subnet.gateway]
            try:
                self._engine.run("network", "create", *arguments, *self._labels.arguments, self._network)
            except EngineCommandError as error:
                complaint = error.stderr.strip()
                continue
            return subnet
        msg = f"{self._engine.name} makes no network for the local Snowflake; it says: {complaint}"
        raise NoSubnetError(msg)

    @property
    def subnet(self) -> Subnet:
        """The network's addresses, once it is open."""
        if self._subnet is None:
            msg = "the container runtime is not open"
            raise NoSubnetError(msg)
        return self._subnet

    def address(self, number: int) -> str:
        """See :class:`~airflow_provider_raydp_spcs.local.runtimes.base.Runtime`."""
        return self.subnet.address(number)

    def start(self, start: ContainerStart) -> ContainerHandle:
        """See :class:`~airflow_provider_raydp_spcs.local.runtimes.base.Runtime`.

        The containers of an instance with several share the network of a holder, so that each may end and be started
        again without taking the others' network away.
        """
        self._latest[start.address] = start
        name = self._name(start, start.container)
        own = network_of_its_own(start, self._network, self.subnet.gateway)
        if start.is_alone:
            return self._run(start, name, own)
        holder = self._holders.get(start.address)
        if holder is None or not holder.users:
            holder = self._holders[start.address] = _Holder(self._engine, self._name(start, "network"))
            holder.start(start.image, own, self._labels)
        joined = network_of(holder.name, start, self._engine.name)
        return self._run(start, name, joined, holder)

    def _run(self, start: ContainerStart, name: str, network: list[str], holder: _Holder | None = None) -> _Container:
        guard: ContainerGuard | None = None
        if set(start.stages) - set(start.read_only):
            try:
                guard = ContainerGuard.start(self._engine, start, next(self._starts))
            except OSError as error:
                with _opened_log(start.log) as file:
                    file.write(f"{UNGUARDED}{error}\n".encode())
        arguments = run_arguments(
            start, name, self._labels, network, self._engine.name, guard.arguments if guard is not None else ()
        )
        return _Container(self._engine, name, arguments, start, holder, guard)

    def whose(self, address: str, port: int) -> Sender | None:
        """See :class:`~airflow_provider_raydp_spcs.local.runtimes.base.Runtime`: an address in the network is one instance's."""
        del port
        found = self._latest.get(address)
        if found is None:
            return None
        return Sender(found.service, found.instance, found.container if found.is_alone else None)

    def _name(self, start: ContainerStart, container: str) -> str:
        service = start.service.rpartition(".")[2].lower()
        return f"spcs-{self._identity}-{service}-{start.instance}-{container}-{next(self._starts)}"

    def sweep(self) -> int:
        """See :class:`~airflow_provider_raydp_spcs.local.runtimes.base.Runtime`."""
        return janitor.clean(self._engine.program, self._labels.server_label)


class _Holder:
    """Holds the network of an instance as long as one of its containers uses it."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self.name = engine, name
        self.users: set[str] = set()

    def start(self, image: str, network: list[str], labels: Labels) -> None:
        program, *words = _HOLD
        arguments = ["--detach", "--rm", "--name", self.name, *labels.arguments, "--pull", "never", *network]
        try:
            self._engine.run("run", *arguments, "--entrypoint", program, image, *words)
        except ContainerEngineError as error:
            msg = f"the network that the containers of an instance share: {error}"
            raise OSError(msg) from error

    def leave(self, user: str) -> None:
        """Take note that a container has ended; the last one ends the holder."""
        if user in self.users:
            self.users.remove(user)
            if not self.users:
                with contextlib.suppress(ContainerEngineError):
                    self._engine.run("kill", "--signal", "KILL", self.name)


class _Container:
    """One container, behind the engine's command in the foreground: its output is the log, its end is the container's."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        arguments: list[str],
        start: ContainerStart,
        holder: _Holder | None,
        guard: ContainerGuard | None,
    ) -> None:
        self._engine, self._name, self._holder, self._guard = engine, name, holder, guard
        self._stopping = False
        if holder is not None:
            holder.users.add(name)
        with _opened_log(start.log) as file:
            self._client = subprocess.Popen(
                [engine.program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def poll(self) -> int | None:
        code = self._client.poll()
        if code is not None and self._holder is not None:
            self._holder.leave(self._name)
        if code is not None and self._guard is not None:
            self._guard.close()
            self._guard = None
        return code

    def terminate(self) -> None:
        if not self._stopping:
            self._stopping = True
            threading.Thread(target=self._stop, name=f"stop {self._name}", daemon=True).start()

    def _stop(self) -> None:
        # The container may not be there yet, while its command runs already.
        while self._client.poll() is None:
            with contextlib.suppress(ContainerEngineError):
                self._engine.run("stop", "--time", str(GRACE_SECONDS), self._name, timeout=GRACE_SECONDS + 60)
                return
            time.sleep(0.5)

    def kill(self) -> None:
        deadline = time.monotonic() + 10
        while self._client.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(ContainerEngineError):
                self._engine.run("kill", "--signal", "KILL", self._name)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._client.wait(timeout=1)
        self.poll()

    def usage(self) -> Usage | None:
        return None  # asking the engine takes a second for each container

    def lacks(self, names: Mapping[str, str]) -> bool:
        del names  # they are looked up when they are needed
        return False


def _opened_log(log: Path):  # type: ignore[no-untyped-def]
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".old"))
    return log.open("ab")
