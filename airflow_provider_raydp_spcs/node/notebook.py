"""Jupyter Lab on the head, beside Ray: started with a token, started again when it ends, and never a reason for Ray to end.

The token is made on the head and lies in a file that only its user may read. ``GET /notebook-token`` of the job files
(:mod:`airflow_provider_raydp_spcs.node.job_files`) hands it to whoever has passed Snowflake's sign-in.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.node.ending import end
from airflow_provider_raydp_spcs.node.health import answers
from airflow_provider_raydp_spcs.node.notebook_settings import jupyter_config, jupyter_environment
from airflow_provider_raydp_spcs.node.settings import NodeSettings
from airflow_provider_raydp_spcs.runtime.connecting import connection
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession

READY_SECONDS: Final = 60.0
"""How long a head whose Ray is ready waits for its notebook before it is ready without."""
ORIGIN_SECONDS: Final = 600.0
"""How long the endpoint's address is waited for; Snowflake takes minutes to provide it (SPCS reference 2.5)."""
STOP_SECONDS: Final = 5.0
FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0
"""Seconds before Jupyter is started again: doubled each time that it ended within a minute."""
NOTEBOOKS: Final = "notebooks"
STARTER: Final = Path(__file__).parent / "notebooks" / "starter.ipynb"
Say = Callable[[str], None]


class Notebook:
    """Keeps Jupyter Lab running from a thread of its own.

    :param environment: that of Ray.
    :param artifacts: folder of the artifacts stage, or None where none is mounted; then nothing is kept.
    :param say: takes each line for the container's log.
    :param find_origin: address of the notebook's endpoint as browsers know it, or None while there is none.
    """

    def __init__(
        self,
        settings: NodeSettings,
        address: str,
        environment: Mapping[str, str],
        artifacts: Path | None,
        say: Say,
        find_origin: Callable[[], str | None],
    ) -> None:
        self._settings, self._address, self._say, self._find_origin = settings, address, say, find_origin
        self._folder = settings.ray_dir / "notebook"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._notebooks = (artifacts or self._folder) / NOTEBOOKS
        self._token_file = self._folder / "token"
        self.token = secrets.token_urlsafe(32)
        write_private(self._token_file, self.token)
        self._environment = jupyter_environment(environment, address, self._folder, self._token_file)
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._asked: float | None = None
        self._settled = False
        self._thread = threading.Thread(target=self._keep_running, daemon=True, name="notebook")

    def settled(self) -> bool:
        """Whether nobody needs to wait for the notebook any more: it has answered once, or takes too long.

        The first question starts Jupyter, in the background. It is asked once Ray is ready: both at once would slow each
        other down, and a raylet whose agents are slow gives up.
        """
        with self._lock:
            if self._asked is None:
                self._asked = time.monotonic()
                self._thread.start()
        late = time.monotonic() - self._asked > READY_SECONDS
        # Once and for all: a notebook that ends later is no reason to take the head out of service.
        self._settled = self._settled or late or answers(self._address, ports.NOTEBOOK, "/api")
        return self._settled

    def stop(self) -> None:
        """End Jupyter and its kernels."""
        self._stopping.set()
        process = self._process
        if process is not None:
            end(process, STOP_SECONDS)

    def _keep_running(self) -> None:
        pause = FIRST_PAUSE
        try:
            self._prepare()
        except OSError as error:
            self._say(f"notebook: {self._notebooks} cannot be prepared ({error}); the role needs WRITE on the stage")
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                reason = f"exit code {self._run()}"
            except OSError as error:
                reason = str(error)
            if self._stopping.is_set():
                return
            pause = FIRST_PAUSE if time.monotonic() - began > LAST_PAUSE else min(LAST_PAUSE, pause * 2)
            self._say(f"notebook: Jupyter Lab ended by itself ({reason}); starting it again in {pause:g} s")
            self._stopping.wait(pause)

    def _prepare(self) -> None:
        self._notebooks.mkdir(parents=True, exist_ok=True)
        (self._folder / "checkpoints").mkdir(exist_ok=True)
        target = self._notebooks / STARTER.name
        if not target.exists():
            shutil.copyfile(STARTER, target)

    def _run(self) -> int:
        config = self._folder / "jupyter_config.json"
        made = jupyter_config(self._settings, self._address, self._folder, self._notebooks, self._origin())
        write_private(config, json.dumps(made, indent=1))
        if self._stopping.is_set():
            return 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", f"--config={config}"], env=self._environment, cwd=self._folder
        )
        self._say(f"notebook: Jupyter Lab starts at {self._address}:{ports.NOTEBOOK}")
        return self._process.wait()

    def _origin(self) -> str | None:
        deadline = time.monotonic() + ORIGIN_SECONDS
        complaint, pause = "", 1.0
        while not self._stopping.is_set() and time.monotonic() < deadline:
            try:
                if origin := self._find_origin():
                    return origin
            except Exception as error:  # whatever Snowflake says, the notebook must come up at last
                if (text := f"{type(error).__name__}: {error}") != complaint:
                    self._say(f"notebook: the address of its endpoint is not known yet: {text}")
                    complaint = text
            self._stopping.wait(pause)
            pause = min(10.0, pause * 1.5)
        return None


def own_origin(service: str, endpoint: str) -> str | None:
    """Address of a public endpoint of this service, as Snowflake tells it; None while it is being provisioned.

    :param service: name of this service, in the schema of the container.
    """
    with connection(client_session_keep_alive=False, login_timeout=30, network_timeout=60) as link:
        for found in SpcsClient(ConnectorSession(link)).services.endpoints(service):
            if found.name == endpoint and found.ingress_host:
                return f"https://{found.ingress_host}"
    return None


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read, not even for a moment."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
