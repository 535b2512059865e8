"""The process runtime: a container is a group of plain processes with a loopback address of its own.

Differences from Snowflake: a program sees the whole machine, as the user who started the local Snowflake; mount paths and
names of services hold where the specification writes them (``substitution.py``), and a name, also that of all instances,
stands for the first instance; mounts but stages may be written to; programs that listen on every address do so on the
machine's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.local.errors import LocalSnowflakeError
from airflow_provider_raydp_spcs.local.runtimes import keeper
from airflow_provider_raydp_spcs.local.runtimes.base import ContainerHandle, ContainerStart, Sender, Usage, check_texts
from airflow_provider_raydp_spcs.local.runtimes.substitution import replace, replace_names

logger = logging.getLogger(__name__)
MARKER: Final = "SPCS_LOCAL_INSTANCE"
"""Environment variable of every process of a container: whose it is."""
MAX_LOG_BYTES: Final = 64 * 1024**2
_SHM: Final = "/dev/shm"  # noqa: S108 - all instances share the machine's
_PARTS: Final = range(64, 224)
"""Of 127.0.0.0/8: second numbers of the addresses, one for every local Snowflake that runs on the machine."""
_INHERITED: Final = ("LANG", "LC_ALL", "TZ", "JAVA_HOME", "JDK_JAVA_OPTIONS", "LD_LIBRARY_PATH")


class UnsupportedPlatformError(LocalSnowflakeError):
    """Service instances cannot be played by processes of this machine."""


class NoAddressesError(LocalSnowflakeError):
    """Too many local Snowflakes run on this machine."""


class ProcessRuntime:
    """Runs containers as processes of this machine.

    :param identity: six hexadecimal digits that tell this server's processes from those of others.
    :raises UnsupportedPlatformError: no Linux, or loopback addresses cannot be used.
    """

    server_name = "127.0.0.1"
    subnet = None

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self._claim: socket.socket | None = None
        self._second = _PARTS[0]
        self._check()

    def open(self) -> None:
        """See :class:`~airflow_provider_raydp_spcs.local.runtimes.base.Runtime`."""
        swept = self.sweep()
        if swept:
            logger.warning("ended %d processes that an earlier server left behind", swept)
        self._second, self._claim = _claimed_part()

    def close(self) -> None:
        """See :class:`~airflow_provider_raydp_spcs.local.runtimes.base.Runtime`; processes leave nothing behind."""
        if self._claim is not None:
            self._claim.close()

    def _check(self) -> None:
        if sys.platform != "linux":
            msg = (
                f"the process runtime needs Linux, for every service instance gets a loopback address of its own and its "
                f"processes are watched through /proc; this is {sys.platform}. Run it in a Linux virtual machine or container"
            )
            raise UnsupportedPlatformError(msg)
        try:
            with socket.socket() as probe:
                probe.bind((self.address(1), 0))
        except OSError as error:
            msg = f"this machine does not let a process use the loopback address {self.address(1)}: {error}"
            raise UnsupportedPlatformError(msg) from error

    def address(self, number: int) -> str:
        """See :class:`~airflow_provider_raydp_spcs.local.runtimes.base.Runtime`."""
        return f"127.{self._second}.{number // 250 % 256}.{number % 250 + 1}"

    def start(self, start: ContainerStart) -> ContainerHandle:
        """See :class:`~airflow_provider_raydp_spcs.local.runtimes.base.Runtime`."""
        mounts = {path: folder for path, folder in start.mounts.items() if path != _SHM}
        # There is no image: what would be copied into it is taken from where it lies.
        mounts = {**start.image_files, **mounts}
        command = [replace(word, start.names, mounts) for word in start.command]
        env = {name: replace(value, start.names, mounts) for name, value in start.env.items()}
        temporary = start.folder / "t"
        temporary.mkdir(parents=True, exist_ok=True)
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment = {
            **inherited,
            "HOME": str(start.folder),
            "TMPDIR": str(temporary),
            **env,
            # "python" must be the interpreter that has the packages an image would have.
            "PATH": os.pathsep.join(
                [str(Path(sys.executable).parent), env.get("PATH", os.environ.get("PATH", os.defpath))]
            ),
            **start.platform_env,
            **_trust(start.ca_bundle),
            "SPCS_INSTANCE_ADDRESS": start.address,
            MARKER: f"{self._identity}/{start.service}/{start.instance}/{start.container}",
        }
        check_texts(command, environment)
        return _Process(command, environment, start)

    def whose(self, address: str, port: int) -> Sender | None:
        """See :class:`~airflow_provider_raydp_spcs.local.runtimes.base.Runtime`: of whom the process is that has the connection."""
        import psutil

        # gRPC's clients connect by IPv6's name for an address of IPv4.
        ends = {(address, port), (f"::ffff:{address}", port)}
        ours = [each.pid for each in psutil.net_connections("tcp") if each.laddr in ends and each.pid]
        marked = containers_of_processes(self._identity)
        return next((marked[pid] for pid in ours if pid in marked), None)

    def sweep(self) -> int:
        """See :class:`~airflow_provider_raydp_spcs.local.runtimes.base.Runtime`."""
        found = marked_processes(self._identity)
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while marked_processes(self._identity) and time.monotonic() < deadline:
            time.sleep(0.05)
        return len(found)


def _trust(ca_bundle: Path | None) -> dict[str, str]:
    """Variables that make the usual clients trust certificate authorities."""
    return {"REQUESTS_CA_BUNDLE": str(ca_bundle), "SSL_CERT_FILE": str(ca_bundle)} if ca_bundle else {}


class _Process:
    """One container as processes, behind its keeper."""

    def __init__(self, command: list[str], environment: dict[str, str], start: ContainerStart) -> None:
        self._start = start
        log = start.log
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            log.replace(log.with_suffix(".old"))
        stages = []
        for path in start.stages:
            stages += ["--read-only" if path in start.read_only else "--stage", str(start.mounts[path])]
        program = shutil.which(command[0], path=environment["PATH"]) or command[0]
        with log.open("ab") as file:
            self._keeper = subprocess.Popen(
                [sys.executable, "-S", "-E", keeper.__file__, *stages, program, *command[1:]],
                env=environment,
                cwd=start.folder,
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def poll(self) -> int | None:
        return self._keeper.poll()

    def terminate(self) -> None:
        self._say(b"T")

    def kill(self) -> None:
        self._say(b"K")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._keeper.wait(timeout=10)

    def usage(self) -> Usage | None:
        import psutil

        cpu, memory = 0.0, 0
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self._keeper.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    times = process.cpu_times()
                    cpu += times.user + times.system + times.children_user + times.children_system
                    memory += process.memory_info().rss
        return Usage(cpu, memory)

    def lacks(self, names: Mapping[str, str]) -> bool:
        # An address that was put in for a name cannot come later, as it does where names are looked up.
        later = {name: address for name, address in names.items() if name not in self._start.names}
        texts = (*self._start.command, *self._start.env.values())
        return bool(later) and any(replace_names(text, later) != text for text in texts)

    def _say(self, word: bytes) -> None:
        if self._keeper.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._keeper.stdin.write(word)
                self._keeper.stdin.flush()


def marked_processes(identity: str) -> list[int]:
    """Processes that containers of the server with this identity started."""
    return list(containers_of_processes(identity))


def containers_of_processes(identity: str) -> dict[int, Sender]:
    """Process id → its container, for those of the server with this identity: by :data:`MARKER`, its own or that of the next one
    above it.

    A program that gives itself a title, as Ray's agents do, may write it over its environment.
    """
    import psutil

    above: dict[int, int] = {}
    found: dict[int, str] = {}
    for process in psutil.process_iter(["ppid", "environ"]):
        above[process.pid] = process.info["ppid"]
        if marker := (process.info["environ"] or {}).get(MARKER):
            found[process.pid] = marker
    for pid in above:
        line = [pid]
        # A process that ended while they were read may have given its number to one below itself.
        while (last := line[-1]) not in found and above.get(last, last) not in line:
            line.append(above[last])
        if last in found:
            found.update(dict.fromkeys(line, found[last]))
    ours = {pid: marker.split("/") for pid, marker in found.items() if marker.startswith(f"{identity}/")}
    return {pid: Sender(service, int(instance), container) for pid, (_, service, instance, container) in ours.items()}


def _claimed_part() -> tuple[int, socket.socket]:
    """The first part that no other server has, and what keeps it: the kernel gives the name back when this process ends.

    The first and not any: the ports that Ray's nodes compute from neighbouring parts lie far from each other.

    :raises NoAddressesError: all are taken.
    """
    for part in _PARTS:
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0raydp-spcs/127.{part}")
        except OSError:
            claim.close()
            continue
        return part, claim
    msg = f"{len(_PARTS)} local Snowflakes run on this machine, and every one needs addresses of its own; end some"
    raise NoAddressesError(msg)
