"""Following many jobs of one head: a listing and a request for logs each interval serve them all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeVar

from airflow_provider_raydp_spcs.jobs.aio import AsyncRayJobsClient
from airflow_provider_raydp_spcs.jobs.errors import RayJobsError, RayUnreachableError
from airflow_provider_raydp_spcs.jobs.submission import TERMINAL, JobInfo, JobStatus, LogPiece
from airflow_provider_raydp_spcs.jobs.wait import DEFERRED_POLL_SECONDS, lost
from airflow_provider_raydp_spcs.patience import Patience
from airflow_provider_raydp_spcs.watching import Follower, Watch

T = TypeVar("T")
MAX_PIECES: Final = 1024
"""Logs in one request."""


@dataclass(frozen=True)
class Update:
    """What was new of a job at one look; ``piece`` is None where nothing new was written."""

    info: JobInfo
    piece: LogPiece | None = None


@dataclass(eq=False)
class Reader(Follower[Update]):
    """Somebody who follows a job, and may show its log.

    :param position: of the log, up to where it was read, in bytes.
    :param wants_log: whether the log is wanted; may change at any time.
    :param mark: name under which the head keeps how far the log was shown, so that whoever follows with the same name
        later goes on from there; empty keeps nothing.
    """

    position: int = 0
    wants_log: bool = False
    mark: str = ""
    shown: int = field(default=0, init=False)
    """Position up to which the reader has shown the log; the reader's own to set."""
    marked: int | None = field(default=None, init=False)
    """What the head was told of it; None before the head was asked."""
    told: JobStatus | None = field(default=None, init=False)


class HeadWatch(Watch[Update, Reader]):
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
        poll: float = DEFERRED_POLL_SECONDS,
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

    async def updates(self, reader: Reader) -> AsyncGenerator[Update, None]:
        """What is new of a job, until it has ended: its state, where it changed, and what its log has gained.

        The end of the log is left to :meth:`rest_of_log`. With the first update the reader's ``shown`` is where the log's
        text goes on.

        :raises RayJobsError: Ray does not know the job, refuses us, or was silent for too long.
        """
        async with aclosing(self.follow(reader)) as updates:
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

    async def mark(self, name: str, position: int) -> None:
        """Have the head keep how far a log was shown; that it does not answer is no error."""
        with contextlib.suppress(RayJobsError):
            async with self.client() as client:
                await client.marks({name: position})

    async def look(self, followers: list[Reader]) -> None:
        """See the base class."""
        async with self.client() as client:
            await self._look(client, followers)

    async def _look(self, client: AsyncRayJobsClient, followers: list[Reader]) -> None:
        jobs = {job.submission_id: job for job in await client.jobs()}
        await self._find_marks(client, [each for each in followers if each.marked is None])
        asking = [each for each in followers if each.wants_log and _has_log(jobs.get(each.name))]
        pieces: dict[str, LogPiece] = {}
        for start in range(0, len(asking), MAX_PIECES):
            pieces |= await client.new_logs({each.name: each.position for each in asking[start : start + MAX_PIECES]})
        for follower in followers:
            self._tell(follower, jobs.get(follower.name), pieces.get(follower.name) if follower.wants_log else None)
        await asyncio.sleep(0)  # now they show what they were told
        await self._mark(client, followers)

    def _tell(self, reader: Reader, info: JobInfo | None, piece: LogPiece | None) -> None:
        """Most jobs have nothing new at most looks; among a thousand of them, waking nobody for nothing matters."""
        if info is None:
            reader.queue.put_nowait(lost(reader.name))
            return
        new = piece if piece is not None and piece.position > reader.position else None
        if new is not None:
            reader.position = new.position
        if new is not None or reader.told is not info.status:
            reader.told = info.status
            reader.queue.put_nowait(Update(info, new))

    async def _find_marks(self, client: AsyncRayJobsClient, readers: list[Reader]) -> None:
        """Where readers go on that are new here."""
        names = [reader.mark for reader in readers if reader.mark]
        found = await client.marks({}, names) if names else {}
        for reader in readers:
            reader.marked = reader.shown = reader.position = max(reader.position, found.get(reader.mark, 0))

    async def _mark(self, client: AsyncRayJobsClient, readers: list[Reader]) -> None:
        new = {reader: reader.shown for reader in readers if reader.mark and reader.shown != reader.marked}
        if new:
            await client.marks({reader.mark: shown for reader, shown in new.items()})
        for reader, shown in new.items():
            reader.marked = shown

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
