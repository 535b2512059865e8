"""Shipping a node's logs while it runs, from real files to a folder that stands for the stage's mount."""

from __future__ import annotations

import datetime as dt
import os
import stat
import threading
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.cluster.log_pieces import join, pieces_in
from airflow_provider_raydp_spcs.cluster.log_places import Boot
from airflow_provider_raydp_spcs.node import log_shipping
from airflow_provider_raydp_spcs.node.live_clean_up import LAST_SEEN, clean_up
from airflow_provider_raydp_spcs.node.log_files import copy, log_files, writing
from airflow_provider_raydp_spcs.node.log_shipping import LogShipping, boot_of

NOW = dt.datetime(2026, 11, 26, 7, 15, tzinfo=dt.UTC)
BOOT = Boot(NOW, "10.0.0.7")


class Node:
    """A node with its disk, its stage and its container's log."""

    def __init__(self, folder: Path) -> None:
        self.logs, self.stage, self.said = folder / "logs", folder / "stage", list[str]()
        self.stage.mkdir()
        self.now = NOW
        self.shipping = LogShipping(self.logs, self.stage, "c", BOOT, self.said.append, now=lambda: self.now)
        self.folder = self.stage / "live" / "C" / str(BOOT)

    def write(self, name: str, text: str) -> Path:
        self.logs.mkdir(exist_ok=True)
        with (self.logs / name).open("a") as file:
            file.write(text)
        return self.logs / name

    def shipped(self) -> dict[str, str]:
        """What could be put together from the stage."""
        found = {}
        for name, pieces in pieces_in(self.folder).items():
            join(self.folder, pieces, self.stage / "whole", writing)
            found[name] = (self.stage / "whole").read_text()
        return found


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_what_is_new_goes_to_the_stage_at_each_look(node: Node) -> None:
    node.shipping.look()
    assert not node.folder.exists(), "before Ray has begun there is nothing"
    for number in range(20):
        node.write("worker-1.out", f"line {number}\n")
        node.shipping.look()
        assert node.shipped() == {"worker-1.out": "".join(f"line {n}\n" for n in range(number + 1))}
    node.write("job-driver-etl.log", "hello\n")
    before = {path: path.stat().st_mtime_ns for path in node.folder.iterdir()}
    node.shipping.look()
    assert node.shipped()["job-driver-etl.log"] == "hello\n"
    after = {path: path.stat().st_mtime_ns for path in node.folder.iterdir()}
    assert {path for path in after if after[path] != before.get(path)} == {node.folder / "job-driver-etl.log.part-0-6"}
    assert len(after) < 10
    assert node.said == []


def test_nothing_is_shipped_wider_than_it_was_or_through_a_link(node: Node, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    node.write("worker-1.out", "x")
    node.write("runtime_env_setup-01000000.log", "PASSWORD=secret")
    (node.logs / "worker-2.out").symlink_to(tmp_path / "token")
    os.link(tmp_path / "token", node.logs / "token")
    (node.logs / "worker-folder.log").mkdir()
    node.shipping.look()
    assert node.shipped() == {"worker-1.out": "x"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in node.folder.iterdir()} == {0o600}


def test_a_pipe_in_the_place_of_a_log_is_not_waited_for(tmp_path: Path) -> None:
    log, told = tmp_path / "worker-1.out", list[str]()
    log.write_text("seen as a file")
    (seen,) = log_files(tmp_path, lambda name: True)
    log.unlink()
    os.mkfifo(log)

    def ship() -> None:
        try:
            copy(seen, 0, tmp_path / "stage")
        except OSError as error:
            told.append(str(error))

    thread = threading.Thread(target=ship, daemon=True)
    thread.start()
    thread.join(10)
    assert told == [f"{log} is another file by now"]
    assert not (tmp_path / "stage").exists()


def test_a_file_that_is_begun_anew_is_another_file(node: Node) -> None:
    log = node.write("worker-1.out", "first life")
    node.shipping.look()
    log.rename(node.logs / "worker-1.out.1")
    node.write("worker-1.out", "second")
    node.shipping.look()
    log.write_text("3rd")
    node.shipping.look()
    assert node.shipped() == {"worker-1.out": "first life", "worker-1.out.1": "second", "worker-1.out.2": "3rd"}


def test_a_stage_that_cannot_be_written_is_told_once_and_tried_again(node: Node) -> None:
    node.write("worker-1.out", "a")
    (node.stage / "live").write_text("no folder can be made here")
    for _ in range(3):
        node.shipping.look()
    assert len(node.said) == 1
    assert node.said[0].startswith("logs are not shipped: ")
    assert "WRITE" in node.said[0]
    (node.stage / "live").unlink()
    node.write("worker-1.out", "b")
    node.shipping.look()
    assert node.said[1:] == ["logs are shipped again"]
    assert node.shipped() == {"worker-1.out": "ab"}


def test_a_file_that_goes_meanwhile_stops_nothing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = node.write("worker-1.out", "x")
    node.write("worker-2.out", "y")
    scandir = os.scandir

    def scanned(folder: Path) -> list[os.DirEntry[str]]:
        found = list(scandir(folder))
        gone.unlink(missing_ok=True)
        return found

    with monkeypatch.context() as patch:
        patch.setattr("airflow_provider_raydp_spcs.node.log_files.os.scandir", scanned)
        node.shipping.look()
    assert node.shipped() == {"worker-2.out": "y"}


def test_a_half_written_piece_is_taken_back(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.write("worker-1.out", "abc")
    node.shipping.look()
    log = node.write("worker-1.out", "defghij")
    with monkeypatch.context() as patch:
        patch.setattr(log_shipping, "log_files", lambda *args: [log_shipping.LogFile(log, log.stat().st_ino, 99)])
        node.shipping.look()
    assert "worker-1.out became shorter" in node.said[0]
    assert node.shipped()["worker-1.out"][:3] == "abc"
    node.shipping.look()
    assert node.shipped() == {"worker-1.out": "abcdefghij"}


def test_the_last_look_is_at_the_end(node: Node) -> None:
    node.write("raylet.err", "before")
    node.shipping.start()
    node.write("raylet.err", ", and the last words")
    node.shipping.stop(30)
    assert node.shipped() == {"raylet.err": "before, and the last words"}


def test_what_was_not_seen_for_long_is_removed_and_nothing_else(node: Node) -> None:
    node.write("worker-1.out", "x")
    node.shipping.look()
    old, unknown = node.stage / "live/D" / str(Boot(NOW, "10.0.0.8")), node.stage / "live/D/mine"
    exported = node.stage / "D/dag/run/driver.log"
    for path in (old / "raylet.err.part-0-1", unknown / "file", exported):
        path.parent.mkdir(parents=True)
        path.write_text("x")
    node.now = NOW + dt.timedelta(days=6)
    node.shipping.look()  # this node is still there, though it has nothing to tell
    clean_up(node.stage / "live", dt.timedelta(days=7), NOW + dt.timedelta(days=7), node.said.append)
    assert old.exists()
    clean_up(node.stage / "live", dt.timedelta(days=7), NOW + dt.timedelta(days=7, seconds=1), node.said.append)
    assert node.said == ["removed live/D/10.0.0.8_20261126T071500Z, last seen more than 7 days ago"]
    assert (old.exists(), unknown.exists(), exported.exists(), node.folder.exists()) == (False, True, True, True)
    (node.folder / LAST_SEEN).write_text("2026-11-")
    clean_up(node.stage / "live", dt.timedelta(days=7), NOW + dt.timedelta(days=8), node.said.append)
    assert not node.folder.exists(), "what is no time counts from the node's start"


def test_a_life_has_a_time() -> None:
    boot = boot_of("10.0.0.7")
    assert abs((dt.datetime.now(dt.UTC) - boot.time).total_seconds()) < 60
    assert Boot.read(str(boot)) == boot
