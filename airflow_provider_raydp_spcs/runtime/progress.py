"""Spark's progress in the driver's log, and so in the task's log: a line for each stage as it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.runtime.beside import looking
from airflow_provider_raydp_spcs.runtime.telling import tell

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOOK_SECONDS: Final = 2.0


@contextmanager
def stages_shown(spark: SparkSession, every: float = LOOK_SECONDS, tracker: Any = None) -> Iterator[None]:
    """Print a line whenever an active stage has got on, for the time of the block.

    :param every: seconds between looks; stages that are shorter are not seen.
    :param tracker: tells the stages; by default Spark's own, which tells all of the application.
    """
    progress = StageProgress(tracker or spark.sparkContext.statusTracker(), tell)

    def look() -> bool:
        try:
            progress.look()
        except Exception:
            return False  # the session is on its way down; progress is no reason to fail a job
        return True

    with looking(look, every, "spark-stages"):
        yield


class StageProgress:
    """Tells each change once.

    :param tracker: Spark's status tracker.
    :param tell: gets each line.
    """

    def __init__(self, tracker: Any, tell: Callable[[str], None]) -> None:
        self._tracker, self._tell = tracker, tell
        self._told: dict[int, tuple[int, int]] = {}

    def look(self) -> None:
        """Look once."""
        for stage in self._tracker.getActiveStageIds():
            info = self._tracker.getStageInfo(stage)
            if info is None:
                continue
            now = (info.numCompletedTasks, info.numFailedTasks)
            if self._told.get(stage) != now:
                self._told[stage] = now
                failed = f", {info.numFailedTasks} failed" if info.numFailedTasks else ""
                name = str(info.name).partition("\n")[0]
                self._tell(f"Spark stage {stage} ({name}): {info.numCompletedTasks} of {info.numTasks} tasks{failed}")
