"""Where logs lie on their stage, and that pieces of a growing file always make up that file."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from collections.abc import Iterator
from io import BufferedWriter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_raydp_spcs.cluster.log_pieces import dead_node, join, pieces_in
from airflow_provider_raydp_spcs.cluster.log_places import (
    LONGEST_PART,
    Boot,
    Piece,
    in_order,
    is_run_folder,
    is_shipped_live,
    safe_part,
)
from airflow_provider_raydp_spcs.node.log_shipping import next_piece

NOW = dt.datetime(2026, 11, 26, 7, 15, tzinfo=dt.UTC)


@contextlib.contextmanager
def writing(target: Path) -> Iterator[BufferedWriter]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as sink:
        yield sink


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("scheduled__2013-01-01T00:00:00+00:00", "scheduled__2013-01-01T00_00_00_00_00"),
        ("../..", "_"),
        ("", "_"),
        ("a/b'c", "a_b_c"),
    ],
)
def test_run_ids_become_parts_of_paths(text: str, safe: str) -> None:
    assert safe_part(text) == safe
    assert is_run_folder(f"C/{safe}")


def test_a_part_that_no_folder_could_have_is_shortened_and_stays_the_only_one() -> None:
    long, other = "d" * 10_000, "d" * 9_999 + "e"
    assert safe_part("d" * LONGEST_PART) == "d" * LONGEST_PART
    assert len(safe_part(long)) == len(safe_part(other)) == LONGEST_PART
    assert safe_part(long) != safe_part(other)
    assert is_run_folder(f"C/{safe_part(long)}")
    assert safe_part("\ud800" * 300) == "_"


@pytest.mark.parametrize("folder", ["", "C", "/etc/x", "C/../x", "C/.hidden", "live/C", "C//x", "C/a b", "C/x/"])
def test_no_other_place_is_a_runs_folder(folder: str) -> None:
    assert not is_run_folder(folder)


@pytest.mark.parametrize("address", ["10.244.0.9", "fe80::1"])
def test_a_boot_is_read_as_it_was_written(address: str) -> None:
    boot = Boot(NOW, address)
    assert Boot.read(str(boot)) == boot
    assert safe_part(str(boot)) == str(boot)
    assert Boot.read("nodes") is Boot.read("10.0.0.1_yesterday") is None


def test_a_piece_is_read_as_it_was_written() -> None:
    piece = Piece("worker-a.part-1.out", 5, 17)
    assert (Piece.read(str(piece)), piece.size) == (piece, 12)
    assert Piece.read("last-seen.txt") is Piece.read("a/b.part-1-2") is Piece.read("worker-a.part-1-") is None


@pytest.mark.parametrize(
    ("name", "is_shipped"),
    [
        ("raydp-warm-0123456789ab.log", True),
        ("job-driver-etl-1.log", True), ("raydp-java-worker-01-2.log", True), ("worker-ab-01-9.out", True),
        ("java-worker-01-1.log", True), ("raylet.err", True), ("gcs_server.out", True), ("ray_process_exit.log", True),
        ("runtime_env_setup-01000000.log", False), ("runtime_env_agent.log", False), ("dashboard.log", False),
        ("job-driver-../../token.log", False), ("token", False),
    ],
)  # fmt: skip
def test_only_what_an_export_wants_is_shipped(name: str, is_shipped: bool) -> None:
    assert is_shipped_live(name) is is_shipped


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=60), st.data())
@settings(max_examples=200)
def test_pieces_make_up_the_file_wherever_shipping_stopped(growths: list[int], data: Any) -> None:
    """Also where a piece is half-written, and where some that were replaced are still there."""
    pieces: list[Piece] = []
    there: dict[Piece, int] = {}
    size = sent = 0
    for growth in growths:
        size += growth
        piece, kept = next_piece("f", pieces, size)
        for old in pieces[len(kept) :]:
            if data.draw(st.booleans()):
                del there[old]
        sent += piece.size
        pieces, there[piece] = [*kept, piece], piece.size
    assert sum(count for _, _, count in in_order(there.items())) == size
    assert len(pieces) <= math.log2(size) + 2
    assert sent <= size * (math.log2(len(growths)) + 2)
    broken, kept = next_piece("f", pieces, size + 100)
    half = data.draw(st.integers(0, broken.size))
    steps = in_order([*there.items(), (broken, half)])
    assert sum(count for _, _, count in steps) == max(size, broken.start + half)
    at = 0
    for piece, skip, count in steps:
        assert (piece.start + skip, count > 0) == (at, True)
        at += count


def test_what_lies_behind_a_gap_is_left_out() -> None:
    assert in_order([(Piece("f", 10, 20), 10)]) == []
    assert in_order([(Piece("f", 0, 4), 3), (Piece("f", 4, 8), 4)]) == [(Piece("f", 0, 4), 0, 3)]


def test_a_dead_nodes_files_are_put_together(tmp_path: Path) -> None:
    pieces, run = tmp_path / "pieces", tmp_path / "run"
    pieces.mkdir()
    for name, text in {
        "worker-1.out.part-0-3": "abc", "worker-1.out.part-0-5": "abcde", "worker-1.out.part-5-7": "fg",
        "job-driver-j1.log.part-0-2": "j1", "job-driver-other.log.part-0-2": "no", "last-seen.txt": "now",
        "worker-2.out.part-0-1": "x",
    }.items():  # fmt: skip
        (pieces / name).write_text(text)
    boot = Boot(NOW, "10.0.0.7")
    there = {"executors/10.0.0.7/worker-2.out"}
    found = {path: size for path, size, _ in dead_node(pieces, run, boot, ["j1"], there, writing)}
    assert found == {
        "executors/10.0.0.7/worker-1.out": 7, "driver.log": 2, f"executors/{boot}/worker-2.out": 1,
    }  # fmt: skip
    assert (run / "executors/10.0.0.7/worker-1.out").read_text() == "abcdefg"
    again = dead_node(pieces, run, boot, ["j1"], {*found, *there}, writing)
    assert "driver.log" not in [path for path, _, _ in again], "a younger head has it"


def test_joining_tells_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "f.part-0-3").write_bytes(b"abc")
    joined = join(tmp_path, pieces_in(tmp_path)["f"], tmp_path / "whole", writing)
    assert (joined.size, joined.md5) == (3, "900150983cd24fb0d6963f7d28e17f72")
