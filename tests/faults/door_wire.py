"""One connection through the fault door: CONNECT, TLS on both sides, and HTTP/1.1 or a WebSocket inside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import h11

from tests.faults.door_actions import Action, ConnectionCutError, Cut, Reply

_PIECE = 65536
_HOP = (b"connection", b"keep-alive", b"transfer-encoding", b"content-length")


@dataclass(frozen=True)
class Asked:
    """A request that came to the door.

    :param port: of the server it is for.
    :param path: with the query.
    :param headers: names in lower case.
    :param sql: the statement, where it is one.
    """

    method: str
    host: str
    port: int
    path: str
    headers: Mapping[str, str]
    body: bytes
    sql: str


class Doorkeeper(Protocol):
    """Who says what strikes."""

    idle_seconds: float | None
    idle_ended: int

    def admit(self, asked: Asked) -> Action | None:
        """Note a request; answer what strikes it."""
        ...


class Tunnel:
    """One client's connection to one server.

    :param inward: how the client's TLS is answered.
    :param outward: how the server's is begun.
    """

    def __init__(self, keeper: Doorkeeper, inward: ssl.SSLContext, outward: ssl.SSLContext) -> None:
        self._keeper, self._inward, self._outward = keeper, inward, outward

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve it until either side ends it."""
        self._reader, self._writer = reader, writer
        self._server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, _, rest = head.decode("latin-1").partition(" ")
            if method != "CONNECT":
                writer.write(b"HTTP/1.1 405 CONNECT only\r\nContent-Length: 0\r\n\r\n")
                return
            self._host, _, port = rest.split(" ")[0].rpartition(":")
            self._port = int(port)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.start_tls(self._inward)
            await self._exchange()
        except ConnectionCutError:
            self._reset()
        except TimeoutError:
            self._keeper.idle_ended += 1  # in good order
        except (OSError, EOFError, asyncio.IncompleteReadError, h11.ProtocolError):
            self._reset()  # as the server itself did, or would have done
        except asyncio.CancelledError:
            self._reset()  # the door is closed
        finally:
            for each in (self._writer, self._server[1] if self._server else None):
                if each is not None:
                    each.close()

    async def _exchange(self) -> None:
        client = h11.Connection(h11.SERVER)
        idle_seconds = None  # a connection is idle behind an answer only, not while its first request is made
        while True:
            async with asyncio.timeout(idle_seconds):
                request = await _event(client, self._reader)
            if not isinstance(request, h11.Request):
                return
            if client.they_are_waiting_for_100_continue:
                self._writer.write(client.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            asked = self._asked(request, await _body(client, self._reader))
            action = self._keeper.admit(asked)
            if _is_upgrade(asked):
                await self._websocket(client, request, action)
                return

            async def pass_on(request: h11.Request = request, asked: Asked = asked) -> Reply:
                return await self._pass_on(request, asked)

            reply = await (action.answer(pass_on) if action else pass_on())
            await self._answer(client, reply)
            if client.our_state is not h11.DONE or client.their_state is not h11.DONE:
                return
            client.start_next_cycle()
            idle_seconds = self._keeper.idle_seconds

    def _asked(self, request: h11.Request, body: bytes) -> Asked:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        path = request.target.decode("latin-1")
        sql = _statement(body, headers) if "/query-request" in path else ""
        return Asked(request.method.decode(), self._host, self._port, path, headers, body, sql)

    async def _pass_on(self, request: h11.Request, asked: Asked) -> Reply:
        """The server's answer. Each request has a connection of its own there, so that none meets one that has ended."""
        reader, writer = await self._connect()
        try:
            connection = h11.Connection(h11.CLIENT)
            headers = [pair for pair in request.headers if pair[0] not in (*_HOP, b"expect")]
            if asked.body or asked.method in ("POST", "PUT"):
                headers.append((b"content-length", str(len(asked.body)).encode()))
            sent = h11.Request(
                method=request.method, target=request.target, headers=[*headers, (b"connection", b"close")]
            )
            for event in (sent, h11.Data(data=asked.body), h11.EndOfMessage()):
                writer.write(connection.send(event) or b"")
            await writer.drain()
            answer = await _event(connection, reader)
            while isinstance(answer, h11.InformationalResponse):
                answer = await _event(connection, reader)
            if not isinstance(answer, h11.Response):
                raise ConnectionCutError
            body = await _body(connection, reader)
            return Reply(answer.status_code, list(answer.headers), body)
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        found = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._outward, server_hostname=self._host)
        self._server = found
        return found

    async def _answer(self, client: h11.Connection, reply: Reply) -> None:
        is_bodiless = client.their_state is h11.DONE and client._request_method == b"HEAD"
        is_cut = reply.sent is not None
        headers = [pair for pair in reply.headers if pair[0].lower() not in _HOP]
        if is_bodiless:
            headers = [pair for pair in reply.headers if pair[0].lower() not in _HOP[:3]]
        elif not is_cut or reply.is_announced:
            headers.append((b"Content-Length", str(len(reply.body)).encode()))
        else:
            headers.append((b"Connection", b"close"))
        head = client.send(h11.Response(status_code=reply.status, headers=headers)) or b""
        await self._write_slowly(head, reply.pace)
        body = b"" if is_bodiless else reply.body[: reply.sent]
        self._writer.write((client.send(h11.Data(data=body)) if body else None) or b"")
        await self._writer.drain()
        if is_cut and reply.is_announced:
            raise ConnectionCutError
        self._writer.write(client.send(h11.EndOfMessage()) or b"")
        await self._writer.drain()

    async def _write_slowly(self, data: bytes, pace: float) -> None:
        for start in range(0, len(data), 1) if pace else ():
            self._writer.write(data[start : start + 1])
            await self._writer.drain()
            await asyncio.sleep(pace)
        if not pace:
            self._writer.write(data)

    async def _websocket(self, client: h11.Connection, request: h11.Request, action: Action | None) -> None:
        """Hand everything through, or cut it after so many pieces."""
        del client
        left = action.pieces if isinstance(action, Cut) else None
        reader, writer = await self._connect()
        lines = [b"%s %s HTTP/1.1" % (request.method, request.target)]
        lines += [b"%s: %s" % pair for pair in request.headers.raw_items()]
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
        there = asyncio.create_task(_pipe(self._reader, writer))
        try:
            self._writer.write(await reader.readuntil(b"\r\n\r\n"))
            while data := await reader.read(_PIECE):
                self._writer.write(data)
                await self._writer.drain()
                if left is not None and (left := left - 1) <= 0:
                    raise ConnectionCutError
        finally:
            there.cancel()
            await asyncio.gather(there, return_exceptions=True)

    def _reset(self) -> None:
        """RST instead of FIN, to the client."""
        found = self._writer.get_extra_info("socket")
        if found is not None:
            with contextlib.suppress(OSError):
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()
        writer.close()


async def _event(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(_PIECE))
    return event


async def _body(connection: h11.Connection, reader: asyncio.StreamReader) -> bytes:
    found = bytearray()
    while isinstance(event := await _event(connection, reader), h11.Data):
        found += event.data
    return bytes(found)


def _is_upgrade(asked: Asked) -> bool:
    return asked.headers.get("upgrade", "").lower() == "websocket"


def _statement(body: bytes, headers: Mapping[str, str]) -> str:
    raw = zlib.decompress(body, zlib.MAX_WBITS | 16) if headers.get("content-encoding") == "gzip" else body
    return str(json.loads(raw or b"{}").get("sqlText", ""))
