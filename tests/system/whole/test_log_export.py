"""The logs of a real Spark job: exported by the nodes as they would be fetched from Ray, and shipped while the nodes run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.log_places import Boot, Piece, in_order
from airflow_provider_raydp_spcs.cluster.logs import LogTarget, export_logs
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from tests.integration.containers import until
from tests.system.whole.conftest import WholeCluster

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
JOB = """
import json
from airflow_provider_raydp_spcs.runtime import spark_session
with spark_session("logged", executors=2, executor_cores=1, executor_memory_mib=600) as spark:
    spark.range(1000).foreach(lambda row: None)
print("the last words of the driver")
print(json.dumps({}))
"""


class WithoutOrders:
    """Ray as it was before nodes could export: its logs are fetched."""

    def __init__(self, ray: RayJobsClient) -> None:
        self._ray = ray

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ray, name)

    def export_logs(self, order: Mapping[str, Any]) -> None:
        del order


def fetched(cluster: WholeCluster, target: LogTarget, folder: Path) -> dict[str, bytes]:
    """The logs of a run as they come back from the stage, by their path below its folder."""
    stages = cluster.client.stages
    files = stages.get_tree("RAYDPLOGS", stages.files(f"@RAYDPLOGS/{target.folder}/"), folder, lambda done: None)
    return {path.relative_to(folder / target.folder).as_posix(): path.read_bytes() for path in files}


def test_nodes_export_what_ray_would_have_told(whole_cluster: WholeCluster, tmp_path: Path) -> None:
    whole_cluster.run(JOB, "logged")
    targets = [LogTarget("RAYDPLOGS", whole_cluster.name, "logged", way, "task", 1) for way in ("slow", "fast")]
    slow, fast = targets
    lines: list[str] = []
    with whole_cluster.jobs() as ray:
        (job,) = [each.submission_id for each in ray.jobs() if each.submission_id.startswith("logged-")]
        arguments = whole_cluster.client, whole_cluster.clusters
        export_logs(*arguments, slow, [job], WithoutOrders(ray))  # type: ignore[arg-type]
        lacking = export_logs(*arguments, fast, [job], ray, lines.append).missing
    assert [each for each in lacking if not each.startswith("metrics")] == []
    assert any(line.startswith("the nodes exported ") for line in lines)
    before, after = (fetched(whole_cluster, target, tmp_path) for target in targets)
    assert b"the last words of the driver" in after["driver.log"]
    executors = {path for path in before if path.startswith("executors/")}
    assert any("java-worker" in path for path in executors), "Spark's executors have logs"
    assert len({path.split("/")[1] for path in executors}) >= 2
    for path in {"driver.log", *executors}:
        # Some of Ray's workers live on, and write on.
        assert set(before[path].splitlines()) <= set(after[path].splitlines()), path


def test_nodes_ship_while_they_run(whole_cluster: WholeCluster) -> None:
    began = time.time()

    def shipped() -> dict[tuple[Boot, str], list[tuple[Piece, int]]]:
        found: dict[tuple[Boot, str], list[tuple[Piece, int]]] = {}
        for file in whole_cluster.client.stages.files(f"@RAYDPLOGS/live/{whole_cluster.name}/"):
            *_, boot, name = file.path.split("/")
            if (piece := Piece.read(name)) is not None and (life := Boot.read(boot)) is not None:
                found.setdefault((life, piece.file), []).append((piece, file.size))
        return found

    with whole_cluster.jobs() as ray:
        living = {node["node_ip"] for node in ray.nodes() if node["state"] == "ALIVE"}
    # Also a driver's log that was written at the test's begin is there within a minute.
    whole_cluster.run("print('{}')", "shipped")
    until(lambda: any(file.startswith("job-driver-shipped-") for _, file in shipped()), 60)
    found = shipped()
    assert {life.address for life, _ in found} >= living
    for (life, file), pieces in found.items():
        assert sum(count for _, _, count in in_order(pieces)) > 0, (life, file)
    assert max(life.time.timestamp() for life, _ in found) < began
