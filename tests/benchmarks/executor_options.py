"""What an executor's compiler and collector cost in a short query and in one that computes for long.

Run by ``make bench-executor-options`` (8 minutes; fewer with OPTIONS_RUNS=1). On one node, in turn: Java's own choice, which
executors have (:mod:`~airflow_provider_raydp_spcs.runtime.jvms`), with the small collector, and with the quick compiler alone besides, as driver and app master have.
Each has a session of its own with two executors of one core; seconds are those of a first, small query, and then of one that hashes, sorts and
aggregates for about a minute.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from airflow_provider_raydp_spcs.node.class_data import make_archive
from tests.benchmarks.cold_session import node
from tests.benchmarks.figures import record

RUNS = int(os.environ.get("OPTIONS_RUNS", "2"))
ROWS = int(os.environ.get("OPTIONS_ROWS", "40000000"))
OWN = "Java's own"
KINDS = {
    OWN: "",
    "small-collector": "-XX:+UseSerialGC",
    "quick-compiler": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
}
JOB = f"""
import json, sys, time
from airflow_provider_raydp_spcs.runtime import spark_session
configs = {{"spark.executor.extraJavaOptions": sys.argv[1]}}
with spark_session("options", executors=2, executor_cores=1, executor_memory_mib=1000, configs=configs) as spark:
    def timed(rows):
        began = time.monotonic()
        frame = spark.range(rows).selectExpr("id", "sha2(cast(id as string), 256) as h", "id % 100003 as k")
        sums = frame.groupBy("k").agg({{"h": "max", "id": "sum"}}).sort("max(h)")
        # All of it is asked for, or Spark would leave out what nobody reads.
        answer = list(sums.selectExpr("count(*)", "max(`max(h)`)", "sum(`sum(id)`)").collect()[0])
        return time.monotonic() - began, answer
    short, _ = timed(1000)
    long, answer = timed({ROWS})
    print(json.dumps({{"short": short, "long": long, "answer": answer}}), flush=True)
"""


def main() -> int:
    make_archive()
    took: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory(prefix="eo-") as folder, node(Path(folder)) as (_, environment):
        # What this process was told would win over what is measured.
        environment = {name: value for name, value in environment.items() if name != "JAVA_TOOL_OPTIONS"}
        for _ in range(RUNS):
            for kind, options in KINDS.items():
                job = [sys.executable, "-c", JOB, options]
                done = subprocess.run(job, env=environment, stdout=subprocess.PIPE, text=True, check=True)
                (line,) = [line for line in done.stdout.splitlines() if line.startswith("{")]
                took[kind].append(json.loads(line))
                print(kind, line, flush=True)
    assert len({str(run["answer"]) for runs in took.values() for run in runs}) == 1, "not the same rows"
    for kind, runs in took.items():
        for query in ("short", "long") if kind != OWN else ():
            theirs = [run[query] for run in took[OWN]]
            record(f"executor-{kind}-{query}-query", OWN, [run[query] for run in runs], theirs, "s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
