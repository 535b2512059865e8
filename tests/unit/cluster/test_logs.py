"""The log export, over a Snowflake and a Ray in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.errors import ClusterNotFoundError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.logs import LogTarget, Shipped, export_logs
from airflow_provider_raydp_spcs.spcs.stages import StageFile
from tests.unit.cluster.fakes import FakeClient

CONFIG = ClusterConfig("C", worker_groups=[WorkerGroup(count=2)])
TARGET = LogTarget("RAYDPLOGS", "c", "dag", "run:1", "task", 2)
BASE = "RAYDPLOGS/C/dag/run_1/task/2"
ABC = "900150983cd24fb0d6963f7d28e17f72"


class FakeRay:
    """Its nodes know no orders; its logs come by HTTP."""

    answer: Any = None

    def export_logs(self, order: Mapping[str, Any]) -> Any:
        self.order = order
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def logs(self, submission_id: str) -> Any:
        yield f"log of {submission_id}\n".encode()

    def node_logs(self) -> list[tuple[str, str]]:
        return [("10.0.0.1", "raydp-java-worker-03-1.log"), ("10.0.0.1", "raylet.out"), ("10.0.0.2", "worker-a-1.err")]

    def read_log(self, node: str, file: str) -> Any:
        if file.endswith(".err"):
            raise OSError("gone")
        yield f"{node} {file}".encode()


@pytest.fixture
def clusters(client: FakeClient) -> Clusters:
    return Clusters(client, sleep=lambda seconds: None)  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [None, {"done": True, "refused": "another stage"}, OSError("no answer")])
def test_where_nodes_cannot_ship_their_logs_are_fetched_and_what_is_missing_is_told(
    client: FakeClient, clusters: Clusters, answer: Any
) -> None:
    clusters.create(CONFIG)
    ray = FakeRay()
    ray.answer = answer
    lines: list[str] = []
    exported = export_logs(client, clusters, TARGET, ["j1"], ray, lines.append)  # type: ignore[arg-type]
    files = client.stages.files_there
    assert files[f"{BASE}/driver.log"] == "log of j1\n"
    assert files[f"{BASE}/executors/10.0.0.1/raydp-java-worker-03-1.log"] == "10.0.0.1 raydp-java-worker-03-1.log"
    assert f"{BASE}/containers/C_HEAD-0-raydp.log" in files
    assert files[f"{BASE}/missing.txt"] == "worker-a-1.err of 10.0.0.2: gone\n"
    assert exported.missing == ("worker-a-1.err of 10.0.0.2: gone",)
    assert len(exported.files) == 6
    assert lines[0].startswith("the nodes cannot export their logs themselves (")
    assert len(files[f"{BASE}/checksums.md5"].splitlines()) == 5


def test_nodes_ship_their_own_and_the_rest_comes_beside(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG)
    ray = FakeRay()
    ray.answer = {
        "done": True, "files": [["driver.log", 3, ABC], ["executors/10.0.0.1/worker-a.out", 3, ABC]], "missing": [],
    }  # fmt: skip
    files = client.stages.files_there
    files |= {f"{BASE}/driver.log": "abc", f"{BASE}/executors/10.0.0.1/worker-a.out": "abc", f"{BASE}/missing.txt": "x"}
    exported = export_logs(client, clusters, TARGET, ["j1"], ray)  # type: ignore[arg-type]
    assert ray.order["stage"] == "@D.S.RAYDPLOGS"
    assert (ray.order["folder"], ray.order["jobs"]) == ("C/dag/run_1/task/2", ["j1"])
    assert exported.missing == ()
    assert f"{BASE}/missing.txt" not in files, "what an earlier try lacked"
    assert f"{ABC}  driver.log" in files[f"{BASE}/checksums.md5"].splitlines()
    assert {name.removeprefix(f"{BASE}/") for name in exported.files} == {
        "driver.log", "executors/10.0.0.1/worker-a.out", "checksums.md5",
        "containers/C_HEAD-0-raydp.log", "containers/C_WORKER-0-raydp.log",
    }  # fmt: skip
    token = ray.order["token"]
    assert export_logs(client, clusters, TARGET, ["j1"], ray).files == exported.files  # type: ignore[arg-type]
    assert ray.order["token"] != token, "another export is another order"


def test_what_the_stage_does_not_show_is_told_after_a_while(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG)
    ray = FakeRay()
    ray.answer = {"done": True, "files": [["driver.log", 3, ABC]], "missing": ["node 10.0.0.2: it does not answer"]}
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            client.stages.files_there[f"{BASE}/driver.log"] = "abc"

    found = export_logs(client, clusters, TARGET, ["j1"], ray, sleep=sleep)  # type: ignore[arg-type]
    assert (len(naps), found.missing) == (3, ("node 10.0.0.2: it does not answer",))
    client.stages.files_there[f"{BASE}/driver.log"] = "abcd and much more that is not encryption"
    found = export_logs(client, clusters, TARGET, ["j1"], ray, sleep=naps.append)  # type: ignore[arg-type]
    assert found.missing[1] == "driver.log: the stage does not show the 3 bytes that its node wrote"
    told = client.stages.files_there[f"{BASE}/missing.txt"]
    assert found.missing[1] in told
    md5 = hashlib.md5(told.encode(), usedforsecurity=False).hexdigest()
    sums = client.stages.files_there[f"{BASE}/checksums.md5"].splitlines()
    assert f"{md5}  missing.txt" in sums
    assert not any(line.endswith("checksums.md5") for line in sums)


def test_a_stage_that_tells_no_md5_of_contents_is_believed_its_sizes(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG)
    ray = FakeRay()
    other = "0" * 32
    names = ["driver.log", "executors/10.0.0.1/worker-a.out"]
    ray.answer = {"done": True, "files": [[name, 3, other] for name in names], "missing": []}
    client.stages.files_there |= {f"{BASE}/{name}": "abc" for name in names}
    found = export_logs(client, clusters, TARGET, ["j1"], ray, sleep=lambda _: None)  # type: ignore[arg-type]
    assert found.missing == ()
    ray.answer["files"][0][2] = ABC
    found = export_logs(client, clusters, TARGET, ["j1"], ray, sleep=lambda _: None)  # type: ignore[arg-type]
    assert found.missing == (f"{names[1]}: the stage does not show the 3 bytes that its node wrote",)


@pytest.mark.parametrize(
    ("listed", "is_there"),
    [
        (StageFile("s/f", 3, ABC), True),
        (StageFile("s/f", 3, "0" * 32), False),
        (StageFile("s/f", 3, f"{ABC}-2"), True),
        (StageFile("s/f", 16, "0" * 32), True),
        (StageFile("s/f", 2, ABC), False),
        (StageFile("s/f", 30, "0" * 32), False),
        (None, False),
    ],
)
def test_a_file_is_there_when_its_bytes_are(listed: StageFile | None, is_there: bool) -> None:
    assert Shipped("f", 3, ABC).is_there(listed) is is_there


def test_without_ray_the_containers_logs_are_exported(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG)
    exported = export_logs(client, clusters, LogTarget("L", "C", "d", "r", "t", 1), ["j"], None)  # type: ignore[arg-type]
    names = {name.rpartition("/")[2] for name in exported.files}
    assert names == {"missing.txt", "checksums.md5", "C_HEAD-0-raydp.log", "C_WORKER-0-raydp.log"}
    assert exported.missing == ("Ray's logs: the head does not answer",)


def test_what_nodes_had_shipped_outlives_the_cluster(client: FakeClient, clusters: Clusters) -> None:
    live = "RAYDPLOGS/live/C/10.0.0.7_20261126T071500Z"
    files = client.stages.files_there
    files |= {
        f"{live}/job-driver-j.log.part-0-3": "abc", f"{live}/job-driver-j.log.part-3-5": "de",
        f"{live}/worker-1.out.part-0-1": "x", f"{live}/last-seen.txt": "now", "RAYDPLOGS/live/C/else/f.part-0-1": "x",
    }  # fmt: skip
    found = export_logs(client, clusters, TARGET, ["j"], None)  # type: ignore[arg-type]
    assert files[f"{BASE}/driver.log"] == "abcde"
    assert files[f"{BASE}/executors/10.0.0.7/worker-1.out"] == "x"
    assert found.missing == ("Ray's logs: the head does not answer, so there is only what its nodes had shipped",)
    with pytest.raises(ClusterNotFoundError):
        export_logs(client, clusters, replace(TARGET, cluster="other"), ["j"], None)  # type: ignore[arg-type]
