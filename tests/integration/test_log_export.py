"""Nodes that ship and export their logs, through stage mounts as strict as Snowflake's; nodes that die; a cluster that is gone."""

from __future__ import annotations

import hashlib
import http.client
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.log_places import Piece
from airflow_provider_raydp_spcs.cluster.logs import Exported, LogTarget, export_logs
from airflow_provider_raydp_spcs.cluster.target import Target
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.submission import HeadAddress
from airflow_provider_raydp_spcs.spcs.ingress import session_tokens
from tests.integration.containers import until
from tests.integration.log_nodes import log_cluster, log_snowflake

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
NAME = "LOGGED"


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    parameters = {"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"}
    with (
        log_snowflake(tmp_path_factory.mktemp("images")) as environment,
        connect(environment, session_parameters=parameters) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def clusters(connection: Any) -> Clusters:
    made = Clusters(client_of(connection))
    made.create(log_cluster(NAME))
    made.wait_for(NAME, deadline=time.time() + 60)
    return made


@pytest.fixture(scope="module")
def ray(clusters: Clusters, connection: Any) -> Iterator[RayJobsClient]:
    import os

    found = clusters.head_endpoints(NAME)
    address = HeadAddress(found["dashboard"], found["job-files"])
    with RayJobsClient(address, tokens=session_tokens(connection), ca_bundle=os.environ["SSL_CERT_FILE"]) as made:
        yield made


def export(clusters: Clusters, ray: RayJobsClient | None, run: str) -> tuple[Exported, list[str]]:
    """What was exported of a run, and what was told."""
    lines: list[str] = []
    target = LogTarget("RAYDPLOGS", NAME, "dag", run, "task", 1)
    return export_logs(clusters.client, clusters, target, ["job"], ray, lines.append), lines


def fetched(clusters: Clusters, run: str, folder: Path) -> dict[str, bytes]:
    """A run's files as they come back from the stage, by their path below the run's folder."""
    stages, base = clusters.client.stages, f"{NAME}/dag/{run}/task/1/"
    files = stages.get_tree("RAYDPLOGS", stages.files(f"@RAYDPLOGS/{base}"), folder, lambda done: None)
    return {path.relative_to(folder / base).as_posix(): path.read_bytes() for path in files}


def test_every_node_exports_its_own(clusters: Clusters, ray: RayJobsClient, tmp_path: Path) -> None:
    found, lines = export(clusters, ray, "whole")
    assert found.missing == ()
    assert any("the nodes exported 10 files, 9,014 bytes" in line for line in lines)
    files = fetched(clusters, "whole", tmp_path)
    assert files["driver.log"] == b"of the driver\n"
    executors = [path.split("/") for path in files if path.startswith("executors/")]
    assert (len(executors), len({address for _, address, _ in executors})) == (9, 3)
    assert len([path for path in files if path.startswith("containers/")]) == 3
    sums = dict(line.split("  ")[::-1] for line in files.pop("checksums.md5").decode().splitlines())
    assert sums == {path: hashlib.md5(content, usedforsecurity=False).hexdigest() for path, content in files.items()}
    again, _ = export(clusters, ray, "whole")
    assert again == found, "nothing is lost or doubled"


def test_another_stage_gets_them_the_long_way(clusters: Clusters, ray: RayJobsClient) -> None:
    clusters.client.session.execute("CREATE STAGE IF NOT EXISTS OTHER_LOGS")
    lines: list[str] = []
    target = LogTarget("OTHER_LOGS", NAME, "dag", "run", "task", 1)
    found = export_logs(clusters.client, clusters, target, ["job"], ray, lines.append)
    assert "RAYDPLOGS is mounted here" in lines[0]
    assert any(file.endswith("/driver.log") for file in found.files)


def pieces(clusters: Clusters) -> dict[tuple[str, str], int]:
    """What nodes have shipped: (boot, file) → bytes."""
    found: dict[tuple[str, str], int] = {}
    for file in clusters.client.stages.files(f"@RAYDPLOGS/live/{NAME}/"):
        *_, boot, name = file.path.split("/")
        if (piece := Piece.read(name)) is not None:
            found[boot, piece.file] = max(found.get((boot, piece.file), 0), piece.end)
    return found


def test_a_dead_nodes_logs_are_there(clusters: Clusters, ray: RayJobsClient, tmp_path: Path) -> None:
    (worker,) = [each for each in clusters.services(NAME) if each.name.endswith("_WORKER")]
    first = clusters.client.services.instances(worker.full_name)[0]

    def own() -> set[tuple[str, str]]:
        return {each for each in pieces(clusters) if each[0].startswith(f"{first.ip_address}_")}

    before = until(lambda: found if len(found := own()) == 3 else None)
    link = http.client.HTTPConnection(str(first.ip_address), 8090, timeout=5)
    link.request("GET", "/die")
    with pytest.raises((http.client.HTTPException, OSError)):
        link.getresponse()
    until(lambda: len(own()) == 6, 60)
    found, _ = export(clusters, ray, "after")
    assert found.missing == ()
    files = fetched(clusters, "after", tmp_path)
    lost = {name for _, name in before}
    assert lost <= {path.rpartition("/")[2] for path in files}
    assert {len(content) for path, content in files.items() if path.rpartition("/")[2] in lost} == {1000}


def test_what_was_shipped_outlives_the_cluster(clusters: Clusters, tmp_path: Path) -> None:
    until(lambda: len(pieces(clusters)) >= 13)
    clusters.delete(NAME)
    clusters.wait_for(NAME, Target.GONE, deadline=time.time() + 60)
    found, _ = export(clusters, None, "late")
    assert found.missing == ("Ray's logs: the head does not answer, so there is only what its nodes had shipped",)
    files = fetched(clusters, "late", tmp_path)
    assert files["driver.log"] == b"of the driver\n"
    assert len([path for path in files if path.startswith("executors/")]) == 12
