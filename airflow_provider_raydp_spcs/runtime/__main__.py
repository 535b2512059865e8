"""``python -m airflow_provider_raydp_spcs.runtime run|call …``: what a Ray job's entry point calls."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_raydp_spcs.runtime.job import read, run
from airflow_provider_raydp_spcs.runtime.warm.handing_over import NoNurseryError, end_like, hand_over
from airflow_provider_raydp_spcs.runtime.warm.places import FOLDER, SESSION, WARM


def main() -> None:
    """Read the command line and run the job, in this process or, where its session is warm, in one from the nursery."""
    words = sys.argv[1:]
    if read(words).session == WARM:
        _be_warm(words)
    run(words)


def _be_warm(words: Sequence[str]) -> None:
    """End as the job did that was handed over; return where none can be, and the job starts a session of its own."""
    os.environ[SESSION] = WARM
    try:
        end_like(hand_over(Path(os.environ.get(FOLDER) or os.devnull), words))
    except NoNurseryError as error:
        if not error.is_there:
            del os.environ[SESSION]
        session = "shares the warm session" if error.is_there else "starts a Spark session of its own"
        sys.stdout.write(f"The job starts slowly, and {session}: {error}\n")
        sys.stdout.flush()


main()
