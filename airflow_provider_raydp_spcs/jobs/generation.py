"""Which job a task stands for: the same one after a crash, a new one after a failure or when the task was cleared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from airflow_provider_raydp_spcs.jobs.submission import NON_TERMINAL, JobStatus

KEY: Final = "raydp_job"
LOG_KEY: Final = "raydp_log"


class State(Protocol):
    """Something that outlives the worker, such as Airflow's task state store."""

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default."""
        ...

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        ...


@dataclass(frozen=True)
class Ticket:
    """The job that a task stands for.

    :param status: where the job exists and need not be submitted.
    :param deadline: seconds since 1970 until which it must have ended.
    """

    submission_id: str
    status: JobStatus | None
    deadline: float | None


def current_job(
    state: State,
    clear_mark: int,
    make_id: Callable[[int], str],
    status_of: Callable[[str], JobStatus | None],
    stop: Callable[[str], None],
    deadline: float | None = None,
) -> Ticket:
    """The task's job.

    The generation is kept *before* anything is sent. So a worker may die between any two lines: the next one finds the
    same generation, and with it the same id, under which Ray takes only one job.

    :param clear_mark: another number each time the task is cleared, the same for its retries. Airflow raises
        ``max_tries`` when a task is cleared.
    :param make_id: generation → submission id.
    :param status_of: status of a job, None where Ray does not know it.
    :param stop: ends a job that still runs although its task was cleared.
    :param deadline: of a job that is new; one that is found again keeps its own.
    """
    saved = state.get(KEY)
    generation, status = 1, None
    if isinstance(saved, dict):
        generation = int(saved["generation"])
        status = status_of(make_id(generation))
        if saved["clear_mark"] != clear_mark:
            if status in NON_TERMINAL:
                stop(make_id(generation))
            generation, status = generation + 1, None
        elif status in (JobStatus.FAILED, JobStatus.STOPPED):
            generation, status = generation + 1, None
        else:
            deadline = saved.get("deadline")
    wanted = {"generation": generation, "clear_mark": clear_mark, "deadline": deadline}
    if wanted != saved:
        state.set(KEY, wanted)
    return Ticket(make_id(generation), status, deadline)


class LogPosition:
    """Up to where a job's log was shown, in a state that outlives the worker."""

    def __init__(self, state: State, submission_id: str) -> None:
        self._state, self._job = state, submission_id

    def read(self) -> int:
        """Bytes; 0 for a job that was not seen before."""
        saved = self._state.get(LOG_KEY)
        return int(saved["position"]) if isinstance(saved, dict) and saved.get("job") == self._job else 0

    def save(self, position: int) -> None:
        """Keep it."""
        self._state.set(LOG_KEY, {"job": self._job, "position": position})
