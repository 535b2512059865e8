"""A Spark session from nothing: stock ``raydp.init_spark`` beside ``runtime.spark_session``, alternately.

Run by ``make bench-cold-session`` (8 minutes; fewer with COLD_RUNS=1). One node of the package's own, with Ray and Java as
a cluster's head has them, hands out two executors of one core each. Each run is a Python process of its own, as a Ray job's
is: timed from its first line up to the session and up to the result of a first query, with the CPU seconds of everything that
Ray and it have started until then. Both hand out their session before an executor is there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.node.address import VARIABLE
from airflow_provider_raydp_spcs.node.class_data import make_archive
from airflow_provider_raydp_spcs.node.health import answers
from airflow_provider_raydp_spcs.node.java import find_java, write_jvm_options
from airflow_provider_raydp_spcs.node.node_ports import node_ports
from airflow_provider_raydp_spcs.node.ray_command import ray_environment
from airflow_provider_raydp_spcs.node.settings import NodeSettings, Role
from tests.benchmarks.figures import record

RUNS = int(os.environ.get("COLD_RUNS", "4"))
ADDRESS = "127.77.0.1"
START_SECONDS, RUN_SECONDS = 240, 300
GOALS: dict[str, float | None] = {"session": 0.5, "first query": 0.4, "CPU": None}
"""What is measured, and what ours over stock is meant not to exceed."""
QUERY = 'spark.range(1000).selectExpr("sum(id)").collect()'
STOCK = f"""
import json, time
began = time.monotonic()
import ray, raydp
ray.init(address="auto", log_to_driver=False)
resource = {{"spark.ray.raydp_spark_executor.actor.resource.worker": "1"}}
spark = raydp.init_spark("stock", 2, 1, "600m", configs=resource)
session = time.monotonic() - began
assert {QUERY}[0][0] == 499500
print(json.dumps({{"session": session, "first query": time.monotonic() - began}}), flush=True)
input()
raydp.stop_spark()
"""
OURS = f"""
import json, time
began = time.monotonic()
from airflow_provider_raydp_spcs.runtime import spark_session
with spark_session("ours", executors=2, executor_cores=1, executor_memory_mib=600) as spark:
    session = time.monotonic() - began
    assert {QUERY}[0][0] == 499500
    print(json.dumps({{"session": session, "first query": time.monotonic() - began}}), flush=True)
    input()
"""


def main() -> int:
    make_archive()
    measured: dict[str, list[dict[str, float]]] = {"stock": [], "ours": []}
    with tempfile.TemporaryDirectory(prefix="cs-") as folder, node(Path(folder)) as (head, environment):
        for _ in range(RUNS):
            for name, script in (("stock", STOCK), ("ours", OURS)):
                measured[name].append(_run(script, head, environment))
                print(name, {what: round(value, 1) for what, value in measured[name][-1].items()}, flush=True)
    for what, goal in GOALS.items():
        ours, stock = ([run[what] for run in measured[name]] for name in ("ours", "stock"))
        unit = "CPU s" if "CPU" in what else "s"
        record(f"cold-{what.replace(' ', '-').lower()}", "raydp.init_spark", ours, stock, unit, goal=goal)
    return 0


@contextmanager
def node(folder: Path) -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    """A head that also hands out executors; the environment is that of its jobs."""
    told = {
        VARIABLE: ADDRESS,
        "RAYDP_CLUSTER": "COLD",
        "RAYDP_NUM_CPUS": "3",
        "RAYDP_RESOURCES": '{"worker": 2}',
        "RAYDP_OBJECT_STORE_BYTES": "200000000",
        "RAYDP_RAY_DIR": str(folder / "ray"),
    }
    command = [sys.executable, "-m", "airflow_provider_raydp_spcs.node", "head"]
    with (folder / "node.log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **told}, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(ADDRESS, ports.HEALTH, "/ready"):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the node does not come up:\n{(folder / 'node.log').read_text()[-3000:]}")
            time.sleep(0.5)
        settings = NodeSettings.read(Role.HEAD, {**os.environ, **told})
        options = write_jvm_options(folder)
        environment = ray_environment(settings, ADDRESS, find_java(), options, os.environ)
        environment["RAY_ADDRESS"] = f"{ADDRESS}:{node_ports(ADDRESS).gcs}"
        yield psutil.Process(process.pid), environment
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _run(script: str, head: psutil.Process, environment: dict[str, str]) -> dict[str, float]:
    _settle(head)
    before = _cpu_seconds(head)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("{"):
                    found: dict[str, float] = json.loads(line)
                    found["CPU"] = _cpu_seconds(head) + _cpu_seconds(psutil.Process(process.pid)) - before
                    process.communicate("\n", timeout=RUN_SECONDS)
                    return found
            errors.seek(0)
            sys.exit(f"the run failed:\n{errors.read().decode()[-3000:]}")
        finally:
            process.kill()
            process.wait()


def _settle(head: psutil.Process) -> None:
    """Wait until the JVMs of the run before are gone."""
    deadline = time.monotonic() + 60
    while any("java" in child.name() for child in _alive(head)) and time.monotonic() < deadline:
        time.sleep(0.5)


def _cpu_seconds(root: psutil.Process) -> float:
    """Of a process and all below it, those that have ended included."""
    total = 0.0
    for process in _alive(root):
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.Error:
            continue
    return total


def _alive(root: psutil.Process) -> list[psutil.Process]:
    return [root, *root.children(recursive=True)]


if __name__ == "__main__":
    sys.exit(main())
