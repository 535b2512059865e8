"""One table, one JSON file and one plot of all that the benchmarks wrote down.

Run by ``make bench-results``; ``make bench`` ends with it. It reads ``bench/*.json`` and writes ``bench/RESULTS.md``,
``bench/all/results.json`` and ``bench/cost.svg``, in which both axes are logarithmic.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import FOLDER, spread

HEAD = (
    "| figure | size | ours | peer's | peer | ours ÷ peer's, median of pairs | goal |",
    "| --- | ---: | ---: | ---: | --- | ---: | ---: |",
)


def read(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Every figure that was written down."""
    return [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]


def table(figures: Iterable[dict[str, Any]]) -> str:
    """The figures in Markdown; a goal that was missed says so."""
    lines = list(HEAD)
    for figure in figures:
        for entry in figure["entries"]:
            size = "" if entry["size"] is None else f"{entry['size']:,.0f} {figure['per']}"
            goal = entry["goal"]
            meant = "" if goal is None else f"≤ {goal:g}" + (" **missed**" if entry["ratio"] > goal else "")
            theirs = f"{spread(entry['stock'])} {figure['unit']}" if entry["stock"] else ""
            cells = (
                figure["name"], size, f"{spread(entry['ours'])} {figure['unit']}", theirs,
                figure["peer"], spread(entry["ratios"]) if entry["ratios"] else "", meant,
            )  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def machines(figures: Iterable[dict[str, Any]]) -> str:
    """Where the figures come from, each machine once."""
    found = {}
    for figure in figures:
        for entry in figure["entries"]:
            told = entry["machine"]
            versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
            key = (
                f"{told['cores']} cores, {told['memory_gb']} GB, {told['system']}, Python {told['python']}, {versions}"
            )
            found[key] = max(told["when"], found.get(key, ""))
    return "\n".join(f"- {key} ({when})" for key, when in found.items())


def plot(figures: Iterable[dict[str, Any]], file: Path) -> bool:
    """Cost against size, one panel for each figure that was measured at several sizes; False where there is none."""
    from matplotlib.figure import Figure

    many = [figure for figure in figures if len(figure["entries"]) > 1]
    if not many:
        return False
    columns = min(3, len(many))
    rows = -(-len(many) // columns)
    sheet = Figure(figsize=(4.5 * columns, 3.4 * rows), layout="constrained")
    for axes, figure in zip(sheet.subplots(rows, columns, squeeze=False).flat, many, strict=False):
        sizes = [entry["size"] for entry in figure["entries"]]
        for whose, name, style in (("stock", figure["peer"], "o--"), ("ours", "ours", "o-")):
            if not name:
                continue
            axes.plot(sizes, [statistics.median(entry[whose]) for entry in figure["entries"]], style, label=name)
        axes.set(xscale="log", yscale="log", title=figure["name"], xlabel=figure["per"], ylabel=figure["unit"])
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend(fontsize="small")
    for axes in list(sheet.axes)[len(many) :]:
        axes.remove()
    sheet.savefig(file, metadata={"Date": None})
    return True


def main(folder: Path = FOLDER) -> int:
    figures = read(folder)
    if not figures:
        print(f"no figure was written down yet in {folder.name}/; run one of the benchmarks first: make bench")
        return 1
    (folder / "all").mkdir(exist_ok=True)
    (folder / "all" / "results.json").write_text(json.dumps({"figures": figures}, indent=2) + "\n")
    shown = "\n\n![cost against size](cost.svg)" if plot(figures, folder / "cost.svg") else ""
    text = f"# What was measured\n\nBy `make bench`. Median [least … greatest].\n\n{table(figures)}{shown}\n\n{machines(figures)}\n"
    (folder / "RESULTS.md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
