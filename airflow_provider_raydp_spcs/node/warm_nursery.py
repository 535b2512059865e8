"""The nursery of warm sessions beside Ray: started with the head, and again when it ends.

It imports nothing before the first warm job, so a cluster without any pays for a bare Python of some 20 MB. See
:mod:`airflow_provider_raydp_spcs.runtime.warm`.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.node.ending import end
from airflow_provider_raydp_spcs.node.node_ports import node_ports
from airflow_provider_raydp_spcs.runtime.warm.keeping import LOGS

COMMAND: Final = (sys.executable, "-m", "airflow_provider_raydp_spcs.runtime.warm")
PAUSE_SECONDS: Final = 2.0
STOP_SECONDS: Final = 5.0
"""Ray ends at the same time, so there is no more to be saved."""


class WarmNursery:
    """Keeps the nursery running from a thread of its own.

    :param ray_dir: Ray's temporary folder.
    :param environment: that of Ray.
    :param say: takes each line for the container's log.
    """

    def __init__(
        self,
        ray_dir: Path,
        address: str,
        environment: Mapping[str, str],
        say: Callable[[str], None],
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self._environment = {
            **environment,
            "RAY_ADDRESS": f"{address}:{node_ports(address).gcs}",
            LOGS: str(ray_dir / "session_latest" / "logs"),
        }
        self._say, self._command = say, command
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_running, daemon=True, name="warm-nursery")

    def start(self) -> None:
        """From now on it runs."""
        self._thread.start()

    def stop(self) -> None:
        """End it, and so every warm session and every job in one."""
        with self._lock:
            self._stopping.set()
            process = self._process
        if process is not None:
            end(process, STOP_SECONDS)

    def _keep_running(self) -> None:
        while True:
            try:
                with self._lock:
                    if self._stopping.is_set():
                        return
                    self._process = subprocess.Popen(self._command, env=self._environment, stdin=subprocess.DEVNULL)
                reason = f"exit code {self._process.wait()}"
            except OSError as error:
                reason = str(error)
            if self._stopping.wait(PAUSE_SECONDS):
                return
            self._say(f"warm sessions: their nursery ended by itself ({reason}) and is started again")
