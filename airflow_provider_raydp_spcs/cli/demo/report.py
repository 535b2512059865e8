"""The demo's readable ending, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from airflow_provider_raydp_spcs.cli.output import console

MAX_ROWS = 40
"""Rows shown of the result; a day has about 35."""


def show(result: Mapping[str, Any]) -> None:
    """Print the result table, the exported files, the seconds of each phase, and that nothing is left."""
    console.print()
    console.print(_result_table(result["rows"]))
    console.print(_files_table(result["files"]))
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
    table = Table(title=title if len(rows) <= MAX_ROWS else f"{title}, the first {MAX_ROWS}")
    for column in rows[0] if rows else ():
        table.add_column(column.lower().replace("_", " "), overflow="fold")
    for row in rows[:MAX_ROWS]:
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _files_table(files: list[tuple[str, int]]) -> Table:
    table = Table(title="@RAYDPLOGS")
    table.add_column("file", overflow="fold")
    table.add_column("bytes", justify="right")
    for name, size in files:
        table.add_row(name, f"{size:,}")
    return table


def _phases_table(result: Mapping[str, Any]) -> Table:
    table = Table(title="Seconds")
    table.add_column("phase")
    table.add_column("seconds", justify="right")
    for name, seconds in result["phases"].items():
        table.add_row(name, f"{seconds:.1f}")
    for day, tasks in result["tasks"].items():
        for task, seconds in tasks.items():
            table.add_row(f"  of which {day} {task}", f"{seconds:.1f}")
    table.add_row("[bold]all[/]", f"[bold]{result['total_seconds']:.1f}[/]")
    return table
