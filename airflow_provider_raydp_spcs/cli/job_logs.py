"""A job's log on standard output."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from airflow_provider_raydp_spcs.cli.output import answer, is_json, say
from airflow_provider_raydp_spcs.jobs.errors import JobFailedError
from airflow_provider_raydp_spcs.jobs.logs import TAIL_BYTES, LogView
from airflow_provider_raydp_spcs.jobs.wait import look, patiently, wait_for_job

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
    from airflow_provider_raydp_spcs.jobs.head import Head


def show_log(client: RayJobsClient, head: Head, job: str, lines: int | None) -> None:
    """The log as it is now, or its last lines. In JSON: ``submission_id`` and ``lines``."""
    kept: deque[str] = deque(maxlen=lines)
    direct = lines is None and not is_json()
    view = LogView(typer.echo if direct else kept.append, max_lines=sys.maxsize)
    patiently(partial(look, client, job, view), told=say, diagnose=head.diagnose)
    if direct:
        return
    answer({"submission_id": job, "lines": list(kept)}, lambda: "\n".join(kept) if kept else None)


def follow_log(client: RayJobsClient, head: Head, job: str, lines: int | None) -> None:
    """The log until the job's end, from its beginning or from its last lines. In JSON: lines on standard error, and at
    the end ``submission_id`` and ``status``.
    """
    show: Any = partial(typer.echo, err=is_json())
    position = 0
    if lines is not None:
        position = _tail(client, job, lines, show)
    view = LogView(show, position=position, max_lines=sys.maxsize)
    with contextlib.suppress(JobFailedError, KeyboardInterrupt):
        wait_for_job(client, job, view, told=say, diagnose=head.diagnose)
    info = client.info(job)
    say(f"job {job}: {info.status}")
    answer({"submission_id": job, "status": str(info.status)})


def _tail(client: RayJobsClient, job: str, lines: int, show: Any) -> int:
    """Show the last lines of what is there; answer the position behind them."""
    size = client.new_log(job, 0).size
    piece = client.new_log(job, max(0, size - max(TAIL_BYTES, lines * 200)))
    for line in piece.text.splitlines()[-lines:]:
        show(line)
    return piece.position
