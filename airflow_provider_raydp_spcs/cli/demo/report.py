"""The demo's readable ending, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from airflow_provider_raydp_spcs.cli.output import console

MAX_ROWS = 40
"""Rows shown of the result; a day has about 35."""
SHOWN = {
    "flight_date": "date",
    "carrier": "carrier",
    "origin": "origin",
    "flights": "flights",
    "cancellations": "canc.",
    "dep_delay_median": "dep p50",
    "dep_delay_p95": "dep p95",
    "arr_delay_mean": "arr avg",
    "seats_flown": "seats",
}
"""Columns shown, with their headings; delays in minutes. The table has more columns."""


def show(result: Mapping[str, Any]) -> None:
    """Print the result table, the exported files, the seconds of each phase, and that nothing is left."""
    console.print()
    console.print(_result_table(result["rows"]))
    for line in _files(result["files"]):
        console.print(line, markup=False)
    console.print(_phases_table(result))
    console.print("Airflow's whole log: " + ", ".join(result["log"]), markup=False)
    console.print(
        "[bold green]Done.[/] Checked: no service, no compute pool and no process of the demo is left running."
    )


def write(result: Mapping[str, Any], path: Path) -> None:
    """Write the same as JSON."""
    path.write_text(json.dumps(result, default=str, indent=2) + "\n")


def _result_table(rows: list[dict[str, Any]]) -> Table:
    title = f"FLIGHTS_DAILY: {len(rows)} rows"
    table = Table(title=title if len(rows) <= MAX_ROWS else f"{title}, the first {MAX_ROWS}", box=SIMPLE, padding=0)
    shown = [column for column in SHOWN if rows and column in rows[0]]
    for column in shown:
        right = bool(rows) and isinstance(rows[0][column], int | float)
        table.add_column(SHOWN[column], justify="right" if right else "left", no_wrap=True)
    for row in rows[:MAX_ROWS]:
        table.add_row(*(_cell(row[column]) for column in shown))
    return table


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _files(files: list[tuple[str, int]]) -> Iterator[str]:
    """The files by their run's folder: a heading, then a line each."""
    heading = ""
    for name, size in files:
        parts = name.split("/")
        folder, file = "/".join(parts[1:6]), "/".join(parts[6:])
        if folder != heading:
            heading = folder
            yield f"@RAYDPLOGS/{folder}/"
        yield f"  {size:>10,} bytes  {file}"


def _phases_table(result: Mapping[str, Any]) -> Table:
    table = Table(title="Seconds", box=SIMPLE)
    table.add_column("phase")
    table.add_column("seconds", justify="right")
    for name, seconds in result["phases"].items():
        table.add_row(name, f"{seconds:.1f}")
    for day, tasks in result["tasks"].items():
        for task, seconds in tasks.items():
            table.add_row(f"  of which {day} {task}", f"{seconds:.1f}")
    table.add_row("[bold]all[/]", f"[bold]{result['total_seconds']:.1f}[/]")
    return table
