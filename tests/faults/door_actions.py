"""What the fault door does to a request that a rule fits: each is given the request's way on, and answers in its place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Reply:
    """An answer on its way to the client.

    :param pace: seconds between the bytes of its headers.
    :param sent: how many bytes of the body are sent before the connection is cut; None for all.
    :param is_announced: whether the whole length was announced before.
    """

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    pace: float = 0.0
    sent: int | None = None
    is_announced: bool = True


class ConnectionCutError(Exception):
    """The client's connection shall be reset now."""


PassOn = Callable[[], Awaitable[Reply]]


class Action(Protocol):
    """What is done to a request."""

    async def answer(self, pass_on: PassOn) -> Reply:
        """The client's answer.

        :param pass_on: lets the server carry the request out, and answers what it said.
        :raises ConnectionCutError: there shall be none.
        """
        ...


@dataclass(frozen=True)
class Answer:
    """The request goes no further; this is answered in its place."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"by the fault door"

    async def answer(self, pass_on: PassOn) -> Reply:
        """See :class:`Action`."""
        del pass_on
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        return Reply(self.status, headers, self.body)


@dataclass(frozen=True)
class Reset:
    """The connection is reset: before the request goes on, or when it was carried out and only its answer is lost."""

    is_carried_out: bool

    async def answer(self, pass_on: PassOn) -> Reply:
        """See :class:`Action`."""
        if self.is_carried_out:
            await pass_on()
        raise ConnectionCutError


@dataclass(frozen=True)
class Delayed:
    """The request waits before it goes on."""

    seconds: float

    async def answer(self, pass_on: PassOn) -> Reply:
        """See :class:`Action`."""
        await asyncio.sleep(self.seconds)
        return await pass_on()


@dataclass(frozen=True)
class Trickled:
    """The answer's headers come byte by byte."""

    pace: float

    async def answer(self, pass_on: PassOn) -> Reply:
        """See :class:`Action`."""
        return replace(await pass_on(), pace=self.pace)


@dataclass(frozen=True)
class Truncated:
    """The answer's body ends too early.

    :param share: of it that is sent.
    :param is_announced: whether the client can know from the announced length that something is lacking.
    """

    share: float
    is_announced: bool = True

    async def answer(self, pass_on: PassOn) -> Reply:
        """See :class:`Action`."""
        reply = await pass_on()
        return replace(reply, sent=int(len(reply.body) * self.share), is_announced=self.is_announced)


@dataclass(frozen=True)
class Rewritten:
    """The answer says something else."""

    change: Callable[[bytes], bytes]

    async def answer(self, pass_on: PassOn) -> Reply:
        """See :class:`Action`."""
        reply = await pass_on()
        return replace(reply, body=self.change(reply.body))


@dataclass(frozen=True)
class Meanwhile:
    """Something else is done before the request goes on."""

    act: Callable[[], object]

    async def answer(self, pass_on: PassOn) -> Reply:
        """See :class:`Action`."""
        await asyncio.to_thread(self.act)
        return await pass_on()


@dataclass(frozen=True)
class Cut:
    """A WebSocket is cut after so many messages or pieces of messages from the server; anything else passes."""

    pieces: int

    async def answer(self, pass_on: PassOn) -> Reply:
        """See :class:`Action`."""
        return await pass_on()


def refused(number: int, sqlstate: str, message: str) -> Answer:
    """Snowflake's refusal of a statement, in its own form."""
    data: dict[str, Any] = {"errorCode": f"{number:06d}", "sqlState": sqlstate, "queryId": "00000000-0000"}
    body = {"data": data, "code": f"{number:06d}", "message": message, "success": False}
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(body).encode())
