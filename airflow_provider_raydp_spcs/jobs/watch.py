"""Following many jobs of one head: a listing and a request for logs each interval serve them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar

from airflow_provider_raydp_spcs.jobs.aio import AsyncRayJobsClient
from airflow_provider_raydp_spcs.jobs.errors import RayUnreachableError
from airflow_provider_raydp_spcs.jobs.submission import TERMINAL, JobInfo, JobStatus, LogPiece
from airflow_provider_raydp_spcs.jobs.wait import lost
from airflow_provider_raydp_spcs.patience import Patience
from airflow_provider_raydp_spcs.watching import Follower, Watch

T = TypeVar("T")
POLL_SECONDS: Final = 5.0
MAX_PIECES: Final = 1024
"""Logs in one request."""


@dataclass(frozen=True)
class Update:
    """What one look told of a job; ``piece`` is None where nothing new was written."""

    info: JobInfo
    piece: LogPiece | None = None


class HeadWatch(Watch[Update]):
    """Looks at one head for everybody who waits for its jobs.

    :param connect: makes the client; called anew after the watch has rested.
    :param diagnose: raises where Snowflake knows why Ray is silent and waiting is in vain.
    """

    transient: ClassVar[tuple[type[Exception], ...]] = (RayUnreachableError,)

    def __init__(
        self,
        connect: Callable[[], Awaitable[AsyncRayJobsClient]],
        diagnose: Callable[[], Awaitable[None]],
        *,
        poll: float = POLL_SECONDS,
    ) -> None:
        super().__init__(poll)
        self._connect, self._diagnose = connect, diagnose
        self._client: AsyncRayJobsClient | None = None
        self._connecting, self._users = asyncio.Lock(), 0

    @asynccontextmanager
    async def client(self) -> AsyncIterator[AsyncRayJobsClient]:
        """The client, connected at first use and open for as long as somebody uses it or follows."""
        self._users += 1
        try:
            async with self._connecting:
                self._client = self._client or await self._connect()
                client = self._client
            yield client
        finally:
            self._users -= 1
            if not self._followers:
                await self.rest()

    async def updates(self, submission_id: str, *, position: int = 0, log: bool = True) -> AsyncGenerator[Update, None]:
        """What each look tells of a job, until it has ended; the end of its log is left to :meth:`rest_of_log`.

        :param position: up to which its log is known, in bytes.
        :raises RayJobsError: Ray does not know the job, refuses us, or was silent for too long.
        """
        async with aclosing(self.follow(Follower(submission_id, position, log))) as updates:
            async for update in updates:
                yield update
                if update.info.status in TERMINAL:
                    return

    async def rest_of_log(self, submission_id: str, position: int) -> LogPiece:
        """The next piece of a log of a job that has ended, its last line included.

        :raises RayJobsError: Ray refuses us, or was silent for too long.
        """
        pieces = await self._patiently(lambda client: client.new_logs({submission_id: position}, finished=True))
        return pieces[submission_id]

    async def stop(self, submission_id: str) -> None:
        """Stop a job.

        :raises RayJobsError: Ray refuses us, or was silent for too long.
        """
        await self._patiently(lambda client: client.stop(submission_id))

    async def look(self, followers: list[Follower[Update]]) -> None:
        """See the base class."""
        async with self.client() as client:
            await self._look(client, followers)

    async def _look(self, client: AsyncRayJobsClient, followers: list[Follower[Update]]) -> None:
        jobs = {job.submission_id: job for job in await client.jobs()}
        asking = [each for each in followers if each.wants_log and _has_log(jobs.get(each.name))]
        pieces: dict[str, LogPiece] = {}
        for start in range(0, len(asking), MAX_PIECES):
            pieces |= await client.new_logs({each.name: each.position for each in asking[start : start + MAX_PIECES]})
        for follower in followers:
            info = jobs.get(follower.name)
            if info is None:
                follower.queue.put_nowait(lost(follower.name))
                continue
            piece = pieces.get(follower.name) if follower.wants_log else None
            if piece is None or piece.position <= follower.position:
                piece = None
            else:
                follower.position = piece.position
            follower.queue.put_nowait(Update(info, piece))

    async def diagnose(self) -> None:
        """See the base class."""
        await self._diagnose()

    async def rest(self) -> None:
        """See the base class."""
        if self._users:
            return
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _patiently(self, act: Callable[[AsyncRayJobsClient], Awaitable[T]]) -> T:
        patience = Patience()
        while True:
            try:
                async with self.client() as client:
                    return await act(client)
            except self.transient as error:
                pause = patience.bear(error)
                await self.diagnose()
                await asyncio.sleep(pause)


def _has_log(info: JobInfo | None) -> bool:
    return info is not None and info.status is not JobStatus.PENDING
