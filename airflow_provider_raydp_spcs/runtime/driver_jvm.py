"""The JVM of Spark's driver, started by ourselves: as the very first thing, while Python is still importing Ray.

PySpark would start it as the last thing, through a shell script and a JVM that works out the command line of the second.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from airflow_provider_raydp_spcs.runtime.errors import DriverStartError

START_SECONDS: Final = 120.0
END_SECONDS: Final = 20.0
"""How long it may take to end by itself, once it is told to."""
_LOOK_SECONDS: Final = 0.02
_CONNECTION: Final = "_PYSPARK_DRIVER_CONN_INFO_PATH"
_PORT, _SECRET = "PYSPARK_GATEWAY_PORT", "PYSPARK_GATEWAY_SECRET"


class DriverJvm:
    """A JVM that waits for Python's commands, and ends when this process ends, however that ends.

    :param java: the program.
    :param options: of the JVM, with the class path.
    """

    def __init__(self, java: Path, options: Sequence[str]) -> None:
        # Only its user may look into the folder: the JVM writes there how it can be reached, with the secret.
        self._folder = tempfile.TemporaryDirectory(prefix="raydp-driver-")
        self._connection = Path(self._folder.name) / "connection"
        # RayDP's agent writes there until Ray is connected and its own folder for logs is known.
        logs = f"-Dray.logging.dir={self._folder.name}"
        command = [str(java), logs, *options, "org.apache.spark.deploy.SparkSubmit", "pyspark-shell"]
        # The pipe is its life line: with this process, whatever ends it, the pipe ends, and with it the JVM.
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            env={**os.environ, _CONNECTION: str(self._connection)},
            # Who interrupts a notebook's cell means the cell.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_IGN),
        )
        self._gateway: Any = None

    def gateway(self) -> Any:
        """PySpark's gateway to it.

        :raises DriverStartError: it ended, or does not answer in time.
        """
        if self._gateway is None:
            port, secret = self._wait()
            self._gateway = _connect(port, secret)
            self._gateway.proc = self.process
        return self._gateway

    def end(self) -> None:
        """End it, and wait until it is gone."""
        if self._gateway is not None:
            with contextlib.suppress(Exception):  # what is on its way down may answer in any way
                self._gateway.shutdown()
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._folder.cleanup()

    def _wait(self) -> tuple[int, str]:
        deadline = time.monotonic() + START_SECONDS
        # The file appears under its final name when it is whole.
        while not self._connection.exists():
            if (code := self.process.poll()) is not None:
                msg = f"the JVM of Spark's driver ended with exit code {code}; its own words are in the lines above"
                raise DriverStartError(msg)
            if time.monotonic() >= deadline:
                msg = f"the JVM of Spark's driver does not answer after {START_SECONDS:g} s; is the node overloaded?"
                raise DriverStartError(msg)
            time.sleep(_LOOK_SECONDS)
        told = self._connection.read_bytes()
        port, length = struct.unpack("!ii", told[:8])
        return port, told[8 : 8 + length].decode()


def _connect(port: int, secret: str) -> Any:
    """PySpark's own connecting, which takes port and secret from the environment; they stay there only as long."""
    from pyspark.java_gateway import launch_gateway

    os.environ[_PORT], os.environ[_SECRET] = str(port), secret
    try:
        return launch_gateway()
    finally:
        del os.environ[_PORT], os.environ[_SECRET]
