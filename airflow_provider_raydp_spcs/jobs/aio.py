"""The same API, asynchronously, for triggers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx

from airflow_provider_raydp_spcs.jobs import calls
from airflow_provider_raydp_spcs.jobs.calls import Call
from airflow_provider_raydp_spcs.jobs.client import TIMEOUT_SECONDS, translated
from airflow_provider_raydp_spcs.jobs.errors import JobNotFoundError, NotSignedInError, TokenRefusedError
from airflow_provider_raydp_spcs.jobs.submission import HeadAddress, JobInfo, LogPiece
from airflow_provider_raydp_spcs.spcs.ingress import AsyncIngressTokens

LONGEST_SECONDS: Final = 4 * TIMEOUT_SECONDS
"""For a whole answer, whose parts may take :data:`~airflow_provider_raydp_spcs.jobs.client.TIMEOUT_SECONDS` each."""
T = TypeVar("T")


class AsyncRayJobsClient:
    """One cluster's jobs; see :class:`~airflow_provider_raydp_spcs.jobs.client.RayJobsClient`."""

    def __init__(
        self, address: HeadAddress, *, tokens: AsyncIngressTokens | None = None, ca_bundle: str | None = None
    ) -> None:
        self.address, self._tokens = address, tokens
        self._http = httpx.AsyncClient(
            timeout=TIMEOUT_SECONDS, verify=ssl.create_default_context(cafile=ca_bundle), follow_redirects=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(self, call: Call[T]) -> T:
        """Send a request and read its answer.

        :raises RayJobsError: no answer, or a refusal.
        """
        try:
            return await self._send(call)
        except (NotSignedInError, TokenRefusedError):
            if self._tokens is None:
                raise
            self._tokens.forget()
            return await self._send(call)

    async def _send(self, call: Call[T]) -> T:
        address = self.address.of(files=call.files)
        with translated(f"{call.method} {address}{call.path}"):
            headers = await self._tokens.headers() if self._tokens else {}
            # One answer that trickles must not keep all waiting that share this client.
            async with asyncio.timeout(LONGEST_SECONDS):
                reply = await self._http.request(call.method, address + call.path, json=call.body, headers=headers)
        return call.result(reply, address)

    async def info(self, submission_id: str) -> JobInfo:
        """A job's state."""
        return await self.call(calls.info(submission_id))

    async def jobs(self) -> list[JobInfo]:
        """Every job that was submitted."""
        return await self.call(calls.jobs())

    async def new_logs(self, positions: Mapping[str, int], *, finished: bool = False) -> dict[str, LogPiece]:
        """What the logs of jobs hold after positions in bytes."""
        return await self.call(calls.new_logs(positions, finished=finished))

    async def marks(self, new: Mapping[str, int], wanted: Iterable[str] = ()) -> dict[str, int]:
        """Keep how far logs were shown, and tell how far they had been; a head of an older image keeps nothing."""
        try:
            return await self.call(calls.marks(new, wanted))
        except JobNotFoundError:
            return {}

    async def stop(self, submission_id: str) -> bool:
        """Ask a job to stop; answer False where it has ended or is unknown."""
        try:
            return await self.call(calls.stop(submission_id))
        except JobNotFoundError:
            return False
