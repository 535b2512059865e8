"""The requests of the Jobs API, without sending them: so that the two clients, one of them asynchronous, are one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote, urlencode

import httpx

from airflow_provider_raydp_spcs.jobs.errors import JobInputError, RayJobsError
from airflow_provider_raydp_spcs.jobs.replies import check, content
from airflow_provider_raydp_spcs.jobs.submission import JobInfo, JobRequest, LogPiece

T = TypeVar("T")
LONGEST_PART: Final = 1000
"""Characters of one part of an address; servers refuse long addresses, and clients fail at them."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request and how its answer is read.

    :param files: it goes to the head's job files (``node.job_files``), not to Ray.
    """

    method: str
    path: str
    read: Callable[[Any], T]
    body: Any = None
    files: bool = False

    def result(self, reply: httpx.Response, address: str) -> T:
        """What the answer says.

        :raises RayJobsError: a refusal, or an answer that is not of the kind that was asked for.
        """
        what = f"{self.method} {address}{self.path}"
        check(reply.status_code, reply.text, what)
        found = content(reply, what)
        try:
            return self.read(found)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            msg = (
                f"{what}: this is no answer of Ray's or of the head's ({type(error).__name__}: {error}): {reply.text[:200]!r}. Is "
                "something else at this address?"
            )
            raise RayJobsError(msg) from error


@dataclass(frozen=True)
class Versions:
    """What runs on the head.

    :param package: version of this package in its image.
    :param python: minor version, such as ``3.11``.
    :param ray: None where it is not known, as for the two below.
    """

    package: str
    python: str
    ray: str | None = None
    raydp: str | None = None
    spark: str | None = None


def part(text: str, kind: str = "submission id") -> str:
    """A text as one part of an address' path, which it cannot lead out of.

    :raises JobInputError: no path can hold it.
    """
    if (
        not isinstance(text, str)
        or not text.strip(".")
        or len(text) > LONGEST_PART
        or any(0xD800 <= ord(character) < 0xE000 for character in text)
    ):
        msg = (
            f"{str(text)[:200]!r} is no {kind}; allowed are texts other than dots, of {LONGEST_PART} characters at most, without "
            "halves of surrogate pairs"
        )
        raise JobInputError(msg)
    return quote(text, safe="")


def submit(request: JobRequest) -> Call[str]:
    """Submit a job; a second submit of one id is refused with "already exists"."""
    body = {
        "entrypoint": request.entrypoint,
        "submission_id": request.submission_id,
        "runtime_env": dict(request.runtime_env),
        "metadata": dict(request.metadata),
    }
    return Call("POST", "/api/jobs/", lambda reply: str(reply["submission_id"]), body)


def info(submission_id: str) -> Call[JobInfo]:
    """A job's state."""
    return Call("GET", f"/api/jobs/{part(submission_id)}", JobInfo.from_json)


def jobs() -> Call[list[JobInfo]]:
    """Every job that was submitted; drivers that were not are left out."""
    return Call(
        "GET", "/api/jobs/", lambda found: [JobInfo.from_json(each) for each in found if each.get("submission_id")]
    )


def stop(submission_id: str) -> Call[bool]:
    """Ask a job to stop."""
    return Call("POST", f"/api/jobs/{part(submission_id)}/stop", lambda reply: bool(reply.get("stopped")))


def nodes() -> Call[list[dict[str, Any]]]:
    """The nodes, as Ray's state API tells of them."""
    return Call("GET", "/api/v0/nodes", _state)


def actors() -> Call[list[dict[str, Any]]]:
    """The actors, likewise."""
    return Call("GET", "/api/v0/actors", _state)


def versions() -> Call[Versions]:
    """What runs on the head; an image older than the question has no answer (404)."""
    return Call("GET", "/version", _versions, files=True)


def new_logs(positions: Mapping[str, int], *, finished: bool = False) -> Call[dict[str, LogPiece]]:
    """What logs hold after positions in bytes; ``finished`` asks for lines that are not ended, too."""
    body = {"positions": dict(positions), "finished": finished}
    return Call(
        "POST", "/logs", lambda found: {job: LogPiece(**piece) for job, piece in found.items()}, body, files=True
    )


def marks(new: Mapping[str, int], wanted: Iterable[str]) -> Call[dict[str, int]]:
    """Keep how far logs were shown, and tell how far they had been, both in bytes and by names of the reader's own."""
    body = {"set": dict(new), "get": list(wanted)}
    return Call("POST", "/marks", lambda found: {str(name): int(at) for name, at in found.items()}, body, files=True)


def export_logs(order: Mapping[str, Any]) -> Call[dict[str, Any]]:
    """An order to bring logs to the stage, and how far it is; a head that knows no such order answers 404."""
    return Call("POST", "/exports", dict, dict(order), files=True)


def result(submission_id: str) -> Call[Any]:
    """A job's result."""
    return Call("GET", f"/results/{part(submission_id)}", lambda found: found, files=True)


def prometheus(question: str, parameters: Mapping[str, str]) -> Call[Any]:
    """A question to the cluster's Prometheus, ``/api/v1/<question>``; its answer's ``data``."""
    path = f"/prometheus/api/v1/{part(question, 'question')}?{urlencode(parameters)}"
    return Call("GET", path, lambda found: found["data"], files=True)


def _state(reply: Any) -> list[dict[str, Any]]:
    return list(reply["data"]["result"]["result"])


def _versions(reply: Any) -> Versions:
    return Versions(
        str(reply["package"]), str(reply["python"]), reply.get("ray"), reply.get("raydp"), reply.get("spark")
    )
