"""What benchmarks write down, and the table and plot that are made of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks import figures, results


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bench"
    monkeypatch.setattr(figures, "FOLDER", folder)
    return folder


def test_a_pair_is_written_with_its_machine_and_the_ratio_of_pairs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ratio = figures.record("there", "raydp", [1, 2, 9], [10, 10, 10], "s", goal=0.15)
    assert ratio == 0.2
    written = json.loads((folder / "there.json").read_text())
    (entry,) = written["entries"]
    assert entry["ratios"] == [0.1, 0.2, 0.9]
    assert entry["machine"]["versions"]["ray"]
    assert "ours 2 [1 … 9] s, raydp 10 [10 … 10] s, ratio 0.2 [0.1 … 0.9] (meant: ≤ 0.15)" in capsys.readouterr().out


def test_each_size_keeps_its_latest(folder: Path) -> None:
    for size, seconds in ((100, 1.0), (10, 2.0), (100, 3.0)):
        figures.record("rows", "raydp", [seconds], [4.0], "s", size)
    entries = json.loads((folder / "rows.json").read_text())["entries"]
    assert [(entry["size"], entry["ours"]) for entry in entries] == [(10, [2.0]), (100, [3.0])]


def test_pairs_are_pairs(folder: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        figures.record("odd", "raydp", [1.0, 2.0], [4.0], "s")
    assert not folder.exists()


def test_table_json_and_plot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures.record("once", "write_pandas", [1.0], [4.0], "s", goal=0.2)
    for size in (1000, 10_000):
        figures.record("rows", "raydp", [size / 1e4], [size / 1e3], "s", size, goal=0.2)
    assert results.main(folder) == 0
    lines = (folder / "RESULTS.md").read_text().splitlines()
    assert "| once |  | 1 s | 4 s | write_pandas | 0.25 | ≤ 0.2 **missed** |" in lines
    assert "| rows | 10,000 rows | 1 s | 10 s | raydp | 0.1 | ≤ 0.2 |" in lines
    assert len([line for line in lines if "Python" in line]) == 1, "a machine is named once"
    assert len(json.loads((folder / "all" / "results.json").read_text())["figures"]) == 2
    plotted = (folder / "cost.svg").read_text()
    assert plotted.count('id="axes_') == 1, "what has one size only has no line"


def test_without_figures_it_says_what_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert results.main(tmp_path) == 1
    assert "make bench" in capsys.readouterr().out
