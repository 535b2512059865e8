"""The nodes' part of a log export: each sends its own, the head gathers, and an order is done once."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.cluster.log_places import Boot
from airflow_provider_raydp_spcs.node import log_door, log_export
from airflow_provider_raydp_spcs.node.errors import NodesUnknownError
from airflow_provider_raydp_spcs.node.log_export import NodeExport
from airflow_provider_raydp_spcs.node.log_gathering import Gathering, living_nodes
from airflow_provider_raydp_spcs.node.log_orders import MAX_KEPT, Orders
from airflow_provider_raydp_spcs.node.log_shipping import LogShipping, boot_of
from tests.unit.node.servers import answering

STAGE = "@D.S.RAYDPLOGS"
FOLDER = "C/dag/run/task/1"
HEAD, WORKER, DEAD = "127.0.97.1", "127.0.97.2", "127.0.97.3"


class World:
    """A head and a worker with their disks, doors and one stage."""

    def __init__(self, folder: Path) -> None:
        self.root, self.stage = folder, folder / "stage"
        self.stage.mkdir()
        self.exports = {
            address: NodeExport(self.logs(address), self.stage, boot_of(address)) for address in (HEAD, WORKER)
        }
        self.doors = [log_door.serve(address, Orders(export.export)) for address, export in self.exports.items()]
        self.nodes = [HEAD, WORKER]
        self.seconds = 0.0
        self.ask: Callable[[str, Mapping[str, Any]], Mapping[str, Any]] = log_door.ask

    def logs(self, address: str) -> Path:
        found = self.root / address
        found.mkdir(exist_ok=True)
        return found

    def clock(self) -> float:
        self.seconds += 5
        return self.seconds

    def gather(self, **changes: Any) -> dict[str, Any]:
        gathering = Gathering(
            self.exports[HEAD], self.logs(HEAD), self.stage, STAGE, "c", lambda: self.nodes,
            lambda address, order: self.ask(address, order), clock=self.clock, sleep=lambda seconds: None,
        )  # fmt: skip
        order = {"token": changes.pop("token", "t"), "stage": STAGE, "folder": FOLDER, "jobs": ["j"], "since": 0.0}
        return gathering.gather(order | changes)

    def on_stage(self) -> dict[str, str]:
        run = self.stage / FOLDER
        return {path.relative_to(run).as_posix(): path.read_text() for path in run.rglob("*") if path.is_file()}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for door in made.doors:
        door.shutdown()
        door.server_close()


def test_each_node_sends_its_own(world: World) -> None:
    (world.logs(HEAD) / "job-driver-j.log").write_text("driver")
    (world.logs(HEAD) / "job-driver-other.log").write_text("not asked for")
    (world.logs(WORKER) / "worker-1.out").write_text("out")
    (world.logs(WORKER) / "worker-2.out").touch()
    (world.logs(WORKER) / "raylet.out").write_text("ray's own")
    found = world.gather()
    assert world.on_stage() == {"driver.log": "driver", f"executors/{WORKER}/worker-1.out": "out"}
    md5 = hashlib.md5(b"driver", usedforsecurity=False).hexdigest()
    assert found["files"][0] == ["driver.log", 6, md5]
    assert ([path for path, _, _ in found["files"]], found["missing"]) == (sorted(world.on_stage()), [])


def test_a_repeated_export_sends_only_what_changed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = world.logs(WORKER)
    for name in ("worker-1.out", "worker-2.out", "worker-3.out"):
        (logs / name).write_text(name)
    sent: list[str] = []
    copy = log_export.copy

    def breaking(file: Any, start: int, target: Path) -> Any:
        if file.path.name == "worker-2.out" and not sent:
            raise OSError(28, "No space left on device")
        sent.append(file.path.name)
        return copy(file, start, target)

    monkeypatch.setattr(log_export, "PARALLEL", 1)
    monkeypatch.setattr(log_export, "copy", breaking)
    (logs / "worker-1.out").rename(logs / "worker-9.out")
    first = world.gather(token="first", jobs=[])
    assert first["missing"] == [f"worker-2.out of {WORKER}: No space left on device"]
    assert f"executors/{WORKER}/worker-2.out" not in world.on_stage(), "nothing half-written stays"
    sent.clear()
    sent.append("the stage has room again")
    with (logs / "worker-3.out").open("a") as file:
        file.write(" and more")
    (world.stage / FOLDER / "executors" / WORKER / "worker-9.out").unlink()
    second = world.gather(token="second", jobs=[])
    assert second["missing"] == []
    assert sorted(sent[1:]) == ["worker-2.out", "worker-3.out", "worker-9.out"]
    third = world.gather(token="third", jobs=[])
    assert (third["files"], len(sent)) == (second["files"], 4)


def test_what_a_dead_node_had_shipped_is_put_together(world: World) -> None:
    dead = Boot.read(f"{DEAD}_20261126T071500Z")
    assert dead is not None
    world.logs(DEAD).joinpath("worker-7.out").write_text("its last words")
    world.logs(DEAD).joinpath("raylet.err").write_text("killed")
    LogShipping(world.logs(DEAD), world.stage, "c", dead, print).look()
    LogShipping(world.logs(DEAD), world.stage, "c", Boot.read(f"{DEAD}_20200101T000000Z"), print).look()  # type: ignore[arg-type]
    (world.logs(HEAD) / "job-driver-j.log").write_text("driver")
    LogShipping(world.logs(HEAD), world.stage, "c", boot_of(HEAD), print).look()
    found = world.gather(since=dead.time.timestamp())
    assert world.on_stage() == {
        "driver.log": "driver", f"executors/{DEAD}/worker-7.out": "its last words", f"executors/{DEAD}/raylet.err": "killed",
    }  # fmt: skip
    assert found["missing"] == []


def test_a_node_that_is_silent_is_told_and_taken_for_dead(world: World) -> None:
    world.nodes.append(DEAD)
    found = world.gather(jobs=["unknown"])
    assert found["missing"][0].startswith(f"node {DEAD}: it does not answer (")
    assert found["missing"][1] == "driver of unknown: the head has no log of it"


def test_a_node_that_is_silent_for_a_moment_is_asked_again(world: World) -> None:
    (world.logs(WORKER) / "worker-1.out").write_text("out")
    silences = [OSError("reset"), OSError("reset")]

    def ask(address: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
        if address == WORKER and silences:
            raise silences.pop()
        return log_door.ask(address, order)

    world.ask = ask
    assert world.gather(jobs=[])["missing"] == []
    assert world.on_stage() == {f"executors/{WORKER}/worker-1.out": "out"}


def test_a_node_that_is_never_done_keeps_nobody_waiting_for_ever(world: World) -> None:
    (world.logs(HEAD) / "worker-9.out").write_text("out")

    def ask(address: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = {"done": False}
        while address == HEAD and not answer["done"]:
            answer = log_door.ask(address, order)
        return answer

    world.ask = ask
    found = world.gather(jobs=[])
    assert found["missing"] == [f"node {WORKER}: it is not done after 1800 s; what it has shipped before is exported"]
    assert world.on_stage() == {f"executors/{HEAD}/worker-9.out": "out"}


@pytest.mark.parametrize("folder", ["../..", "live/C", "C", 7, None])
def test_nothing_is_written_to_other_places(world: World, folder: Any) -> None:
    with pytest.raises(ValueError, match="allowed is <CLUSTER>/<dag>"):
        world.gather(folder=folder)
    answer = {"done": False}
    while not answer["done"]:
        answer = log_door.ask(WORKER, {"token": "x", "folder": folder})
    assert "ValueError" in str(answer)
    assert list(world.stage.iterdir()) == []


def test_another_stage_is_refused(world: World) -> None:
    assert world.gather(stage="@D.S.OTHER") == {"refused": "@D.S.RAYDPLOGS is mounted here, not @D.S.OTHER"}


def test_folders_of_other_clusters_are_refused(world: World) -> None:
    (world.logs(HEAD) / "job-driver-j.log").write_text("driver")
    assert world.gather(folder="D/dag/run/task/1") == {"refused": "D/dag/run/task/1 is no folder of the cluster C"}
    assert list(world.stage.iterdir()) == []


def test_an_order_is_done_once_however_often_it_is_sent() -> None:
    begun, go_on = threading.Event(), threading.Event()
    done: list[Any] = []

    def work(order: Mapping[str, Any]) -> dict[str, Any]:
        begun.set()
        assert go_on.wait(10)
        done.append(order["token"])
        return {"n": len(done)}

    orders = Orders(work)
    assert orders.answer({"token": "a"}) == {"done": False}
    assert begun.wait(10)
    assert orders.answer({"token": "a"}) == {"done": False}
    go_on.set()
    while not (answer := orders.answer({"token": "a"}))["done"]:
        pass
    assert answer == {"done": True, "n": 1}
    assert done == ["a"]
    with pytest.raises(KeyError):
        orders.answer({})


def test_orders_that_wait_are_neither_forgotten_nor_without_number() -> None:
    go_on = threading.Event()
    done: list[Any] = []

    def work(order: Mapping[str, Any]) -> dict[str, Any]:
        assert go_on.wait(10)
        done.append(order["token"])
        return {}

    orders = Orders(work)
    tokens = [str(number) for number in range(MAX_KEPT)]
    assert [orders.answer({"token": token}) for token in tokens] == [{"done": False}] * MAX_KEPT
    assert "orders are waiting already" in orders.answer({"token": "more"})["error"]
    go_on.set()
    for token in tokens:
        while not orders.answer({"token": token})["done"]:
            pass
    assert sorted(done) == sorted(tokens)
    while not orders.answer({"token": "more"})["done"]:
        pass
    assert done[-1] == "more"


def test_the_door_takes_orders_only(world: World) -> None:
    del world

    def post(path: str, body: str) -> tuple[int, Any]:
        link = http.client.HTTPConnection(WORKER, ports.LOGS, timeout=10)
        try:
            link.request("POST", path, body)
            reply = link.getresponse()
            return reply.status, json.loads(reply.read())
        finally:
            link.close()

    for path, body in (("/export", "no JSON"), ("/export", "{}"), ("/export", "[]"), ("/other", '{"token": "t"}')):
        assert post(path, body) == (400, {"error": "this is no order; see node.log_export"})
    with pytest.raises(OSError, match="400"):
        log_door.ask(WORKER, {})


def test_a_body_without_an_end_is_not_waited_for(world: World) -> None:
    del world
    with contextlib.closing(http.client.HTTPConnection(WORKER, ports.LOGS, timeout=10)) as link:
        link.request("POST", log_door.PATH, headers={"Content-Length": "-1"})
        assert link.getresponse().status == 400


def test_the_living_nodes_are_those_that_ray_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [{"node_ip": "10.0.0.1", "state": "ALIVE"}, {"node_ip": "10.0.0.2", "state": "DEAD"}]
    with answering({"data": {"result": {"result": nodes}}}) as port:
        monkeypatch.setattr(ports, "DASHBOARD", port)
        assert living_nodes("127.0.0.1") == ["10.0.0.1"]
    with answering({"no": "nodes"}) as port:
        monkeypatch.setattr(ports, "DASHBOARD", port)
        with pytest.raises(NodesUnknownError, match="does not tell its nodes"):
            living_nodes("127.0.0.1")
