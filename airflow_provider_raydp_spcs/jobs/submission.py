"""What is submitted: the job's id, its command, its states."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from airflow_provider_raydp_spcs.jobs.errors import ApplicationNotFoundError


class JobStatus(StrEnum):
    """States of a Ray job."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


TERMINAL: Final = frozenset({JobStatus.STOPPED, JobStatus.SUCCEEDED, JobStatus.FAILED})
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
        )


@dataclass(frozen=True)
class JobRequest:
    """What shall run."""

    submission_id: str
    entrypoint: str
    runtime_env: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Application:
    """A job's code: one Python file.

    :param file: on this machine.
    :param sha256: checksum of its content.
    """

    file: Path
    sha256: str

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Look at the file.

        :raises ApplicationNotFoundError: it is not there, or no Python file.
        """
        file = Path(path)
        if not file.is_file():
            msg = (
                f"the application {str(path)!r} does not exist; give the path of a Python file that the worker can read"
            )
            raise ApplicationNotFoundError(msg)
        if file.suffix != ".py":
            msg = f"the application {str(path)!r} is no Python file; its name must end with .py"
            raise ApplicationNotFoundError(msg)
        return cls(file, hashlib.sha256(file.read_bytes()).hexdigest())

    def folder(self, cluster: str) -> str:
        """Folder on the artifacts stage: another content gets another folder, so nothing is overwritten."""
        return f"{cluster.upper()}/applications/{self.sha256[:16]}"

    def entrypoint(self, cluster: str, arguments: Sequence[str]) -> str:
        """The command of the job, for a shell on the head."""
        words = ["python", "-m", "airflow_provider_raydp_spcs.runtime", "run"]
        words += ["--application", f"{self.folder(cluster)}/{self.file.name}", "--sha256", self.sha256, "--"]
        return shlex.join([*words, *map(str, arguments)])


def submission_id(dag_id: str, run_id: str, task_id: str, map_index: int, generation: int) -> str:
    """The id of a task's job: the same for the same generation, so that a repeated submit is recognised.

    :param generation: counts the times that the task really is to run again.
    """
    parts = "\x1f".join([dag_id, run_id, task_id, str(map_index), str(generation)])
    return f"raydp-{hashlib.sha256(parts.encode()).hexdigest()[:24]}"
