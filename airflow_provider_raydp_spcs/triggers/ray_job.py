"""Waiting for a Ray job without a worker slot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_raydp_spcs.hooks.scope import SpcsScope
from airflow_provider_raydp_spcs.jobs.errors import RayJobsError
from airflow_provider_raydp_spcs.jobs.logs import TAIL_BYTES, LogView
from airflow_provider_raydp_spcs.jobs.submission import JobStatus
from airflow_provider_raydp_spcs.jobs.wait import STOP_SECONDS
from airflow_provider_raydp_spcs.jobs.watch import HeadWatch, Reader
from airflow_provider_raydp_spcs.triggers.watches import head_watch


class RayDPJobTrigger(BaseTrigger):
    """Fires when a job has ended, when its deadline has passed and it was stopped, or when waiting is in vain.

    The event is ``{"status": …, "position": …, "overdue": …}`` or ``{"error": …, "kind": …}``. The job's log goes to the
    task's log meanwhile.

    :param scope: values of a :class:`~airflow_provider_raydp_spcs.hooks.scope.SpcsScope`.
    :param poll_interval: seconds between looks; triggers of one head share them.
    :param deadline: seconds since 1970 after which the job is stopped.
    :param log: whether to show the job's log.
    :param position: up to which it was shown, in bytes.
    :param max_log_lines: how many lines may still be shown.
    :param give_up_at: seconds since 1970 after which the trigger fires although the job goes on; it was only looked at.
    """

    def __init__(
        self,
        cluster_name: str,
        submission_id: str,
        scope: dict[str, Any],
        poll_interval: float,
        deadline: float | None = None,
        log: bool = False,
        position: int = 0,
        max_log_lines: int = 0,
        give_up_at: float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.cluster_name, self.submission_id, self.scope = cluster_name, submission_id, scope
        self.poll_interval, self.deadline = poll_interval, deadline
        self.show_log, self.position, self.max_log_lines = log, position, max_log_lines
        self.give_up_at = give_up_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments; names and numbers only."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "cluster_name": self.cluster_name,
                "submission_id": self.submission_id,
                "scope": asdict(SpcsScope(**self.scope)),
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "log": self.show_log,
                "position": self.position,
                "max_log_lines": self.max_log_lines,
                "give_up_at": self.give_up_at,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Follow the head's watch."""
        try:
            view = LogView(self._show, position=self.position, max_lines=self.max_log_lines)
            status, overdue = await self._end(view)
            if self.show_log:
                await self._rest(view)
            event = {"status": status, "position": view.position, "overdue": overdue}
        except Exception as error:
            if not isinstance(error, RayJobsError):
                self.log.exception("waiting for job %s ended", self.submission_id)
            event = {"error": str(error), "kind": type(error).__name__}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Stop the job: the task was failed, cleared or marked by hand. A sensor's job is left alone."""
        if not self.show_log:
            return
        self.log.info("stopping job %s", self.submission_id)
        await self._watch().stop(self.submission_id)

    async def _end(self, view: LogView) -> tuple[JobStatus, bool]:
        """Follow until the end; answer the last status, and whether the deadline brought it about."""
        end = self.give_up_at if self.deadline is None else self.deadline
        try:
            async with asyncio.timeout(None if end is None else end - time.time()):
                return await self._follow(view), False
        except TimeoutError:
            if self.deadline is None:
                return JobStatus.RUNNING, False
            self.log.warning("job %s is stopped, for its deadline has passed", self.submission_id)
            await self._watch().stop(self.submission_id)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await self._follow(view), True
        except TimeoutError:
            return JobStatus.RUNNING, True

    async def _follow(self, view: LogView) -> JobStatus:
        wants_log = self.show_log and not view.is_full
        reader = Reader(self.submission_id, view.position, wants_log, self._mark())
        status = JobStatus.PENDING
        async with aclosing(self._watch().updates(reader)) as stream:
            async for update in stream:
                status = update.info.status
                view.go_on(reader.shown)
                if update.piece is not None:
                    view.add(update.piece)
                    reader.shown, reader.wants_log = view.position, not view.is_full
        return status

    async def _rest(self, view: LogView) -> None:
        watch = self._watch()
        async with watch.client():  # one for all pieces
            while not view.is_full:
                piece = await watch.rest_of_log(self.submission_id, view.position)
                view.add(piece)
                if piece.is_last:
                    break
            if view.is_full:
                size = (await watch.rest_of_log(self.submission_id, view.position)).size
                view.finish(await watch.rest_of_log(self.submission_id, max(view.position, size - TAIL_BYTES)))
            if mark := self._mark():
                await watch.mark(mark, view.position)

    def _mark(self) -> str:
        """Name under which the head keeps how far this task's try has shown the log; a trigger has no place of its own that
        outlives its triggerer. Empty outside a triggerer, and where no log is shown.
        """
        instance: Any = self.task_instance
        return f"{self.submission_id}/{instance.id}" if self.show_log and instance is not None else ""

    def _show(self, line: str) -> None:
        self.log.info("%s", line)

    def _watch(self) -> HeadWatch:
        return head_watch(SpcsScope(**self.scope), self.cluster_name, self.poll_interval)
