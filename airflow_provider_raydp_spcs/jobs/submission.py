"""What is submitted: the job's id, its command, its states."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from airflow_provider_raydp_spcs.jobs.errors import JobInputError


class JobStatus(StrEnum):
    """States of a Ray job."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


TERMINAL: Final = frozenset({JobStatus.STOPPED, JobStatus.SUCCEEDED, JobStatus.FAILED})
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}\Z")
NON_TERMINAL: Final = frozenset(JobStatus) - TERMINAL


@dataclass(frozen=True)
class JobInfo:
    """A job as Ray tells of it. Times are milliseconds since 1970."""

    submission_id: str
    status: JobStatus
    message: str = ""
    entrypoint: str = ""
    start_time: int | None = None
    end_time: int | None = None
    driver_exit_code: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read Ray's answer."""
        return cls(
            submission_id=str(values.get("submission_id")),
            status=JobStatus(values["status"]),
            message=str(values.get("message") or ""),
            entrypoint=str(values.get("entrypoint") or ""),
            start_time=values.get("start_time"),
            end_time=values.get("end_time"),
            driver_exit_code=values.get("driver_exit_code"),
            metadata=dict(values.get("metadata") or {}),
        )


@dataclass(frozen=True)
class HeadAddress:
    """Where a cluster's head answers: ``https://<ingress host>``, or ``http://<head>:<port>`` inside the account.

    :param ray: Ray's dashboard with the Jobs API.
    :param files: the head's job files.
    """

    ray: str
    files: str

    def of(self, *, files: bool) -> str:
        """The one or the other."""
        return (self.files if files else self.ray).rstrip("/")


@dataclass(frozen=True)
class LogPiece:
    """Part of a log.

    :param position: behind the text, in bytes from the log's beginning.
    :param size: of the whole log at that moment, in bytes.
    """

    text: str
    position: int
    size: int

    @property
    def is_last(self) -> bool:
        """Whether nothing more was there to be read."""
        return not self.text or self.position >= self.size


@dataclass(frozen=True)
class JobRequest:
    """What shall run."""

    submission_id: str
    entrypoint: str
    runtime_env: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


def submission_id(dag_id: str, run_id: str, task_id: str, map_index: int, generation: int) -> str:
    """The id of a task's job: the same for the same generation, so that a repeated submit is recognised.

    :param generation: counts the times that the task really is to run again.
    """
    parts = "\x1f".join([dag_id, run_id, task_id, str(map_index), str(generation)])
    return f"raydp-{hashlib.sha256(parts.encode()).hexdigest()[:24]}"


def check_submission_id(text: str) -> str:
    """An id that somebody chose.

    :raises JobInputError: it would be no name for the job's files on the head.
    """
    if not _ID.match(text):
        msg = (
            f"the submission id {text[:200]!r} cannot be used: it starts with a letter or digit and goes on with at most 127 "
            "letters, digits, dots, hyphens or underscores"
        )
        raise JobInputError(msg)
    return text


def check_runtime_env(values: Mapping[str, Any]) -> None:
    """Refuse code that would have to be uploaded: it reaches the cluster over the artifacts stage only.

    :raises JobInputError: ``working_dir`` or ``py_modules`` names something on this machine.
    """
    given = [values.get("working_dir"), *(values.get("py_modules") or ())]
    for place in given:
        if place is not None and "://" not in str(place):
            msg = (
                f"runtime_env names {str(place)!r}, which is on this machine. Put it on the artifacts stage and name it as "
                "file:///raydp/artifacts/…, or give a remote address such as https://…/code.zip"
            )
            raise JobInputError(msg)
