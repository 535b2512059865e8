"""Rows between Ray and Spark, there and back, beside RayDP's own ways.

Run by ``make bench-exchange`` (40 minutes; ``BENCH_ROWS=100000 BENCH_PAIRS=1`` takes three). On one Ray node each way has
a process and a Spark session of its own in each direction, ours and RayDP's in turn; a Dataset of eight blocks is there
already, and the executors are up. Small sizes have a third way, Spark alone, which no exchange can be faster than. *First*
is the first exchange in a session, *again* the second. Seconds end when Spark has read every value (a query over all
columns), or Ray has.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from tests.benchmarks.figures import record
from tests.benchmarks.one_node import ray_node

SIZES = [int(rows) for rows in os.environ.get("BENCH_ROWS", "10000,100000,1000000,10000000").split(",")]
PAIRS = int(os.environ.get("BENCH_PAIRS", "3"))
LARGE = 1_000_000
"""From here on the goal is to be no slower, and one pair less is measured: they take minutes."""
STORE_BYTES = 4 * 10**9


def main() -> int:
    with ray_node(store_bytes=STORE_BYTES) as node:
        for rows in SIZES:
            found: dict[str, list[dict[str, Any]]] = {
                "ours": [],
                "stock": [],
                **({"floor": []} if rows < LARGE else {}),
            }
            for pair in range(PAIRS if rows < LARGE else max(1, PAIRS - 1)):
                ways = list(found)
                for way in ways if pair % 2 else reversed(ways):
                    trials = [
                        json.loads(node.run("tests.benchmarks.exchange_trial", way, target, str(rows), node.mark))
                        for target in ("spark", "ray")
                    ]
                    found[way].append({name: values for trial in trials for name, values in trial.items()})
            _tell(rows, found)
    return 0


def _tell(rows: int, found: dict[str, list[dict[str, Any]]]) -> None:
    for measured in found["ours"][0]:
        came = {json.dumps(trial[measured]["came"]) for trials in found.values() for trial in trials}
        assert len(came) == 1, f"{measured}: not the same rows: {came}"
        first, small = measured.endswith("first"), rows < LARGE
        goal = (0.2 if first else None) if small else 1.0
        name = measured.lower().replace(", ", "-").replace(" ", "-")
        for key, unit, meant in (("seconds", "s", goal), ("cpu", "CPU s", None)):
            ours, stock = ([trial[measured][key] for trial in found[way]] for way in ("ours", "stock"))
            record(f"{name}-{key}", "RayDP", ours, stock, unit, rows, goal=meant)
        if "floor" in found:
            floor = [trial[measured]["seconds"] for trial in found["floor"]]
            record(
                f"{name}-spark-alone",
                "RayDP",
                floor,
                [trial[measured]["seconds"] for trial in found["stock"]],
                "s",
                rows,
            )


if __name__ == "__main__":
    sys.exit(main())
