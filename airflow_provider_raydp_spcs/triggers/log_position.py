"""Keeping how far a job's log was shown, so that a trigger that starts anew does not show lines again."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from airflow.sdk.bases.xcom import BaseXCom

KEY: Final = "raydp_log_position"


class LogPositionXCom:
    """An XCom of the waiting task; a trigger has no other place that outlives its triggerer.

    :param task_instance: None keeps nothing, as outside a triggerer.
    """

    def __init__(self, task_instance: Any, submission_id: str) -> None:
        self._instance, self._job = task_instance, submission_id
        self._saved = -1

    async def read(self) -> int:
        """Bytes; 0 where nothing was kept for this job."""
        if self._instance is None:
            return 0
        found = await asyncio.to_thread(BaseXCom.get_one, key=KEY, **self._task())
        return int(found["position"]) if isinstance(found, dict) and found.get("job") == self._job else 0

    async def save(self, position: int) -> None:
        """Keep it, where it is another than before."""
        if self._instance is not None and position != self._saved:
            value = {"job": self._job, "position": position}
            await asyncio.to_thread(BaseXCom.set, key=KEY, value=value, **self._task())
            self._saved = position

    def _task(self) -> dict[str, Any]:
        instance = self._instance
        index = getattr(instance, "map_index", None)
        return {
            "dag_id": instance.dag_id,
            "task_id": instance.task_id,
            "run_id": instance.run_id,
            "map_index": -1 if index is None else index,
        }
