"""Bringing the local Snowflake up and down."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.local.errors import LocalSnowflakeError
from airflow_provider_raydp_spcs.local.paths import Paths, default_home
from airflow_provider_raydp_spcs.local.runtimes.choice import PROCESS, engine_of, make_runtime
from airflow_provider_raydp_spcs.local.security.certificates import write_private
from airflow_provider_raydp_spcs.local.server import is_alive

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 60.0
MIN_MEMORY_BYTES: Final = 4 * 1024**3


class NotRunningError(LocalSnowflakeError):
    """There is no server."""


class DidNotStartError(LocalSnowflakeError):
    """The server ended, or did not answer in time; the message has the end of its log."""


class TooLittleMemoryError(LocalSnowflakeError):
    """A cluster of three nodes does not fit into this machine's memory."""


@dataclass(frozen=True)
class RunningServer:
    """A server that answers."""

    home: Path
    pid: int
    port: int
    runtime: str = PROCESS


class OtherRuntimeError(LocalSnowflakeError):
    """The server that runs was started with another runtime."""


def up(
    home: Path | None,
    *,
    port: int,
    images: Path,
    provisioning_seconds: float = 0.0,
    runtime: str | None = None,
    token_seconds: float | None = None,
    session_seconds: float | None = None,
) -> RunningServer:
    """Start a server in the background and wait until it answers; one that runs already is used.

    :param runtime: one of :data:`~airflow_provider_raydp_spcs.local.runtimes.choice.RUNTIMES`; None for the one that
        this home had last, at first the process runtime.
    :param token_seconds: for how long a token of a service is good; None for an hour.
    :param session_seconds: for how long a session's token is good before the client renews it; None for an hour.
    :raises LocalSnowflakeError: it cannot start.
    """
    paths = Paths((home or default_home()).absolute())
    running = _running(paths)
    if running is not None and _answers(running):
        if runtime not in (None, running.runtime):
            msg = (
                f"the local Snowflake of {paths.home} runs with the runtime {running.runtime!r}, not {runtime!r}; "
                "take it down first: raydp-spcs local down"
            )
            raise OtherRuntimeError(msg)
        return running
    if running is not None:
        _wait_for_end(paths, running.pid)  # it is on its way down
    _check_memory()
    paths.prepare()
    chosen = runtime or _last_runtime(paths)
    engine_of(chosen)
    write_private(paths.runtime, chosen.encode())
    log = paths.logs / "server.log"
    command = [sys.executable, "-m", "airflow_provider_raydp_spcs.local.server", "--home", str(paths.home)]
    command += ["--images", str(images), "--port", str(port), "--provisioning-seconds", str(provisioning_seconds)]
    command += ["--runtime", chosen]
    command += [] if token_seconds is None else ["--token-seconds", str(token_seconds)]
    command += [] if session_seconds is None else ["--session-seconds", str(session_seconds)]
    write_private(log, b"")
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        running = _running(paths)
        if running is not None and running.pid == process.pid:
            return running
        if process.poll() is not None:
            msg = f"the local Snowflake did not start:\n{_tail(log)}"
            raise DidNotStartError(msg)
        time.sleep(0.1)
    process.terminate()
    msg = f"the local Snowflake did not answer within {START_SECONDS:g} s; its log {log} ends with:\n{_tail(log)}"
    raise DidNotStartError(msg)


def status(home: Path | None) -> RunningServer:
    """The running server.

    :raises NotRunningError: there is none.
    """
    paths = Paths((home or default_home()).absolute())
    running = _running(paths)
    if running is None:
        msg = f"no local Snowflake runs with the home {paths.home}; start one: raydp-spcs local up"
        raise NotRunningError(msg)
    return running


def down(home: Path | None) -> str:
    """Stop the server and everything in it; answer what was done, in words.

    :raises LocalSnowflakeError: it does not end.
    """
    paths = Paths((home or default_home()).absolute())
    running = _running(paths)
    if running is not None:
        os.kill(running.pid, signal.SIGTERM)
        _wait_for_end(paths, running.pid)
    chosen = running.runtime if running else _last_runtime(paths)
    swept = make_runtime(chosen, paths.identity).sweep() if sys.platform == "linux" else 0
    if running is None:
        things = "processes" if chosen == PROCESS else "containers"
        return f"No local Snowflake was running; ended {swept} {things} that one had left behind."
    return "The local Snowflake is down; nothing of it runs any more."


def _wait_for_end(paths: Paths, pid: int) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while _running(paths) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    if _running(paths) is not None:
        # Its keepers or its janitor notice and end every container.
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)  # where this very process started it


def _running(paths: Paths) -> RunningServer | None:
    try:
        facts = json.loads(paths.server.read_text())
    except (OSError, ValueError):
        return None
    if not is_alive(facts):
        return None
    return RunningServer(paths.home, int(facts["pid"]), int(facts["port"]), facts.get("runtime", PROCESS))


def _last_runtime(paths: Paths) -> str:
    try:
        return paths.runtime.read_text().strip() or PROCESS
    except FileNotFoundError:
        return PROCESS


def _answers(server: RunningServer) -> bool:
    """Whether it takes connections; one that is being stopped does not."""
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
    except OSError:
        return False
    return True


def _check_memory() -> None:
    import psutil

    available = psutil.virtual_memory().available
    if available < MIN_MEMORY_BYTES:
        msg = (
            f"this machine has {available / 1024**3:.1f} GiB of memory available; a small cluster takes "
            f"{MIN_MEMORY_BYTES // 1024**3} GiB. End other programs first"
        )
        raise TooLittleMemoryError(msg)


def _tail(log: Path) -> str:
    with log.open(errors="replace") as file:
        return "".join(deque(file, 25)).strip()
