"""A node's main process: starts Ray, hands on signals, ends with a reason."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Protocol

from airflow_provider_raydp_spcs.cluster.endpoints import NOTEBOOK
from airflow_provider_raydp_spcs.node import dashboard_proxy, health, job_files, lifetime
from airflow_provider_raydp_spcs.node.address import own_address
from airflow_provider_raydp_spcs.node.errors import HeadUnreachableError, NodeError
from airflow_provider_raydp_spcs.node.java import find_java, write_jvm_options
from airflow_provider_raydp_spcs.node.log_room import LogRoom
from airflow_provider_raydp_spcs.node.node_ports import head_gcs
from airflow_provider_raydp_spcs.node.notebook import Notebook, own_origin
from airflow_provider_raydp_spcs.node.ray_command import ray_command, ray_environment
from airflow_provider_raydp_spcs.node.settings import NodeSettings, Role
from airflow_provider_raydp_spcs.node.warm_nursery import WarmNursery

_STOP_SECONDS = 18
"""For Ray. With the last logs and warm sessions it is within the 30 s that the platform leaves between SIGTERM and SIGKILL
(SPCS reference 2.3)."""
_TAIL_LINES = 15
# A line of Ray's logs whose level is critical: `[<time> C <process> <thread>] …`.
_CRITICAL = re.compile(r"\[[^\]]* C \d+ \d+\]")


class _Server(Protocol):
    def shutdown(self) -> None: ...


def run(role: Role) -> int:
    """Run a node until it is told to stop or Ray ends; answer the exit code."""
    try:
        return _run(NodeSettings.read(role, os.environ))
    except NodeError as error:
        say(f"this {role} cannot run: {error}")
        return 1


def _run(settings: NodeSettings) -> int:
    address = own_address()
    settings.ray_dir.mkdir(parents=True, exist_ok=True)
    forget_killed_run(settings.ray_dir)
    options = write_jvm_options(settings.ray_dir)
    environment = ray_environment(settings, address, find_java(), options, os.environ)
    stopping = _StopSignals()
    notebook = _notebook(settings, address, environment) if settings.notebook else None
    nursery: WarmNursery | None = None

    def is_ready() -> bool:
        return health.ray_is_ready(settings, address) and (notebook is None or notebook.settled())

    servers: list[_Server] = [health.serve(address, is_ready)]
    logs = LogRoom.of(settings, address, say)
    if logs is not None:
        servers.append(logs.door)
    if settings.role is Role.HEAD:
        (settings.ray_dir / job_files.RESULTS).mkdir(mode=0o700, exist_ok=True)
        token = notebook.token if notebook else None
        exports = logs.exports if logs else None
        servers.append(job_files.serve(address, settings.ray_dir, token, os.environ.get("RAYDP_PROMETHEUS"), exports))
        if grafana := os.environ.get("RAYDP_GRAFANA"):
            servers.append(dashboard_proxy.serve(address, grafana))
    try:
        if settings.head_address is not None:
            wait_for_head(settings.head_address, settings.head_timeout)
        say(f"starting Ray as {settings.role} of cluster {settings.cluster or '(no name)'} at {address}")
        process = subprocess.Popen(ray_command(settings, address), env=environment)
        stopping.watch(process)
        if settings.role is Role.HEAD:
            lifetime.start(settings, address, say)
            nursery = WarmNursery(settings.ray_dir, address, environment, say)
            nursery.start()
        code = process.wait()
    finally:
        if logs is not None:
            logs.shipping.stop()
        if nursery is not None:
            nursery.stop()
        if notebook is not None:
            notebook.stop()
        for server in servers:
            server.shutdown()
    if stopping.signal is not None:
        say(f"stopped on {signal.Signals(stopping.signal).name}")
        return 0
    say(f"Ray ended by itself with exit code {code}{_last_words(settings.ray_dir)}")
    return code or 1


def forget_killed_run(ray_dir: Path) -> None:
    """Take away Ray's note of where it runs, which stays after a SIGKILL.

    With it a head does not start while any raylet in the list of processes speaks of its address, as that of a worker does
    that still waits for this head.
    """
    (ray_dir / "ray_current_cluster").unlink(missing_ok=True)


def _notebook(settings: NodeSettings, address: str, environment: Mapping[str, str]) -> Notebook:
    find_origin = partial(own_origin, os.environ.get("SNOWFLAKE_SERVICE_NAME", ""), NOTEBOOK)
    return Notebook(settings, address, environment, settings.artifacts_dir, say, find_origin)


def wait_for_head(head_address: str, timeout: float) -> None:
    """Wait until the head's GCS takes connections.

    :raises HeadUnreachableError: it did not within ``timeout`` seconds.
    """
    host, _, port = head_gcs(head_address).rpartition(":")
    deadline = time.monotonic() + timeout
    reason: OSError | None = None
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as error:
            reason = error
            time.sleep(0.25)
        else:
            return
    msg = f"the head {head_address} did not answer within {timeout:g} s ({reason}); look at the head service's log"
    raise HeadUnreachableError(msg)


def say(text: str) -> None:
    """One line in the container's log."""
    sys.stdout.write(f"raydp node: {text}\n")
    sys.stdout.flush()


class _StopSignals:
    """Remembers that the node was told to stop, and tells Ray."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """From now on a signal goes to this process; one that came before is handed on."""
        self._process = process
        if self.signal is not None:
            process.terminate()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.signal = number
        if self._process is None:
            raise SystemExit(0)
        self._process.terminate()
        signal.signal(signal.SIGALRM, self._kill)
        signal.alarm(_STOP_SECONDS)

    def _kill(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._process is not None:
            self._process.kill()


def _last_words(ray_dir: Path) -> str:
    """The end of the log in which Ray tells which of its processes died, and how.

    A raylet that gives up writes its reason and a stack trace longer than the end, so the reason is looked for as well.
    """
    logs = ray_dir / "session_latest" / "logs"
    for name in ("ray_process_exit.log", "raylet.err", "gcs_server.err"):
        try:
            with (logs / name).open(errors="replace") as file:
                lines = file.readlines()
        except OSError:
            continue
        reasons = [line for line in lines[:-_TAIL_LINES] if _CRITICAL.match(line)]
        tail = "".join([*reasons[-1:], *lines[-_TAIL_LINES:]]).strip()
        if tail:
            return f"; {name} ends with:\n{tail}"
    return ""
