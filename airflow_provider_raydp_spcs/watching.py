"""Waiting for many things at the price of one: whoever waits follows a watch, which looks once each interval for all."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from airflow_provider_raydp_spcs.patience import Patience

U = TypeVar("U")


@dataclass(eq=False)
class Follower(Generic[U]):
    """Somebody who waits.

    :param name: of what is waited for.
    """

    name: str
    queue: asyncio.Queue[U | Exception] = field(default_factory=asyncio.Queue, kw_only=True)


F = TypeVar("F", bound=Follower[Any])


class Watch(ABC, Generic[U, F]):
    """Looks while somebody follows, and rests otherwise. Every method runs in one event loop.

    :param poll: seconds between looks.
    """

    transient: ClassVar[tuple[type[Exception], ...]] = ()
    """Errors that are borne for a while."""

    def __init__(self, poll: float) -> None:
        self.poll = poll
        self._followers: set[F] = set()
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def look(self, followers: list[F]) -> None:
        """Look once, and put what each follower shall learn into its queue; an exception ends its waiting."""

    async def diagnose(self) -> None:
        """Called in a silence; raises where waiting is in vain."""

    async def rest(self) -> None:
        """Called when nobody follows any more: let go of what was opened."""

    async def follow(self, follower: F) -> AsyncGenerator[U, None]:
        """What each look tells, for as long as the caller listens.

        :raises Exception: what ended the waiting.
        """
        self._followers.add(follower)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_on())
        try:
            while True:
                update = await follower.queue.get()
                if isinstance(update, Exception):
                    raise update
                yield update
        finally:
            self._followers.discard(follower)

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.rest()

    async def _look_on(self) -> None:
        patience = Patience()
        while self._followers:
            pause = self.poll
            try:
                await self.look(list(self._followers))
                patience.answered()
            except self.transient as error:
                try:
                    pause = patience.bear(error)
                    await self.diagnose()
                except Exception as reason:
                    self._give_up(reason)
            except Exception as error:
                self._give_up(error)
            if self._followers:
                await asyncio.sleep(pause)
            if not self._followers:
                # Somebody may come meanwhile, hence the loop; and must not wait in vain for what went wrong here.
                with contextlib.suppress(Exception):
                    await self.rest()

    def _give_up(self, reason: Exception) -> None:
        for follower in self._followers:
            follower.queue.put_nowait(reason)
        self._followers.clear()


class Watches(Generic[U]):
    """The watches of this process, by event loop and by what they look at."""

    def __init__(self) -> None:
        self._watches: dict[tuple[Any, ...], Watch[U, Any]] = {}

    def get(self, key: tuple[Any, ...], make: Any) -> Any:
        """The watch for a key, made where there is none."""
        whole = (asyncio.get_running_loop(), *key)  # its id may be another loop's later
        if whole not in self._watches:
            self._watches[whole] = make()
        return self._watches[whole]
