"""Waiting for a job's end, with its log as it grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_raydp_spcs.jobs.errors import (
    JobFailedError,
    JobInputError,
    JobLostError,
    JobNotFoundError,
    JobTimeoutError,
    RayJobsError,
    RayUnreachableError,
)
from airflow_provider_raydp_spcs.jobs.logs import TAIL_BYTES, LogView, last_words
from airflow_provider_raydp_spcs.jobs.submission import TERMINAL, JobInfo, JobStatus
from airflow_provider_raydp_spcs.patience import Patience

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.jobs.client import RayJobsClient

POLL_SECONDS: Final = 1.0
DEFERRED_POLL_SECONDS: Final = 5.0
"""Between looks, in a worker and in a triggerer."""
FIRST_POLL: Final = 0.1
LATE_SHARE: Final = 0.1
"""The first looks come quickly, and later ones ever less often, up to the poll interval: so a job's end is seen late by no
more than a tenth of the time that it was waited for."""
STOP_SECONDS: Final = 30.0
"""How long a stopped job may take to end."""
KILL_SECONDS: Final = 3.0
"""Airflow leaves a killed task five."""
INPUT_EXIT_CODE: Final = 65
"""With it the runtime ends a job whose input is wrong, which no retry mends (``EX_DATAERR`` of sysexits.h)."""
T = TypeVar("T")


def patiently(
    act: Callable[[], T],
    *,
    told: Callable[[str], None] = lambda line: None,
    diagnose: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Do something that may meet silence, until it answers.

    :param told: gets a line for each silence.
    :param diagnose: raises where Snowflake knows why Ray is silent and waiting is in vain.
    :raises RayUnreachableError: the silence lasted too long.
    """
    patience = Patience()
    while True:
        try:
            return act()
        except RayUnreachableError as error:
            pause = patience.bear(error)
            diagnose()
            told(f"Ray does not answer, trying again: {error}")
            sleep(pause)


def wait_for_job(
    client: RayJobsClient,
    submission_id: str,
    view: LogView,
    *,
    poll: float = POLL_SECONDS,
    deadline: float | None = None,
    told: Callable[[str], None] = lambda line: None,
    diagnose: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> JobInfo:
    """Wait until a job has ended, showing its log.

    :param deadline: seconds since 1970 after which the job is stopped; None waits for ever.
    :param told: gets lines about waiting itself.
    :param diagnose: raises where Snowflake knows why Ray is silent and waiting is in vain.
    :raises JobFailedError: the job did not succeed; the message has the driver's last lines.
    :raises JobTimeoutError: the deadline has passed; the job was stopped.
    :raises JobLostError: Ray does not know the job any more.
    :raises RayUnreachableError: Ray was silent for too long.
    """
    waited = 0.0
    while True:
        info = patiently(lambda: look(client, submission_id, view), told=told, diagnose=diagnose, sleep=sleep)
        if info.status in TERMINAL:
            return check_end(client, info, view)
        if deadline is not None and clock() >= deadline:
            stop_and_wait(client, submission_id, told=told, diagnose=diagnose, sleep=sleep)
            patiently(partial(look, client, submission_id, view), told=told, diagnose=diagnose, sleep=sleep)
            raise overdue(client, submission_id, view)
        pause = min(poll, max(FIRST_POLL, waited * LATE_SHARE))
        sleep(pause)
        waited += pause


def look(client: RayJobsClient, submission_id: str, view: LogView) -> JobInfo:
    """Look once, and show what is new."""
    try:
        info = client.info(submission_id)
    except JobNotFoundError as error:
        raise lost(submission_id) from error
    done = info.status in TERMINAL
    if info.status is JobStatus.PENDING:
        return info
    was_full = view.is_full
    while not view.is_full:
        piece = client.new_log(submission_id, view.position, finished=done)
        view.add(piece)
        if piece.is_last or (not done and piece.position == piece.size):
            break
    if done and (was_full or view.is_full):
        tail(client, submission_id, view)
    return info


def tail(client: RayJobsClient, submission_id: str, view: LogView) -> None:
    """Show the end of a log."""
    size = client.new_log(submission_id, view.position).size
    view.finish(client.new_log(submission_id, max(view.position, size - TAIL_BYTES), finished=True))


def stop_and_wait(
    client: RayJobsClient,
    submission_id: str,
    *,
    told: Callable[[str], None] = lambda line: None,
    diagnose: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Stop a job and wait until it has ended, within bounds.

    :raises RayUnreachableError: Ray was silent for too long.
    """
    patiently(partial(client.stop, submission_id), told=told, diagnose=diagnose, sleep=sleep)
    left = STOP_SECONDS
    while left > 0:
        try:
            info = patiently(partial(client.info, submission_id), told=told, diagnose=diagnose, sleep=sleep)
            if info.status in TERMINAL:
                return
        except JobNotFoundError:
            return
        sleep(0.5)
        left -= 0.5


def stop_at_once(
    client: Callable[[], RayJobsClient],
    submission_id: str,
    told: Callable[[str], None],
    attempt: int,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Stop a job within the few seconds that a killed task has; nothing is raised.

    The job may be on its way to Ray and not be known there yet, so an unknown one is stopped again. One that a later try
    has taken over is left alone: Airflow also kills a worker that had been cut off for so long that it was given up.

    :param client: opens a client of one's own.
    :param attempt: the try that is killed.
    """
    left = KILL_SECONDS
    told(f"stopping job {submission_id}")
    try:
        with client() as own:
            if (later := own.claimant(submission_id)) > attempt:
                told(f"job {submission_id} goes on, for try {later} has taken it over")
                return
            while left > 0 and not own.stop(submission_id):
                sleep(0.25)
                left -= 0.25
    except Exception as error:
        # Not even what nobody thought of: whoever is being killed has no time for it.
        told(f"job {submission_id} could not be stopped: {error}")


def check_end(client: RayJobsClient, info: JobInfo, view: LogView | None = None) -> JobInfo:
    """A job that succeeded, or an error.

    :param view: what was shown of its log; None for nothing.
    :raises JobFailedError: it did not.
    """
    if info.status is JobStatus.SUCCEEDED:
        return info
    lines = _last_lines(client, info.submission_id, view)
    code = "" if info.driver_exit_code is None else f" (exit code {info.driver_exit_code})"
    why = f" {info.message}" if info.message and not lines else ""
    msg = f"job {info.submission_id} {info.status}{code}.{why} {last_words(lines)}"
    raise (JobInputError if info.driver_exit_code == INPUT_EXIT_CODE else JobFailedError)(msg)


def result_of(client: RayJobsClient, submission_id: str) -> Any:
    """What the job gave with ``runtime.set_result``, None where it gave none; a large one is named by its place on the stage."""
    found = client.result(submission_id)
    return found["value"] if isinstance(found, dict) and "value" in found else found


def overdue(client: RayJobsClient, submission_id: str, view: LogView) -> JobTimeoutError:
    """The error about a job that was stopped at its deadline."""
    words = last_words(_last_lines(client, submission_id, view))
    return JobTimeoutError(f"job {submission_id} did not end before its deadline and was stopped. {words}")


def _last_lines(client: RayJobsClient, submission_id: str, view: LogView | None) -> Sequence[str]:
    """The driver's last lines, those included that were shown before the view began."""
    if view is not None and view.has_all:
        return view.last_lines
    unseen = LogView(lambda line: None)
    try:
        tail(client, submission_id, unseen)
    except RayJobsError:
        # The job's end is the news, and its log only an adornment.
        return view.last_lines if view is not None else ()
    return unseen.last_lines


def lost(submission_id: str) -> JobLostError:
    """The error about a job that Ray does not know any more."""
    msg = (
        f"Ray does not know job {submission_id}: the head was started anew and its jobs are gone, or the job is another "
        "cluster's. The task that submits it does so once more when it is tried again"
    )
    return JobLostError(msg)
