"""Which job a task stands for: the same one after a crash, a new one after a failure or when the task was cleared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from airflow_provider_raydp_spcs.jobs.submission import JobStatus

KEY: Final = "raydp_job"


class State(Protocol):
    """Something that outlives the worker, such as Airflow's task state store."""

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default."""
        ...

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        ...


def current_job(
    state: State,
    clear_mark: int,
    make_id: Callable[[int], str],
    status_of: Callable[[str], JobStatus | None],
) -> tuple[str, JobStatus | None]:
    """The id of the task's job, and its status where it exists and need not be submitted.

    The generation is kept *before* anything is sent. So a worker may die between any two lines: the next one finds the
    same generation, and with it the same id, under which Ray takes only one job.

    :param clear_mark: another number each time the task is cleared, the same for its retries. Airflow raises
        ``max_tries`` when a task is cleared.
    :param make_id: generation → submission id.
    :param status_of: status of a job, None where Ray does not know it.
    """
    saved = state.get(KEY)
    generation, status = 1, None
    if isinstance(saved, dict):
        generation = int(saved["generation"])
        if saved["clear_mark"] != clear_mark:
            generation += 1
        else:
            status = status_of(make_id(generation))
            if status in (JobStatus.FAILED, JobStatus.STOPPED):
                generation, status = generation + 1, None
    wanted = {"generation": generation, "clear_mark": clear_mark}
    if wanted != saved:
        state.set(KEY, wanted)
    return make_id(generation), status
