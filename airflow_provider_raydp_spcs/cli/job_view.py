"""What is shown of jobs."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.cli.durations import words
from airflow_provider_raydp_spcs.cli.output import moment, table_of

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.jobs.submission import JobInfo


def job_json(info: JobInfo) -> dict[str, Any]:
    """A job as plain values; times in ISO 8601."""
    started, ended = _time(info.start_time), _time(info.end_time)
    return {
        "submission_id": info.submission_id,
        "status": str(info.status),
        "message": info.message,
        "entrypoint": info.entrypoint,
        "started_on": started and started.isoformat(timespec="milliseconds"),
        "ended_on": ended and ended.isoformat(timespec="milliseconds"),
        "driver_exit_code": info.driver_exit_code,
        "metadata": dict(info.metadata),
    }


def jobs_table(infos: Sequence[JobInfo]) -> Any:
    """One line per job, the newest first; a text where there is none."""
    if not infos:
        return "No job was submitted to this cluster yet: raydp-spcs job submit CLUSTER FILE"
    rows = [
        (info.submission_id, info.status, moment(_time(info.start_time)), words(_seconds(info)), _origin(info))
        for info in sorted(infos, key=lambda each: each.start_time or 0, reverse=True)
    ]
    return table_of(("JOB", "STATUS", "STARTED", "LASTED", "BY"), rows)


def job_view(info: JobInfo) -> Any:
    """One job for people."""
    rows = [
        ("job", info.submission_id),
        ("status", info.status),
        ("started", moment(_time(info.start_time))),
        ("lasted", words(_seconds(info))),
        ("exit code", info.driver_exit_code),
        ("message", info.message),
        ("command", info.entrypoint),
        *sorted(info.metadata.items()),
    ]
    return table_of(("", ""), [(name, value) for name, value in rows if value not in (None, "")])


def _origin(info: JobInfo) -> str:
    """Who submitted it, by what was submitted with it."""
    told = info.metadata
    names = [told[key] for key in ("dag_id", "task_id", "run_id") if key in told]
    return " ".join(names) or told.get("application", "")


def _time(milliseconds: int | None) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC) if milliseconds else None


def _seconds(info: JobInfo) -> float | None:
    if not info.start_time:
        return None
    return (info.end_time or time.time() * 1000) / 1000 - info.start_time / 1000
