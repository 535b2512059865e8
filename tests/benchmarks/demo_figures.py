"""The figures of the demo on this machine: seconds, seconds until the cluster is ready, peak memory.

Run by ``make bench-demo``. Memory is the proportional set size (shared pages counted once) of every process of the demo,
sampled each second: Airflow, the local Snowflake, Ray and Spark.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from airflow_provider_raydp_spcs.cli.demo.leftovers import processes_of
from tests.benchmarks.figures import Figure, show


class MemorySampler(threading.Thread):
    """Keeps the greatest sum of memory that the processes of a folder held together."""

    def __init__(self, folder: Path, root: int) -> None:
        super().__init__(daemon=True)
        self._folder, self._root = folder, root
        self.peak = 0
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(1.0):
            self.peak = max(self.peak, sum(map(_proportional_set_size, self._pids())))

    def _pids(self) -> set[int]:
        try:
            tree = {child.pid for child in psutil.Process(self._root).children(recursive=True)} | {self._root}
        except psutil.NoSuchProcess:
            tree = set()
        return tree | {int(line.split()[0]) for line in processes_of(self._folder)}


def _proportional_set_size(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        report = folder / "report.json"
        start = time.monotonic()
        demo = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "airflow_provider_raydp_spcs.cli",
                "demo",
                "--folder",
                name,
                "--report",
                str(report),
            ],
            stdout=subprocess.DEVNULL,
        )
        sampler = MemorySampler(folder, demo.pid)
        sampler.start()
        code = demo.wait()
        seconds = time.monotonic() - start
        sampler.stopped.set()
        if code:
            return code
        result = json.loads(report.read_text())
    (tasks,) = result["tasks"].values()
    print(json.dumps({"tasks": tasks, **result["phases"]}, indent=2))
    figures = [
        Figure("the whole demo", seconds, "s", 240.0),
        Figure("cluster ready", tasks["create_cluster"], "s", 45.0),
        Figure("peak memory of Airflow, Snowflake, Ray and Spark together", sampler.peak / 1e9, "GB", 8.0),
    ]
    show("The demo", {"measured": figures})
    return 0


if __name__ == "__main__":
    sys.exit(main())
