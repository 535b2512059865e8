"""What a runtime must be able to do: start a container of an instance, and tell what became of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.runtimes.network import Subnet


@dataclass(frozen=True)
class ContainerStart:
    """Everything that one container needs to start.

    :param service: ``DATABASE.SCHEMA.NAME``.
    :param address: the instance's own address.
    :param command: what the image runs, or what the specification replaced it with.
    :param env: of the image and the specification; values may name mount paths and other services.
    :param mounts: path in the container → folder on this machine.
    :param read_only: paths of those mounts that may only be read.
    :param stages: paths of those mounts that are stages; they take whole files only (SPCS reference 3.3).
    :param image_files: path in the image → file or folder on this machine that it is a copy of.
    :param names: DNS name → address, of the services that this one may call.
    :param image: what a container engine knows the image by.
    :param own_names: DNS names of the service itself.
    :param memory_volumes: path in the container → bytes, of those mounts that lie in memory.
    :param memory_bytes: what it may use at most, memory volumes included; None for no limit.
    :param cpus: cores that it may use at most; None for no limit.
    :param is_alone: whether it is the only container of its instance.
    :param ca_bundle: certificate authorities that the platform makes known to it.
    :param platform_env: what the platform adds; taken as it is.
    :param log: file for standard output and error.
    """

    service: str
    instance: int
    container: str
    address: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    mounts: Mapping[str, Path]
    names: Mapping[str, str]
    platform_env: Mapping[str, str] = field(repr=False)
    log: Path
    folder: Path
    image_files: Mapping[str, Path] = field(default_factory=dict)
    image: str = ""
    own_names: tuple[str, ...] = ()
    memory_volumes: Mapping[str, int] = field(default_factory=dict)
    memory_bytes: int | None = None
    cpus: float | None = None
    is_alone: bool = True
    ca_bundle: Path | None = None
    read_only: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()


def check_texts(command: Iterable[str], env: Mapping[str, str]) -> None:
    """Whether a process can have this command and these variables.

    :raises OSError: it cannot.
    """
    wrong = [name for name, value in env.items() if not name or set(name) & set("=\n") or not _is_plain(name + value)]
    wrong += [word for word in command if not _is_plain(word)]
    if wrong:
        msg = f"no process can have the variable or argument {wrong[0]!a}"
        raise OSError(msg)


def _is_plain(text: str) -> bool:
    """Whether a text has no NUL and can be encoded."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


@dataclass(frozen=True)
class Usage:
    """What a container uses: seconds of CPU since its start, and bytes of memory now."""

    cpu_seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class Sender:
    """Which container something comes from.

    :param service: ``DATABASE.SCHEMA.NAME``.
    :param container: None where the containers of an instance cannot be told apart.
    """

    service: str
    instance: int
    container: str | None


class ContainerHandle(Protocol):
    """A container that was started."""

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        ...

    def terminate(self) -> None:
        """Ask it to end; it is killed with all its processes 30 s later."""
        ...

    def kill(self) -> None:
        """End it with all its processes, now."""
        ...

    def usage(self) -> Usage | None:
        """What it uses; None where that is not measured."""
        ...

    def lacks(self, names: Mapping[str, str]) -> bool:
        """Whether it was started without the address of a service that it names, because that service came later.

        :param names: DNS name → address, of the services that there are now.
        """
        ...


class Runtime(Protocol):
    """Starts containers, between ``open`` and ``close``."""

    @property
    def server_name(self) -> str:
        """Host name or address under which containers reach the local Snowflake."""
        ...

    def open(self) -> None:
        """Get ready, and end what an earlier server left behind.

        :raises LocalSnowflakeError, ContainerEngineError: containers cannot be played here.
        """
        ...

    def close(self) -> None:
        """Give back what ``open`` took; every container has ended by now."""
        ...

    @property
    def subnet(self) -> Subnet | None:
        """Where containers have addresses of their own and see the server at the gateway's; None on loopback."""
        ...

    def address(self, number: int) -> str:
        """The address of the instance with this number; numbers are never used twice."""
        ...

    def start(self, start: ContainerStart) -> ContainerHandle:
        """Start a container.

        :raises OSError: it cannot be started; so also with a variable that no process can have.
        """
        ...

    def whose(self, address: str, port: int) -> Sender | None:
        """Which container a connection comes from, by the address and port at its end; None for anybody else."""
        ...

    def sweep(self) -> int:
        """End what an earlier server left behind; answer how many processes or containers that were."""
        ...
