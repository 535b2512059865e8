"""RayDP's app master, without which a session waits for executors for ever.

It owns the executors, so they end with it, and nobody starts another one for an application that runs.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.runtime.beside import looking
from airflow_provider_raydp_spcs.runtime.quick_start import APP_MASTER
from airflow_provider_raydp_spcs.runtime.telling import tell

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOOK_SECONDS: Final = 2.0
DIED: Final = "RayDP's app master has died, and its executors with it; the session ends"


def app_master_lives() -> bool:
    """Whether that of this process' session does, as far as Ray can tell."""
    from ray.util import list_named_actors

    try:
        return APP_MASTER in list_named_actors()
    except Exception:
        return True  # Ray is silent, which is another matter


@contextmanager
def app_master_watched(
    spark: SparkSession, every: float = LOOK_SECONDS, lives: Callable[[], bool] = app_master_lives
) -> Iterator[None]:
    """End the session once its app master has died, for the time of the block: what it does then fails instead of standing
    still, and the error says why.

    :param every: seconds between looks.
    """
    died = threading.Event()

    def look() -> bool:
        if spark.sparkContext._jsc is None:  # the job has stopped it
            return False
        if lives():
            return True
        died.set()
        tell(f"Spark session: {DIED}")
        with contextlib.suppress(Exception):  # as far as that goes without it
            # Not Python's half, which the job is just using.
            spark.sparkContext._jsc.stop()
        return False

    with looking(look, every, "spark-app-master"):
        try:
            yield
        except Exception as error:
            if died.is_set():
                error.add_note(DIED)
            raise
