"""Many small DAG runs, four at once: is none lost, and do the parts that live long keep their size? (``make soak``)

Every tenth run has a cluster of its own, the others share one. SOAK_RUNS says how many, by default 200. Memory is looked at
after each run that has ended; its slope is that of the straight line through the second half, for at first caches fill.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from tests.benchmarks.figures import record
from tests.faults.report import Report
from tests.faults.suite import suite_on_its_own
from tests.system.live.real_airflow import FINISHED, RealAirflow

RUNS = int(os.environ.get("SOAK_RUNS", "200"))
OWN_EACH, AT_ONCE = 10, 4
HOURS = 3
HERE = Path(__file__).parent


def main() -> int:
    with ExitStack() as stack:
        suite = stack.enter_context(suite_on_its_own(Report(0)))
        clusters = Clusters(client_of(stack.enter_context(connect(suite.environment))))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="af-"))
        before = suite.belongings()
        clusters.create(ClusterConfig("FAULTS", worker_groups=[WorkerGroup("CPU_X64_XS", count=1)]))
        stack.callback(clusters.delete, "FAULTS")
        clusters.wait_for("FAULTS", deadline=time.time() + 180)
        airflow = RealAirflow(Path(folder) / "home", {"faults": HERE / "dags"}, suite.environment)
        stack.callback(airflow.stop)
        airflow.start()
        sizes = {"triggerer": airflow.process("triggerer"), "local Snowflake": suite.server}
        memory = soak(airflow, sizes)
        runs = [(dag, run) for dag, run in plan() if airflow.run_state(dag, run) != "success"]
        counted = suite.counted()
        lost = [run for _, run in plan() if counted.get(run, 0) == 0]
        doubled = [run for _, run in plan() if counted.get(run, 0) > 1]
        clusters.delete("FAULTS")
        time.sleep(5)
        left = [name for name in suite.belongings().beyond(before) if not name.startswith("file raydp_artifacts/")]
    print(
        f"{RUNS} runs: {len(runs)} did not succeed, {len(lost)} lost, {len(doubled)} doubled, left behind: {left or 'nothing'}"
    )
    for name, seen in memory.items():
        late = seen[len(seen) // 2 :]
        slope = statistics.linear_regression(range(len(late)), late).slope
        print(
            f"memory of the {name}: {seen[0]:.0f} MB at first, {seen[-1]:.0f} MB at last, {slope * 100:+.1f} MB in 100 runs"
        )
        record(
            f"soak-{name.replace(' ', '-').lower()}", "", [slope * 100], [], "MB in 100 runs", float(RUNS), per="runs"
        )
    return 1 if runs or lost or doubled or left else 0


def plan() -> list[tuple[str, str]]:
    """DAG and name of every run."""
    return [
        ("soak_own" if number % OWN_EACH == 0 else "soak_shared", f"soak-{number}") for number in range(1, RUNS + 1)
    ]


def soak(airflow: RealAirflow, sizes: dict[str, int]) -> dict[str, list[float]]:
    """Run them all; answer the memory (PSS, MB) of processes with all below them, after each run that has ended."""
    memory: dict[str, list[float]] = {name: [] for name in sizes}
    waiting, active = plan(), set[tuple[str, str]]()
    deadline = time.monotonic() + HOURS * 3600
    while waiting or active:
        if time.monotonic() > deadline:
            sys.exit(f"after {HOURS} hours {len(waiting) + len(active)} runs have not ended: {sorted(active)}")
        while waiting and len(active) < AT_ONCE:
            active.add(waiting[0])
            airflow.trigger(*waiting.pop(0))
        for run in [run for run in active if airflow.run_state(*run) in FINISHED]:
            active.remove(run)
            for name, pid in sizes.items():
                memory[name].append(pss(pid))
            if len(waiting) % 20 == 0:
                print(
                    f"{RUNS - len(waiting) - len(active)} runs ended; MB: { {name: round(seen[-1]) for name, seen in memory.items()} }",
                    flush=True,
                )
        time.sleep(0.5)
    return memory


def pss(pid: int) -> float:
    """Memory of a process and its children, what they share counted once, in MB; services of the local Snowflake left out."""
    root = psutil.Process(pid)
    total = float(root.memory_full_info().pss)
    for child in root.children():
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile, or is a zombie
            if "SPCS_LOCAL_INSTANCE" not in child.environ():
                total += child.memory_full_info().pss
    return total / 1e6


if __name__ == "__main__":
    sys.exit(main())
