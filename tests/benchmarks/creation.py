"""How long a cluster of three services takes to be ready, beside what its parts take: each alone, and one after another.

Run by ``make bench-creation``. The local Snowflake lets nodes and addresses take their time, and the services, which do
nothing else, each take one of their own to start. A part is a compute pool with its service, asked for and waited for
alone; what is compared is the cluster as this package creates it with the slowest part (nothing can be faster) and with
all parts one after another, as a person who follows the scripts would have it. Rounds alternate.

``RAYDP_BENCH_PROVISIONING`` (seconds, default 12) and ``RAYDP_BENCH_ROUNDS`` (default 3) make it shorter.
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
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePool
from airflow_provider_raydp_spcs.spcs.service_info import UP
from airflow_provider_raydp_spcs.spcs.services import Service
from tests.benchmarks.figures import machine, record
from tests.integration.light import light_snowflake

PROVISIONING = float(os.environ.get("RAYDP_BENCH_PROVISIONING", "12"))
ROUNDS = int(os.environ.get("RAYDP_BENCH_ROUNDS", "3"))
STARTS = {"head": 4, "worker": 6, "special": 8}
LIMIT = 1.10
LOOK_SECONDS = 0.1


def config(name: str) -> ClusterConfig:
    """A cluster whose services take their own time to start."""
    env = {group: {"START_SECONDS": str(seconds)} for group, seconds in STARTS.items()}
    groups = [WorkerGroup("CPU_X64_XS", name=name, count=1, env=env[name]) for name in ("worker", "special")]
    return ClusterConfig(name, head=HeadConfig("CPU_X64_XS", env=env["head"]), worker_groups=groups)


def whole(clusters: Clusters, name: str) -> float:
    """Seconds until a cluster is ready."""
    start = time.monotonic()
    clusters.create(config(name))
    clusters.wait_for(name, deadline=time.time() + 600)
    took = time.monotonic() - start
    clusters.delete(name)
    return took


def alone(clusters: Clusters, pool: ComputePool, service: Service) -> float:
    """Seconds until one pool has its service ready, and its public addresses."""
    services, start = clusters.client.services, time.monotonic()
    clusters.client.compute_pools.create(pool)
    services.create(service)
    while services.describe(service.name).status not in UP:
        time.sleep(LOOK_SECONDS)
    while any(each.is_public and not each.ingress_host for each in services.endpoints(service.name)):
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - start


def parts(clusters: Clusters, name: str) -> list[float]:
    """Seconds of each part of such a cluster."""
    drawn = clusters.blueprint(config(name))
    took = [alone(clusters, *part) for part in zip(drawn.pools, drawn.services, strict=True)]
    clusters.delete(name)
    return took


def main() -> int:
    ours: list[float] = []
    slowest: list[float] = []
    one_by_one: list[float] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        light_snowflake(Path(folder), PROVISIONING) as environment,
        connect(environment) as connection,
    ):
        clusters = Clusters(client_of(connection))
        for number in range(ROUNDS):
            ours.append(whole(clusters, f"WHOLE{number}"))
            took = parts(clusters, f"PARTS{number}")
            slowest.append(max(took))
            one_by_one.append(sum(took))
            print(
                f"round {number}, {machine()}: together {ours[-1]:.1f} s; alone {', '.join(f'{each:.1f}' for each in took)} s"
            )
    ratio = record("creation", "the slowest part alone", ours, slowest, "s", goal=LIMIT)
    record("creation-one-by-one", "its parts one after another", ours, one_by_one, "s")
    return int(ratio is None or ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
