"""Spark's progress as lines: each change once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from airflow_provider_raydp_spcs.runtime.progress import StageProgress


class Tracker:
    def __init__(self) -> None:
        self.stages: dict[int, Any] = {}

    def getActiveStageIds(self) -> list[int]:  # noqa: N802 - PySpark's name
        return [*self.stages, 99]

    def getStageInfo(self, stage: int) -> Any:  # noqa: N802 - PySpark's name
        return self.stages.get(stage)


def test_each_change_is_told_once() -> None:
    tracker, told = Tracker(), []  # type: tuple[Tracker, list[str]]
    progress = StageProgress(tracker, told.append)
    tracker.stages[3] = SimpleNamespace(name="count at x.py:1\nmore", numTasks=8, numCompletedTasks=0, numFailedTasks=0)
    progress.look()
    progress.look()
    tracker.stages[3].numCompletedTasks, tracker.stages[3].numFailedTasks = 5, 1
    progress.look()
    assert told == [
        "Spark stage 3 (count at x.py:1): 0 of 8 tasks", "Spark stage 3 (count at x.py:1): 5 of 8 tasks, 1 failed",
    ]  # fmt: skip
