"""``raydp-spcs demo``: the whole way from one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    day: Annotated[list[str] | None, typer.Option(help="Day of 2013 to run (YYYY-MM-DD); may be repeated.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its state and logs.")] = Path(".raydp-spcs/demo"),
    report: Annotated[Path | None, typer.Option(help="Also write phases, files and figures as JSON here.")] = None,
) -> None:
    """Flights of a day of 2013 through a RayDP cluster, driven by Airflow, on a local Snowflake."""
    from airflow_provider_raydp_spcs.cli.demo.flow import Demo
    from airflow_provider_raydp_spcs.cli.demo.preflight import parse_days

    Demo(folder.absolute(), parse_days(day or ["2013-01-01"]), report).run()
