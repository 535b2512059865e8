"""Passing on what comes, until nothing comes any more (SPCS reference 4.1)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from starlette.websockets import WebSocket, WebSocketState
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed


async def unless_idle(pieces: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    """The pieces, each within so many seconds.

    :raises TimeoutError: one did not come.
    """
    while True:
        try:
            yield await asyncio.wait_for(anext(pieces), seconds)
        except StopAsyncIteration:
            return


async def relay(incoming: WebSocket, outgoing: ClientConnection, idle_seconds: float) -> None:
    """Pass messages both ways until one side ends or neither has sent anything for so long; then end both."""
    now = asyncio.get_running_loop().time
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(idle_seconds) as limit:

            def heard() -> None:
                limit.reschedule(now() + idle_seconds)

            tasks = [
                asyncio.create_task(_upwards(incoming, outgoing, heard)),
                asyncio.create_task(_downwards(incoming, outgoing, heard)),
            ]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await outgoing.close()
    if incoming.client_state is WebSocketState.CONNECTED:
        with contextlib.suppress(RuntimeError):
            await incoming.close(_code(outgoing))


def _code(outgoing: ClientConnection) -> int:
    """What the container gave as the reason, where it may be passed on."""
    code = outgoing.close_code
    return code if code is not None and (code in (1000, 1001, 1003) or 1007 <= code <= 1011 or code >= 3000) else 1011


async def _upwards(incoming: WebSocket, outgoing: ClientConnection, heard: Callable[[], None]) -> None:
    while True:
        message = await incoming.receive()
        if message["type"] == "websocket.disconnect":
            return
        heard()
        with contextlib.suppress(ConnectionClosed):
            await outgoing.send(message["text"] if message.get("text") is not None else message["bytes"])


async def _downwards(incoming: WebSocket, outgoing: ClientConnection, heard: Callable[[], None]) -> None:
    async for message in outgoing:
        heard()
        if isinstance(message, str):
            await incoming.send_text(message)
        else:
            await incoming.send_bytes(message)
