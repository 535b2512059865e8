"""Room for a Spark session whose executors need what a warm one holds without using it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.runtime.sizing import WORKER_RESOURCE
from airflow_provider_raydp_spcs.runtime.warm.places import FOLDER, nursery_socket
from airflow_provider_raydp_spcs.runtime.warm.wire import Line

RELEASE_SECONDS: Final = 30.0
"""In which a warm session has ended."""
_LOOK_SECONDS: Final = 0.25


def make_room(
    cpus: float,
    worker_resource: float,
    available: Callable[[], Mapping[str, float]],
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Have warm sessions without a job end where a new one finds no room beside them; wait until they have.

    :param cpus: that the new one needs in all, as its share of ``worker``.
    :param available: what Ray has left.
    """
    folder = environment.get(FOLDER)
    if folder is None:
        return

    def fits() -> bool:
        free = available()
        return free.get("CPU", 0.0) >= cpus and free.get(WORKER_RESOURCE, 0.0) >= worker_resource - 1e-6

    # Without a nursery there are no warm sessions.
    if fits():
        return
    with contextlib.suppress(OSError), contextlib.closing(Line.to(nursery_socket(Path(folder)))) as nursery:
        nursery.send_files([])
        nursery.send(do="release")
        answer = nursery.receive() or {}
        others = int(answer.get("keepers", 0))
        deadline = time.monotonic() + RELEASE_SECONDS
        while others and not fits() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
