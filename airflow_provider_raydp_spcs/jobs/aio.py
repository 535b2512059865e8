"""The same REST, asynchronously, for triggers."""

from __future__ import annotations

import ssl
from types import TracebackType
from typing import Self

import httpx

from airflow_provider_raydp_spcs.jobs.client import TIMEOUT_SECONDS, Headers, no_headers
from airflow_provider_raydp_spcs.jobs.errors import JobNotFoundError, RayUnreachableError
from airflow_provider_raydp_spcs.jobs.replies import check
from airflow_provider_raydp_spcs.jobs.submission import JobInfo


class AsyncRayJobsClient:
    """One cluster's jobs; see :class:`~airflow_provider_raydp_spcs.jobs.client.RayJobsClient`."""

    def __init__(self, address: str, *, headers: Headers = no_headers, ca_bundle: str | None = None) -> None:
        self.address = address.rstrip("/")
        self._headers = headers
        verify = ssl.create_default_context(cafile=ca_bundle)
        self._http = httpx.AsyncClient(
            base_url=self.address, timeout=TIMEOUT_SECONDS, verify=verify, follow_redirects=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def info(self, submission_id: str) -> JobInfo:
        """A job's state."""
        return JobInfo.from_json((await self._request("GET", f"/api/jobs/{submission_id}")).json())

    async def logs(self, submission_id: str) -> str:
        """The driver's whole log until now."""
        return str((await self._request("GET", f"/api/jobs/{submission_id}/logs")).json()["logs"])

    async def stop(self, submission_id: str) -> bool:
        """Ask a job to stop; answer False where it has ended or is unknown."""
        try:
            reply = await self._request("POST", f"/api/jobs/{submission_id}/stop")
        except JobNotFoundError:
            return False
        return bool(reply.json().get("stopped"))

    async def _request(self, method: str, path: str) -> httpx.Response:
        what = f"{method} {self.address}{path}"
        try:
            reply = await self._http.request(method, path, headers=dict(self._headers()))
        except httpx.HTTPError as error:
            msg = f"{what}: no answer: {type(error).__name__}: {error}"
            raise RayUnreachableError(msg) from error
        check(reply.status_code, reply.text, what)
        return reply
