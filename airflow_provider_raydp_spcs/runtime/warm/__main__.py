"""``python -m airflow_provider_raydp_spcs.runtime.warm``: the nursery, as the head's node starts it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from airflow_provider_raydp_spcs.runtime.job import run
from airflow_provider_raydp_spcs.runtime.warm.keeping import keep
from airflow_provider_raydp_spcs.runtime.warm.nursery import Nursery
from airflow_provider_raydp_spcs.runtime.warm.places import FOLDER


def main() -> None:
    """Serve until told to end; in a child, be the job or the keeper."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    task = Nursery(Path(os.environ[FOLDER]), run, keep, print).serve()
    if task is not None:
        task()


main()
