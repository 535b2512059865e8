"""How long the logs of a run take to come to the stage, beside one PUT after another.

Run by ``make bench-log-export``. 1 GB in 2,000 files lies on three nodes of a cluster on the local Snowflake. Ours is the
export as an operator or a person starts it: every node sends its own, side by side, through its mount of the stage, and the
stage is asked afterwards whether it has every byte. Beside it the same files, on this machine's disk already, are put by the
same connection, one PUT after another, as a script would; fetching them from the nodes first would come on top of it. Rounds
alternate. A mount of the local Snowflake is a folder, while a real one sends to the cloud's storage when a file is closed: what
carries over is that nodes and files go side by side, without a statement for each.

``RAYDP_BENCH_FILES`` (default 2000), ``RAYDP_BENCH_BYTES`` (default 1000000000) and ``RAYDP_BENCH_ROUNDS`` (default 3) make it
shorter.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.logs import LogTarget, export_logs
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.submission import HeadAddress
from airflow_provider_raydp_spcs.spcs.ingress import session_tokens
from tests.benchmarks.figures import machine, record
from tests.integration.log_nodes import log_cluster, log_snowflake

FILES = int(os.environ.get("RAYDP_BENCH_FILES", "2000"))
BYTES = int(os.environ.get("RAYDP_BENCH_BYTES", "1000000000"))
ROUNDS = int(os.environ.get("RAYDP_BENCH_ROUNDS", "3"))
NODES = 3
GOAL = 1 / 5
NAME = "BENCH"


def exported(clusters: Clusters, ray: RayJobsClient, number: int) -> float:
    """Seconds of an export."""
    target = LogTarget("RAYDPLOGS", NAME, "ours", str(number), "task", 1)
    start = time.monotonic()
    found = export_logs(clusters.client, clusters, target, ["job"], ray)
    took = time.monotonic() - start
    executors = [file for file in found.files if "/executors/" in file]
    if found.missing or len(executors) != FILES // NODES * NODES:
        msg = f"{len(executors)} of {FILES // NODES * NODES} files were exported: {found.missing[:3]}"
        raise RuntimeError(msg)
    clusters.client.stages.remove(f"{target.path}/")
    return took


def put(clusters: Clusters, folder: Path) -> float:
    """Seconds of one PUT after another."""
    start = time.monotonic()
    for file in sorted(folder.iterdir()):
        clusters.client.stages.put(file, f"@RAYDPLOGS/{NAME}/put", parallel=1)
    took = time.monotonic() - start
    clusters.client.stages.remove(f"@RAYDPLOGS/{NAME}/put/")
    return took


def measure(
    clusters: Clusters, connection: Any, environment: dict[str, str], folder: Path
) -> tuple[list[float], list[float]]:
    """Seconds of exports, and of PUTs, round by round."""
    env = {"LOG_FILES": str(FILES // NODES), "LOG_BYTES": str(BYTES // NODES), "SHIP_SECONDS": "3600"}
    clusters.create(log_cluster(NAME, NODES - 1, **env))
    clusters.wait_for(NAME, deadline=time.time() + 120)
    for number in range(FILES // NODES * NODES):
        (folder / f"worker-{number}.out").write_bytes(os.urandom(BYTES // FILES))
    found = clusters.head_endpoints(NAME)
    address = HeadAddress(found["dashboard"], found["job-files"])
    ours: list[float] = []
    theirs: list[float] = []
    with RayJobsClient(address, tokens=session_tokens(connection), ca_bundle=environment["SSL_CERT_FILE"]) as ray:
        for number in range(ROUNDS):
            ours.append(exported(clusters, ray, number))
            theirs.append(put(clusters, folder))
            print(f"round {number}, {machine()}: exported in {ours[-1]:.1f} s, put in {theirs[-1]:.1f} s", flush=True)
    clusters.delete(NAME)
    return ours, theirs


def main() -> int:
    with (
        tempfile.TemporaryDirectory() as images,
        tempfile.TemporaryDirectory() as folder,
        log_snowflake(Path(images)) as environment,
        connect(environment, session_parameters={"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"}) as connection,
    ):
        ours, theirs = measure(Clusters(client_of(connection)), connection, environment, Path(folder))
    ratio = record("log-export", "one PUT after another", ours, theirs, "s", FILES, goal=GOAL, per="files")
    return int(ratio is None or ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main())
