"""Ray's Jobs API, Ray's state API and the head's job files, through the ingress or directly inside the account."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlencode

import httpx

from airflow_provider_raydp_spcs.jobs import calls
from airflow_provider_raydp_spcs.jobs.calls import Call, Versions
from airflow_provider_raydp_spcs.jobs.errors import (
    JobExistsError,
    JobNotFoundError,
    NotSignedInError,
    RayJobsError,
    RayUnreachableError,
    TokenRefusedError,
)
from airflow_provider_raydp_spcs.jobs.replies import check
from airflow_provider_raydp_spcs.jobs.submission import HeadAddress, JobInfo, JobRequest, LogPiece
from airflow_provider_raydp_spcs.patience import Patience
from airflow_provider_raydp_spcs.spcs.errors import SnowflakeUnreachableError
from airflow_provider_raydp_spcs.spcs.ingress import IngressTokens

TIMEOUT_SECONDS: Final = 30.0
EXPORT_LOOK_SECONDS: Final = 0.3
T = TypeVar("T")


class RayJobsClient:
    """One cluster's jobs.

    :param address: where the head answers.
    :param tokens: credentials for the ingress; None inside the account, where none are needed.
    :param ca_bundle: file of certificates to trust; None for the usual ones.
    """

    def __init__(
        self, address: HeadAddress, *, tokens: IngressTokens | None = None, ca_bundle: str | None = None
    ) -> None:
        self.address, self._tokens, self._ca_bundle = address, tokens, ca_bundle
        self._http = httpx.Client(
            timeout=TIMEOUT_SECONDS, verify=ssl.create_default_context(cafile=ca_bundle), follow_redirects=False
        )

    def sibling(self) -> Self:
        """Another client for the same jobs, with connections of its own; close it."""
        return type(self)(self.address, tokens=self._tokens, ca_bundle=self._ca_bundle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, call: Call[T]) -> T:
        """Send a request and read its answer.

        :raises RayJobsError: no answer, or a refusal.
        """
        try:
            return self._send(call)
        except (NotSignedInError, TokenRefusedError):
            if self._tokens is None:
                raise
            self._tokens.forget()
            return self._send(call)

    def _send(self, call: Call[T]) -> T:
        address = self.address.of(files=call.files)
        with translated(f"{call.method} {address}{call.path}"):
            reply = self._http.request(call.method, address + call.path, json=call.body, headers=self._headers())
        return call.result(reply, address)

    def _headers(self) -> dict[str, str]:
        return self._tokens.headers() if self._tokens else {}

    def submit(self, request: JobRequest) -> bool:
        """Submit a job; answer False where it was there already, from an earlier try.

        :raises RayJobsError: it cannot be submitted.
        """
        try:
            self.call(calls.submit(request))
        except JobExistsError:
            return False
        except RayJobsError as refusal:
            if type(refusal) is not RayJobsError or not self._knows(request.submission_id):
                raise
            return False
        return True

    def _knows(self, submission_id: str) -> bool:
        """For a refusal that says nothing: that a job "already exists" is the end of Ray's answer, which may be lost on the way."""
        try:
            self.info(submission_id)
        except JobNotFoundError:
            return False
        return True

    def info(self, submission_id: str) -> JobInfo:
        """A job's state.

        :raises JobNotFoundError: Ray does not know it.
        """
        return self.call(calls.info(submission_id))

    def jobs(self) -> list[JobInfo]:
        """Every job that was submitted."""
        return self.call(calls.jobs())

    def stop(self, submission_id: str) -> bool:
        """Ask a job to stop; answer False where it has ended or is unknown."""
        try:
            return self.call(calls.stop(submission_id))
        except JobNotFoundError:
            return False

    def claim(self, submission_id: str, attempt: int) -> None:
        """Let this try answer for the job from now on: :meth:`claimant` tells those before it.

        A head of an older image keeps nothing.
        """
        with suppress(JobNotFoundError):
            self.call(calls.marks({_claim(submission_id): attempt}, ()))

    def claimant(self, submission_id: str) -> int:
        """The latest try that has claimed the job, 0 for none."""
        name = _claim(submission_id)
        try:
            return self.call(calls.marks({}, [name])).get(name, 0)
        except JobNotFoundError:
            return 0

    def versions(self) -> Versions:
        """What runs on the head.

        :raises JobNotFoundError: its image is older than the question.
        """
        return self.call(calls.versions())

    def new_log(self, submission_id: str, position: int, *, finished: bool = False) -> LogPiece:
        """What a job's log holds after a position in bytes."""
        return self.call(calls.new_logs({submission_id: position}, finished=finished))[submission_id]

    def result(self, submission_id: str) -> Any:
        """The job's result, None where it gave none."""
        try:
            return self.call(calls.result(submission_id))
        except JobNotFoundError:
            return None

    def notebook_token(self) -> str:
        """The token that opens the notebook.

        :raises JobNotFoundError: no notebook runs on the head.
        """
        pieces = self._stream(f"{self.address.files}/notebook-token", {}, "the notebook's token")
        return b"".join(pieces).decode().strip()

    def logs(self, submission_id: str) -> Iterator[bytes]:
        """The driver's whole log, in pieces.

        :raises JobNotFoundError: there is no such job, or no log of it yet; Ray opens it a moment after the job is RUNNING.
        """
        return self._stream(f"{self.address.files}/logs/{calls.part(submission_id)}", {}, f"the log of {submission_id}")

    def export_logs(
        self, order: Mapping[str, Any], *, sleep: Callable[[float], None] = time.sleep
    ) -> dict[str, Any] | None:
        """Have the nodes bring their logs to the stage, and wait until they have; see ``node.log_gathering``.

        :returns: their answer; None where the head knows no such order.
        :raises RayUnreachableError: it was silent for too long.
        """
        patience = Patience()
        while True:
            try:
                answer = self.call(calls.export_logs(order))
            except JobNotFoundError:
                return None
            except RayUnreachableError as error:
                sleep(patience.bear(error))
                continue
            if answer["done"]:
                return answer
            patience.answered()
            sleep(EXPORT_LOOK_SECONDS)

    def nodes(self) -> list[dict[str, Any]]:
        """The nodes, as Ray's state API tells of them."""
        return self.call(calls.nodes())

    def actors(self) -> list[dict[str, Any]]:
        """The actors, likewise."""
        return self.call(calls.actors())

    def prometheus(self, question: str, parameters: Mapping[str, str]) -> Any:
        """What the cluster's Prometheus answers to ``/api/v1/<question>``.

        :raises JobNotFoundError: the cluster has no monitoring.
        :raises RayUnreachableError: Prometheus does not answer.
        """
        return self.call(calls.prometheus(question, parameters))

    def node_logs(self) -> Iterator[tuple[str, str]]:
        """Address of a node and name of a log file on it, for every living node and file."""
        for node in self.nodes():
            if node["state"] == "ALIVE":
                path = f"/api/v0/logs?{urlencode({'node_id': node['node_id']})}"
                found = self.call(Call("GET", path, lambda reply: dict(reply["data"]["result"])))
                for files in found.values():
                    yield from ((str(node["node_ip"]), str(file)) for file in files if not str(file).endswith("/"))

    def read_log(self, node: str, file: str) -> Iterator[bytes]:
        """A log file's content, in pieces."""
        query = {"node_ip": node, "filename": file, "lines": "-1"}
        return self._stream(f"{self.address.ray}/api/v0/logs/file", query, f"{file} of {node}")

    def _stream(self, url: str, query: Mapping[str, str], what: str) -> Iterator[bytes]:
        with (
            translated(f"reading {what}"),
            self._http.stream("GET", url, params=query, headers=self._headers()) as reply,
        ):
            if reply.status_code != 200:
                reply.read()
                check(reply.status_code, reply.text, f"reading {what}")
            yield from reply.iter_bytes()


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turns errors of the transport into ours, and those of Snowflake's where it gives no token: both may pass."""
    try:
        yield
    except (httpx.HTTPError, TimeoutError) as error:
        msg = f"{what}: no answer: {type(error).__name__}: {error}"
        raise RayUnreachableError(msg) from error
    except SnowflakeUnreachableError as error:
        msg = f"{what}: no token for the ingress: {error}"
        raise RayUnreachableError(msg) from error


def _claim(submission_id: str) -> str:
    return f"try of {submission_id}"
