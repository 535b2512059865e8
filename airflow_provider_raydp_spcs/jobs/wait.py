"""Waiting for a job's end, with its log as it grows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.errors import JobFailedError, RayUnreachableError
from airflow_provider_raydp_spcs.jobs.logs import LogCursor
from airflow_provider_raydp_spcs.jobs.submission import TERMINAL, JobInfo, JobStatus

POLL_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 120.0
"""How long Ray may be silent before waiting ends."""
LAST_LINES: Final = 30


def wait_for_job(
    client: RayJobsClient,
    submission_id: str,
    *,
    show: Callable[[str], None],
    poll: float = POLL_SECONDS,
    timeout: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> JobInfo:
    """Wait until a job has ended, showing its log.

    :param timeout: seconds after which the job is stopped and :class:`JobFailedError` is raised; None waits for ever.
    :raises JobFailedError: the job did not succeed; the message has the driver's last lines.
    :raises RayUnreachableError: Ray was silent for too long.
    """
    cursor, silent_since = LogCursor(), None
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        try:
            info = client.info(submission_id)
            done = info.status in TERMINAL
            log = client.logs(submission_id)
            silent_since = None
        except RayUnreachableError as error:
            silent_since = silent_since or time.monotonic()
            if time.monotonic() - silent_since > PATIENCE_SECONDS:
                raise
            show(f"Ray does not answer, trying again: {error}")
            sleep(poll)
            continue
        for line in cursor.new_lines(log, finished=done):
            show(line)
        if done:
            return check_end(info, log)
        if deadline is not None and time.monotonic() > deadline:
            client.stop(submission_id)
            msg = f"job {submission_id} did not end within {timeout:g} s and was stopped. {last_words(log)}"
            raise JobFailedError(msg)
        sleep(poll)


def check_end(info: JobInfo, log: str) -> JobInfo:
    """A job that succeeded, or an error.

    :raises JobFailedError: it did not.
    """
    if info.status is JobStatus.SUCCEEDED:
        return info
    code = "" if info.driver_exit_code is None else f" (exit code {info.driver_exit_code})"
    msg = f"job {info.submission_id} {info.status}{code}. {last_words(log)}"
    raise JobFailedError(msg)


def last_words(log: str) -> str:
    """The driver's last lines, in a sentence."""
    lines = log.rstrip().splitlines()[-LAST_LINES:]
    return "The driver's last lines:\n" + "\n".join(lines) if lines else "The driver wrote nothing."
