"""Ray's Jobs API and state API, through the ingress or directly inside the account."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx

from airflow_provider_raydp_spcs.jobs.errors import (
    JobNotFoundError,
    RayJobsError,
    RayUnreachableError,
)
from airflow_provider_raydp_spcs.jobs.replies import check
from airflow_provider_raydp_spcs.jobs.submission import JobInfo, JobRequest

TIMEOUT_SECONDS: Final = 30.0
Headers = Callable[[], Mapping[str, str]]


def no_headers() -> Mapping[str, str]:
    """For use inside the account, where no token is needed."""
    return {}


class RayJobsClient:
    """One cluster's jobs.

    :param address: ``https://<ingress host>``, or ``http://<head>:8265`` inside the account.
    :param headers: asked before every request, so that a token may be renewed.
    :param ca_bundle: file of certificates to trust; None for the usual ones.
    """

    def __init__(self, address: str, *, headers: Headers = no_headers, ca_bundle: str | None = None) -> None:
        self.address = address.rstrip("/")
        self._headers, self._ca_bundle = headers, ca_bundle
        verify = ssl.create_default_context(cafile=ca_bundle)
        self._http = httpx.Client(base_url=self.address, timeout=TIMEOUT_SECONDS, verify=verify, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(self, request: JobRequest) -> bool:
        """Submit a job with Ray's own SDK; answer False where it was there already, from an earlier try.

        :raises RayJobsError: it cannot be submitted.
        """
        import requests

        try:
            self._sdk().submit_job(
                entrypoint=request.entrypoint,
                submission_id=request.submission_id,
                runtime_env=dict(request.runtime_env),
                metadata=dict(request.metadata),
            )
        except requests.RequestException as error:
            msg = f"submitting {request.submission_id}: no answer from {self.address}: {error}"
            raise RayUnreachableError(msg) from error
        except (RuntimeError, ConnectionError) as error:
            if "already exists" in str(error):
                return False
            msg = f"submitting {request.submission_id}: {error}"
            kind = RayUnreachableError if isinstance(error, ConnectionError) else RayJobsError
            raise kind(msg) from error
        return True

    def info(self, submission_id: str) -> JobInfo:
        """A job's state.

        :raises JobNotFoundError: Ray does not know it.
        """
        return JobInfo.from_json(self._get(f"/api/jobs/{submission_id}").json())

    def jobs(self) -> list[JobInfo]:
        """Every job that was submitted."""
        return [JobInfo.from_json(job) for job in self._get("/api/jobs/").json() if job.get("submission_id")]

    def logs(self, submission_id: str) -> str:
        """The driver's whole log until now."""
        return str(self._get(f"/api/jobs/{submission_id}/logs").json()["logs"])

    def stop(self, submission_id: str) -> bool:
        """Ask a job to stop; answer False where it has ended or is unknown."""
        try:
            reply = self._request("POST", f"/api/jobs/{submission_id}/stop")
        except JobNotFoundError:
            return False
        return bool(reply.json().get("stopped"))

    def nodes(self) -> list[dict[str, Any]]:
        """The nodes, as Ray's state API tells of them."""
        return list(self._get("/api/v0/nodes").json()["data"]["result"]["result"])

    def actors(self) -> list[dict[str, Any]]:
        """The actors, likewise."""
        return list(self._get("/api/v0/actors").json()["data"]["result"]["result"])

    def node_logs(self) -> Iterator[tuple[str, str]]:
        """Address of a node and name of a log file on it, for every living node and file."""
        for node in self.nodes():
            if node["state"] == "ALIVE":
                found = self._get(f"/api/v0/logs?node_id={node['node_id']}").json()["data"]["result"]
                for files in found.values():
                    yield from ((str(node["node_ip"]), str(file)) for file in files if not str(file).endswith("/"))

    def read_log(self, node: str, file: str) -> Iterator[bytes]:
        """A log file's content, in pieces."""
        query = {"node_ip": node, "filename": file, "lines": "-1"}
        with _Translated("reading a log"):
            stream = self._http.stream("GET", "/api/v0/logs/file", params=query, headers=dict(self._headers()))
            with stream as reply:
                if reply.status_code != 200:
                    reply.read()
                    check(reply.status_code, reply.text, f"reading {file} of {node}")
                yield from reply.iter_bytes()

    def _get(self, path: str) -> httpx.Response:
        return self._request("GET", path)

    def _request(self, method: str, path: str) -> httpx.Response:
        what = f"{method} {self.address}{path}"
        with _Translated(what):
            reply = self._http.request(method, path, headers=dict(self._headers()))
        check(reply.status_code, reply.text, what)
        return reply

    def _sdk(self) -> Any:
        """Ray's SDK, imported late for it is heavy, and kept from following redirects."""
        from ray.job_submission import JobSubmissionClient

        class Client(JobSubmissionClient):  # type: ignore[misc]
            def _do_request(self, method: str, endpoint: str, **arguments: Any) -> Any:
                reply = super()._do_request(method, endpoint, allow_redirects=False, **arguments)
                if 300 <= reply.status_code < 400 or reply.status_code in (401, 403, 502, 503, 504):
                    check(reply.status_code, reply.text, f"{method} {endpoint}")
                return reply

        return Client(self.address, headers=dict(self._headers()), verify=self._ca_bundle or True)


class _Translated:
    """Turns errors of the transport into ours."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, httpx.HTTPError):
            msg = f"{self._what}: no answer: {type(error).__name__}: {error}"
            raise RayUnreachableError(msg) from error
