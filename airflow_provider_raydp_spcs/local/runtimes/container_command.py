"""The command line with which docker or podman runs one container of an instance."""

from __future__ import annotations

import csv
import io
import ipaddress
import os
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.local.runtimes.base import ContainerStart, check_texts
from airflow_provider_raydp_spcs.local.security.certificates import CONTAINERS_NAME, write_private

CA_BUNDLE: Final = "/snowflake/ca-bundle.pem"
"""Where containers find the certificate authority of the local Snowflake; the real one needs none of its own."""
SHM: Final = "/dev/shm"  # noqa: S108 - a path in the container
_MOST: Final = 1024 * 1024
"""Of open files and of processes, where the machine sets no limit."""


@dataclass(frozen=True)
class Labels:
    """By what an engine finds again what a local Snowflake has made.

    :param server: the same for every run of the server.
    :param run: of this run alone.
    """

    server: str
    run: str

    @property
    def server_label(self) -> str:
        """Of every run."""
        return f"raydp-spcs.server={self.server}"

    @property
    def run_label(self) -> str:
        """Of this run."""
        return f"raydp-spcs.run={self.server}-{self.run}"

    @property
    def arguments(self) -> list[str]:
        """For the command line."""
        return ["--label", self.server_label, "--label", self.run_label]


def run_arguments(
    start: ContainerStart, name: str, labels: Labels, network: list[str], engine: str, guard: Sequence[str] = ()
) -> list[str]:
    """Arguments of ``run`` for a container in the foreground, removed at its end.

    :param name: of the container, unique in the engine.
    :param network: arguments that give it its network.
    :param engine: ``podman`` or ``docker``.
    :param guard: arguments that have its stage mounts guarded.
    """
    program, *words = start.command or ("",)
    arguments = ["run", "--rm", "--name", name, *labels.arguments, "--pull", "never"]
    arguments += ["--log-driver", "none", "--stop-signal", "SIGTERM", *network, *limits(start, engine), *guard]
    arguments += ["--env-file", str(write_environment(start, name)), *mounts(start)]
    return [*arguments, *(["--entrypoint", program] if program else []), start.image, *words]


def network_of_its_own(start: ContainerStart, network: str, gateway: str) -> list[str]:
    """Arguments that give an instance its address and its names."""
    aliases = [word for name in start.own_names for word in ("--network-alias", name)]
    names = [*aliases, "--add-host", f"{CONTAINERS_NAME}:{gateway}", "--hostname", _host_name(start)]
    return ["--network", network, "--ip", start.address, "--mac-address", _hardware_address(start.address), *names]


def network_of(holder: str, start: ContainerStart, engine: str) -> list[str]:
    """Arguments that let a container use the network of another one; docker gives it that one's host name as well."""
    named = ["--hostname", _host_name(start)] if engine == "podman" else []
    return ["--network", f"container:{holder}", *named]


def _hardware_address(address: str) -> str:
    """The same for a container that is started again: its neighbours go on looking for the address there for a while."""
    return "02:53:" + ":".join(f"{octet:02x}" for octet in ipaddress.IPv4Address(address).packed)


def _host_name(start: ContainerStart) -> str:
    """What resolves to the instance's own address inside (SPCS reference 3.4)."""
    return f"instance-{start.instance}"


def limits(start: ContainerStart, engine: str) -> list[str]:
    """What it may use. Threads are not counted: neither does Snowflake document a limit, and Spark makes thousands."""
    arguments = ["--pids-limit", "-1"]
    if start.memory_bytes:
        arguments += ["--memory", str(start.memory_bytes)]
    if start.cpus:
        # Engines refuse more than the machine has.
        arguments += ["--cpus", f"{min(start.cpus, float(os.cpu_count() or 1)):g}"]
    if SHM in start.memory_volumes:
        arguments += ["--shm-size", str(start.memory_volumes[SHM])]
    if engine == "podman":
        # Its own defaults may be higher than what this machine allows, and podman itself goes down to the most processes
        # that there can be.
        files, processes = _hard(resource.RLIMIT_NOFILE), min(_hard(resource.RLIMIT_NPROC), _pid_max())
        arguments += ["--ulimit", f"nofile={files}:{files}", "--ulimit", f"nproc={processes}:{processes}"]
    return arguments


def _hard(kind: int) -> int:
    hard = resource.getrlimit(kind)[1]
    return _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)


def _pid_max() -> int:
    try:
        return int(Path("/proc/sys/kernel/pid_max").read_text())
    except (OSError, ValueError):
        return _MOST


def mounts(start: ContainerStart) -> list[str]:
    """Stage, local and block volumes and the token as bind mounts, memory volumes as file systems in memory."""
    found = [
        _bind(folder, path, *(["readonly"] if path in start.read_only else []))
        for path, folder in start.mounts.items()
        if path not in start.memory_volumes
    ]
    if start.ca_bundle is not None:
        found.append(_bind(start.ca_bundle, CA_BUNDLE, "readonly"))
    arguments = [word for mount in found for word in ("--mount", mount)]
    for path, size in start.memory_volumes.items():
        if path != SHM:
            arguments += ["--tmpfs", f"{path}:rw,size={size},mode=1777"]
    return arguments


def _bind(source: Path, target: str, *more: str) -> str:
    """One mount in the engines' own comma-separated form, in which a path may hold commas."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(["type=bind", f"source={source}", f"target={target}", *more])
    return line.getvalue()


def environment(start: ContainerStart) -> Mapping[str, str]:
    """What the specification and the platform set; the image's own variables come with the image."""
    trust = {"REQUESTS_CA_BUNDLE": CA_BUNDLE, "SSL_CERT_FILE": CA_BUNDLE} if start.ca_bundle else {}
    return {**start.env, **start.platform_env, **trust}


def write_environment(start: ContainerStart, name: str) -> Path:
    """Write the variables into a private file: on the command line every user of the machine could read them.

    :raises OSError: a value has more than one line, which the engines' files cannot hold.
    """
    check_texts(start.command, environment(start))
    lines = []
    for variable, value in environment(start).items():
        if "\n" in value:
            msg = f"the value of the environment variable {variable} has more than one line; the container runtime cannot pass it"
            raise OSError(msg)
        lines.append(f"{variable}={value}\n")
    start.folder.mkdir(parents=True, exist_ok=True)
    file = start.folder / f"{name}.env"
    write_private(file, "".join(lines).encode())
    return file
