"""What the benchmarks print and write down: the machine, and figures, measured and meant.

A figure beside a peer is measured in pairs, ours and the peer's in turn, so that both meet the same machine at the same
moment; :func:`record` writes such pairs to ``bench/<name>.json``, of which ``results.py`` makes one table and a plot.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One line of a table.

    :param value: None where there is none in this column.
    :param limit: what the figure is meant not to exceed; None where it is only told.
    """

    name: str
    value: float | None
    unit: str
    limit: float | None = None

    def __str__(self) -> str:
        if self.value is None:
            return ""
        above = " ABOVE" if self.limit is not None and self.value > self.limit else ""
        return f"{self.value:.4g} {self.unit}{above}"


def show(title: str, columns: Mapping[str, Sequence[Figure]]) -> None:
    """Print a table.

    :param columns: heading → figures; the same ones in each column.
    """
    lines = list(zip(*columns.values(), strict=True))
    table = Table("", *columns, "meant", title=title, title_justify="left")
    for figures in lines:
        first = figures[0]
        meant = "" if first.limit is None else f"≤ {first.limit:g} {first.unit}"
        table.add_row(first.name, *map(str, figures), meant)
    console = Console(width=130)
    console.print(f"\n{machine()}")
    console.print(table)


def machine() -> str:
    memory = psutil.virtual_memory().total / 1e9
    return f"{os.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"


FOLDER = Path(os.environ.get("BENCH_FOLDER", Path(__file__).parents[2] / "bench"))
PACKAGES = ("apache-airflow", "pyarrow", "pyspark", "ray", "raydp", "snowflake-connector-python")


def record(
    name: str,
    peer: str,
    ours: Sequence[float],
    stock: Sequence[float],
    unit: str,
    size: float | None = None,
    *,
    goal: float | None = None,
    per: str = "rows",
) -> float | None:
    """Print a figure beside its peer's and write it to ``bench/<name>.json``; answer the median of the pairs' ratios.

    :param name: of the file: letters, digits and dashes.
    :param peer: what was measured beside ours, as it is called in the table; empty where there is none, and no ratio.
    :param ours: measured, pair by pair with ``stock``.
    :param size: where the same is measured at several sizes; each keeps its latest.
    :param goal: of the ratio ours ÷ stock, which is not to be exceeded. More is never the better: hand over times or bytes.
    :param per: what ``size`` counts.
    """
    ratios = [mine / theirs for mine, theirs in zip(ours, stock, strict=True)] if peer else []
    ratio = statistics.median(ratios) if peer else None
    entry = {
        "size": size,
        "goal": goal,
        "ours": list(ours),
        "stock": list(stock),
        "ratio": ratio,
        "ratios": ratios,
        "machine": machine_facts(),
    }
    file = FOLDER / f"{name}.json"
    known = json.loads(file.read_text())["entries"] if file.exists() else []
    entries = [each for each in known if each["size"] != size] + [entry]
    entries.sort(key=lambda each: each["size"] or 0)
    FOLDER.mkdir(exist_ok=True)
    figure = {"name": name, "peer": peer, "unit": unit, "per": per, "entries": entries}
    file.write_text(json.dumps(figure, indent=2) + "\n")
    beside = f", {peer} {spread(stock)} {unit}, ratio {spread(ratios)}" if peer else ""
    at = "" if size is None else f" at {size:,.0f} {per}"
    meant = "" if goal is None else f" (meant: ≤ {goal:g})"
    print(f"{name}{at}: ours {spread(ours)} {unit}{beside}{meant}", flush=True)
    return ratio


def spread(values: Sequence[float]) -> str:
    """Median and extremes, in three digits."""
    median = f"{statistics.median(values):.3g}"
    return median if len(values) == 1 else f"{median} [{min(values):.3g} … {max(values):.3g}]"


def machine_facts() -> dict[str, Any]:
    """What a figure depends on besides what was measured."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),
        "when": time.strftime("%Y-%m-%d", time.gmtime()),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }
