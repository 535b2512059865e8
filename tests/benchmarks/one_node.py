"""One Ray node by itself, as the images start it, for what is measured between Ray and Spark."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from airflow_provider_raydp_spcs.node import java

START_SECONDS = 120.0
PORTS = (
    "port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port", "runtime-env-agent-port", "metrics-export-port",
    "ray-client-server-port", "node-manager-port", "object-manager-port",
)  # fmt: skip
MARK = "RAYDP_BENCHMARK"
"""Environment variable by whose value all processes of a run are found; they inherit it from each other."""


@dataclass(frozen=True)
class Node:
    """A Ray node that runs.

    :param environment: for processes that connect to it.
    """

    address: str
    environment: Mapping[str, str]
    mark: str = field(repr=False)

    def run(self, module: str, *arguments: str) -> str:
        """What a module of the benchmarks prints that uses the node, its last line."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout.strip().splitlines()[-1]


def cpu_seconds(mark: str) -> float:
    """CPU time of all processes with a mark, those that ended under them included."""
    spent = 0.0
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                spent += sum(process.cpu_times()[:4])
        except psutil.Error:
            continue
    return spent


@contextmanager
def ray_node(cpus: int = 4, store_bytes: int = 10**9) -> Iterator[Node]:
    """A node with the resource ``worker`` on the loopback; gone after the block."""
    mark = uuid.uuid4()
    # An address and ports of its own, by chance: some of Ray's parts listen on every address.
    address = "127." + ".".join(str(1 + byte % 254) for byte in mark.bytes[:3])
    first = 20_000 + mark.int % 1000 * 10
    ports = {name: first + number for number, name in enumerate(PORTS)}
    with tempfile.TemporaryDirectory(prefix="rb-", ignore_cleanup_errors=True) as folder:
        home = java.find_java()
        environment = {
            **os.environ,
            MARK: mark.hex,
            "JAVA_HOME": str(home),
            "PATH": f"{home}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "JDK_JAVA_OPTIONS": java.write_jvm_options(Path(folder)),
            "SPARK_LOCAL_IP": address,
            "RAY_ADDRESS": f"{address}:{ports['port']}",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "disabled",  # on loopback, for minutes
        }
        options = {
            **ports, "node-ip-address": address, "num-cpus": cpus, "resources": '{"worker": 1}', "temp-dir": folder,
            "include-dashboard": "false", "object-store-memory": store_bytes,
        }  # fmt: skip
        command = [sys.executable, "-m", "airflow_provider_raydp_spcs.node.ray_start", "start", "--head", "--block"]
        with (Path(folder) / "start.log").open("wb") as log:
            head = subprocess.Popen(
                [*command, *(f"--{name}={value}" for name, value in options.items())],
                env=environment,
                stdout=log,
                stderr=log,
            )
        try:
            _await_port(address, head, Path(folder) / "start.log")
            yield Node(environment["RAY_ADDRESS"], environment, mark.hex)
        finally:
            head.terminate()
            head.wait()


def _await_port(address: str, head: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and head.poll() is None:
        if "Ray runtime started" in log.read_text():
            return
        time.sleep(0.2)
    msg = f"the Ray node at {address} is not up (exit code {head.poll()}): {log.read_text()[-2000:]}"
    raise RuntimeError(msg)
