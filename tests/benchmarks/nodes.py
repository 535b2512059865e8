"""What a cluster costs until it is ready, and gone, by the number of its worker nodes.

Run by ``make bench-nodes`` (1 minute). The local Snowflake is real, its containers are stand-ins that need no CPU to speak of: so
this is the cost of pools, services, statements and looks, not of Ray.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from tests.benchmarks.deferred_jobs import stand_in_images
from tests.benchmarks.figures import record
from tests.local_snowflake import local_snowflake

NODES = (1, 2, 4, 8)
REPETITIONS = int(os.environ.get("BENCH_PAIRS", "3"))


def main() -> int:
    took: dict[tuple[str, int], list[float]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="im-") as images,
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        local_snowflake(stand_in_images(Path(images))) as environment,
        connect(environment) as connection,
    ):
        clusters = Clusters(client_of(connection))
        head = HeadConfig("CPU_X64_XS", env={"STAND_IN_FOLDER": folder, "STAND_IN_JOBS": "0"})
        for turn in range(REPETITIONS + 1):  # the first warms up
            for nodes in NODES:
                name = f"NODES_{turn}_{nodes}"
                began = time.monotonic()
                clusters.create(ClusterConfig(name, head, [WorkerGroup("CPU_X64_XS", count=nodes)]))
                try:
                    clusters.wait_for(name, deadline=time.time() + 120, poll=0.1)
                    ready = time.monotonic()
                finally:
                    clusters.delete(name)
                if turn:
                    took.setdefault(("cluster-ready", nodes), []).append(ready - began)
                    took.setdefault(("cluster-deleted", nodes), []).append(time.monotonic() - ready)
    for (name, nodes), seconds in took.items():
        record(f"{name}-by-nodes", "", seconds, [], "s", nodes, per="worker nodes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
