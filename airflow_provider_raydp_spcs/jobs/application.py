"""What a job runs: a file with a checksum, and the command that runs it on the head."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from airflow_provider_raydp_spcs.cluster.naming import cluster_name
from airflow_provider_raydp_spcs.jobs.errors import ApplicationNotFoundError, JobInputError
from airflow_provider_raydp_spcs.jobs.submission import JobRequest
from airflow_provider_raydp_spcs.spcs import sql

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.spcs.stages import Stages


OWN: Final = "own"
SESSIONS: Final = (OWN, "warm")
"""Whose Spark application a job uses."""


def check_session(session: str) -> str:
    """Whose Spark application a job shall use.

    :raises JobInputError: none of :data:`SESSIONS`.
    """
    if session not in SESSIONS:
        msg = (
            f"session is {session!r}; allowed are 'own' (the job starts a Spark application) and 'warm' (it shares one with "
            "other jobs of the cluster)"
        )
        raise JobInputError(msg)
    return session


@dataclass(frozen=True)
class Application:
    """A job's code: one file that goes to the artifacts stage.

    :param file: on this machine.
    :param sha256: checksum of its content.
    :param arguments: of the application.
    :param command: of the runtime that runs it: ``run`` for a Python file, ``call`` for a function that was sent.
    :param session: ``own``, or ``warm`` where it shares a Spark application with other jobs of the cluster.
    """

    file: Path
    sha256: str
    arguments: tuple[str, ...] = ()
    command: str = "run"
    session: str = OWN

    @classmethod
    def read(cls, path: str | Path, arguments: Sequence[str] = ()) -> Self:
        """Look at the file.

        :raises ApplicationNotFoundError: it is not there, or no Python file.
        :raises JobInputError: an argument is a text that no process can be given.
        """
        file = Path(path)
        if not _is_readable(file):
            msg = f"the application {str(path)[:500]!r} does not exist or cannot be read; give the path of a Python file that the worker can read"
            raise ApplicationNotFoundError(msg)
        if file.suffix != ".py":
            msg = f"the application {str(path)!r} is no Python file; its name must end with .py"
            raise ApplicationNotFoundError(msg)
        return cls(file, hashlib.sha256(file.read_bytes()).hexdigest(), tuple(map(_argument, arguments)))

    @classmethod
    def of_call(cls, file: Path) -> Self:
        """A function that was written to a file; see :mod:`airflow_provider_raydp_spcs.jobs.functions`."""
        return cls(file, hashlib.sha256(file.read_bytes()).hexdigest(), command="call")

    def folder(self, cluster: str) -> str:
        """Folder on the artifacts stage: another content gets another folder, so nothing is overwritten.

        :raises InvalidIdentifierError: no cluster can have that name.
        """
        return f"{cluster_name(cluster)}/applications/{self.sha256[:16]}"

    def upload(self, stages: Stages, stage: str, cluster: str) -> None:
        """Put the file where the cluster finds it. May be repeated.

        :param stage: the artifacts stage that the cluster mounts.
        :raises SpcsError: the stage cannot be written.
        """
        stages.put(self.file, f"@{stage}/{self.folder(cluster)}")

    def request(
        self, cluster: str, submission_id: str, runtime_env: Mapping[str, Any], metadata: Mapping[str, str]
    ) -> JobRequest:
        """What is to be submitted once it is uploaded."""
        return JobRequest(submission_id, self.entrypoint(cluster, submission_id), runtime_env, metadata)

    def entrypoint(self, cluster: str, submission_id: str) -> str:
        """The command of the job, for a shell on the head."""
        words = ["python", "-m", "airflow_provider_raydp_spcs.runtime", self.command]
        words += ["--application", f"{self.folder(cluster)}/{self.file.name}", "--sha256", self.sha256]
        # Only where it is asked for: a command is as it was for jobs that were submitted before there were warm sessions.
        words += ["--session", self.session] if self.session != OWN else []
        words += ["--job", submission_id, "--"]
        return shlex.join([*words, *self.arguments])


def _argument(value: object) -> str:
    text = str(value)
    if sql.UNSENDABLE.search(text):
        msg = (
            f"the argument {text[:200]!r} cannot be given to a process; allowed are texts without NUL characters and without halves "
            "of surrogate pairs"
        )
        raise JobInputError(msg)
    return text


def _is_readable(file: Path) -> bool:
    try:
        return file.is_file() and os.access(file, os.R_OK)
    except (OSError, ValueError):  # no file system has such a name
        return False
