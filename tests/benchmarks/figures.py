"""What the benchmarks print: the machine, and a table of figures, measured and meant."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
