"""Many that wait, one that looks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import pytest

from airflow_provider_raydp_spcs.jobs.errors import HeadGoneError, JobLostError, RayUnreachableError
from airflow_provider_raydp_spcs.jobs.submission import JobInfo, JobStatus, LogPiece
from airflow_provider_raydp_spcs.jobs.watch import HeadWatch, Reader, Update


class FakeHead:
    """A client whose jobs end after a number of looks; counts what it is asked."""

    def __init__(self, ends_after: int = 3) -> None:
        self.ends_after = ends_after
        self.listings = self.log_requests = self.closed = 0
        self.silent = 0
        self.jobs_there = {"j1", "j2"}

    async def jobs(self) -> list[JobInfo]:
        self.listings += 1
        if self.silent:
            self.silent -= 1
            raise RayUnreachableError("silence")
        status = JobStatus.SUCCEEDED if self.listings > self.ends_after else JobStatus.RUNNING
        return [JobInfo(job, status) for job in sorted(self.jobs_there)]

    async def new_logs(self, positions: Mapping[str, int], *, finished: bool = False) -> dict[str, LogPiece]:
        del finished
        self.log_requests += 1
        return {job: LogPiece(f"{job} line {at}\n", at + 1, at + 1) for job, at in positions.items()}

    async def close(self) -> None:
        self.closed += 1


async def nothing() -> None:
    pass


def watch(head: FakeHead, diagnose: Callable[[], Awaitable[None]] = nothing) -> HeadWatch:
    async def connect() -> Any:
        return head

    return HeadWatch(connect, diagnose, poll=0.01)


async def collect(watched: HeadWatch, job: str, *, log: bool = True) -> list[Update]:
    async with aclosing(watched.updates(Reader(job, wants_log=log))) as updates:
        return [update async for update in updates]


async def test_many_followers_cost_one_look() -> None:
    head = FakeHead()
    watched = watch(head)
    found = await asyncio.gather(
        collect(watched, "j1"), collect(watched, "j2"), *(collect(watched, "j1", log=False) for _ in range(50))
    )
    assert head.listings == 4
    assert head.log_requests <= 4
    assert all(updates[-1].info.status is JobStatus.SUCCEEDED for updates in found)
    texts = [update.piece.text for update in found[0] if update.piece]
    assert texts == [f"j1 line {number}\n" for number in range(len(texts))]
    assert all(update.piece is None for update in found[2])


async def test_who_has_nothing_new_to_learn_is_not_woken() -> None:
    head = FakeHead(ends_after=20)
    watched = watch(head)
    with_log, without = await asyncio.gather(collect(watched, "j1"), collect(watched, "j2", log=False))
    assert head.listings == 21
    assert len(with_log) >= 20
    assert [update.info.status for update in without] == [JobStatus.RUNNING, JobStatus.SUCCEEDED]


async def test_who_comes_later_learns_the_state_at_once() -> None:
    head = FakeHead(ends_after=20)
    watched = watch(head)
    first = asyncio.create_task(collect(watched, "j1", log=False))
    await asyncio.sleep(0.05)
    assert head.listings > 1
    assert (await collect(watched, "j1", log=False))[0].info.status is JobStatus.RUNNING
    assert len(await first) == 2


async def test_it_rests_when_nobody_waits_and_starts_again() -> None:
    head = FakeHead(ends_after=1)
    watched = watch(head)
    await collect(watched, "j1")
    await asyncio.sleep(0.05)
    asked = head.listings
    await asyncio.sleep(0.05)
    assert (head.listings, head.closed) == (asked, 1)
    assert (await collect(watched, "j2"))[-1].info.status is JobStatus.SUCCEEDED


async def test_silence_is_borne() -> None:
    head = FakeHead(ends_after=2)
    head.silent = 1
    assert (await collect(watch(head), "j1"))[-1].info.status is JobStatus.SUCCEEDED


async def test_a_head_that_is_gone_ends_everybodys_waiting() -> None:
    head = FakeHead()
    head.silent = 99

    async def gone() -> None:
        raise HeadGoneError("the service was dropped")

    watched = watch(head, gone)
    for job in ("j1", "j2"):
        with pytest.raises(HeadGoneError, match="dropped"):
            await collect(watched, job)


async def test_a_job_that_ray_does_not_know_is_lost_and_others_go_on() -> None:
    head = FakeHead()
    watched = watch(head)
    other = asyncio.create_task(collect(watched, "j1"))
    with pytest.raises(JobLostError, match="unknown"):
        await collect(watched, "unknown")
    assert (await other)[-1].info.status is JobStatus.SUCCEEDED


async def test_closing_stops_looking() -> None:
    head = FakeHead(ends_after=10_000)
    watched = watch(head)
    following = asyncio.create_task(collect(watched, "j1"))
    await asyncio.sleep(0.05)
    await watched.close()
    asked = head.listings
    await asyncio.sleep(0.05)
    assert (head.listings, head.closed) == (asked, 1)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


class BusyHead(FakeHead):
    """A head whose answers take as long as the test wants."""

    def __init__(self) -> None:
        super().__init__(ends_after=0)
        self.go_on = asyncio.Event()
        self.stopped: list[str] = []
        self.deaf = 0

    async def new_logs(self, positions: Mapping[str, int], *, finished: bool = False) -> dict[str, LogPiece]:
        if finished:
            await self.go_on.wait()
            assert not self.closed, "the client was closed under a request"
        return await super().new_logs(positions)

    async def stop(self, job: str) -> bool:
        if self.deaf:
            self.deaf -= 1
            raise RayUnreachableError("silence")
        self.stopped.append(job)
        return True


async def test_the_client_is_kept_for_who_reads_the_rest_of_a_log_and_closed_after_that() -> None:
    head = BusyHead()
    watched = watch(head)

    async def follow_and_read() -> LogPiece:
        await collect(watched, "j1", log=False)
        return await watched.rest_of_log("j1", 0)

    reading = asyncio.create_task(follow_and_read())
    await asyncio.sleep(0.1)  # several intervals, in which nobody follows any more
    head.go_on.set()
    assert (await reading).text == "j1 line 0\n"
    assert head.closed == 1


async def test_many_that_come_at_once_make_one_client() -> None:
    head, made = BusyHead(), []  # type: tuple[BusyHead, list[int]]

    async def connect() -> Any:
        made.append(1)
        await asyncio.sleep(0.01)
        return head

    watched = HeadWatch(connect, nothing, poll=0.01)
    await asyncio.gather(*(watched.stop(f"j{number}") for number in range(5)))
    assert (len(made), len(head.stopped), head.closed) == (1, 5, 1)


async def test_stopping_bears_silence_and_asks_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_raydp_spcs.patience.FIRST_PAUSE", 0.01)
    head = BusyHead()
    head.deaf = 2
    await watch(head).stop("j1")
    assert head.stopped == ["j1"]
    head.deaf = 99

    async def gone() -> None:
        raise HeadGoneError("the service was dropped")

    with pytest.raises(HeadGoneError, match="dropped"):
        await watch(head, gone).stop("j1")
