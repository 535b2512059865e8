"""What a DAG file pays for importing every operator, sensor, decorator and task group of this provider.

Run by ``make bench-import``. Each repetition is a fresh interpreter that imports step by step and times each step, so that
what is compared met the same machine at the same moment. The figure is the last step: a DAG file has ``airflow.sdk`` with
the classes that DAGs are written with, which ``airflow.sdk`` loads only when they are named. Triggers are left out: they are
read in the triggerer, not when a DAG is parsed. Wall time depends on who else uses the machine; CPU time less so.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable

from airflow_provider_raydp_spcs.get_provider_info import get_provider_info
from tests.benchmarks.figures import Figure, show

LIMIT_SECONDS = 0.15
REPETITIONS = 15
SDK, CLASSES, OURS = "airflow.sdk", "the classes of airflow.sdk", "this provider"


def steps() -> dict[str, str]:
    """Name → statement, in the order of a DAG file."""
    info = get_provider_info()
    modules = [name for kind in ("operators", "sensors") for each in info[kind] for name in each["python-modules"]]
    modules += [each["class-name"].rpartition(".")[0] for each in info["task-decorators"]]
    modules.append("airflow_provider_raydp_spcs.task_groups")
    return {
        SDK: "import airflow.sdk",
        CLASSES: "from airflow.sdk import DAG, BaseOperator, BaseSensorOperator, TaskGroup, task",
        OURS: "\n".join(f"import {module}" for module in modules),
    }


def once() -> dict[str, tuple[float, float]]:
    """Seconds of wall and of CPU time of each step, in a fresh interpreter."""
    lines = ["import json, time", "took = {}"]
    for name, statement in steps().items():
        lines += [
            "wall, cpu = time.perf_counter(), time.process_time()",
            statement,
            f"took[{name!r}] = time.perf_counter() - wall, time.process_time() - cpu",
        ]
    lines.append("print(json.dumps(took))")
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, capture_output=True, text=True)
    return {name: (wall, cpu) for name, (wall, cpu) in json.loads(done.stdout.splitlines()[-1]).items()}


def main() -> int:
    once()  # compiles what was not compiled yet
    runs = [once() for _ in range(REPETITIONS)]

    def seconds(*names: str, kind: int, of: Callable[[Iterable[float]], float]) -> float:
        return of([sum(run[name][kind] for name in names) for run in runs])

    ways = {
        "wall, median": {"kind": 0, "of": statistics.median},
        "wall, quickest": {"kind": 0, "of": min},
        "CPU, median": {"kind": 1, "of": statistics.median},
    }
    show(
        f"Importing everything that a DAG file may import ({REPETITIONS} fresh interpreters)",
        {
            name: [
                Figure("beyond airflow.sdk and its classes", seconds(OURS, **way), "s", LIMIT_SECONDS),
                Figure("beyond a plain `import airflow.sdk`", seconds(CLASSES, OURS, **way), "s", LIMIT_SECONDS),
                Figure("`import airflow.sdk` itself", seconds(SDK, **way), "s"),
            ]
            for name, way in ways.items()
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
