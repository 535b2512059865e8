"""The reverse proxy in front of a public endpoint (SPCS reference, part 4)."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from airflow_provider_raydp_spcs.local.ingress.sign_in_page import (
    LetIn,
    is_foreign,
    sign_in_routes,
    to_sign_in,
    token_in_cookie,
    without_cookie,
)

Authorise = Callable[[str], str | None]
MayEnter = Callable[[str, str, str], bool]
IDLE_SECONDS: Final = 90.0
"""Idle time after which the real ingress ends a connection (reference 4.1)."""
_REJECTED: Final = "Rejecting a CORS request since cookie was present, and request does not have an auth header"
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_HOP: Final = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host", "content-length"}
)
_HANDSHAKE: Final = frozenset(
    {"sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol"}
)
"""Headers of a WebSocket's handshake, which each of both connections makes for itself."""
_DROPPED_REQUEST: Final = frozenset({"x-sf-spcs-authorization", "sf-context-current-user"})
_DROPPED_RESPONSE: Final = frozenset(
    {
        "x-xss-protection",
        "server",
        "x-powered-by",
        "public-key-pins",
        "access-control-allow-origin",
        "access-control-allow-methods",
        "access-control-allow-headers",
        "access-control-allow-credentials",
    }
)
_ADDED_RESPONSE: Final = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "credentialless",
    "Content-Security-Policy": (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; object-src 'none'; connect-src 'self'; "
        "frame-ancestors 'self'"
    ),
}


def snowflake_token(header: str) -> str | None:
    """The token of ``Snowflake Token="…"``, with or without quotes; None for anything else."""
    scheme, _, rest = header.strip().partition(" ")
    key, equals, value = rest.strip().partition("=")
    if scheme.lower() != "snowflake" or key.strip().lower() != "token" or not equals:
        return None
    return value.strip().strip('"') or None


@dataclass(frozen=True)
class Gate:
    """Who comes in.

    :param authorise: token → user, or None.
    :param may_enter: token, service, endpoint → whether the token's role may use it.
    :param let_in: user and password → a token, or None.
    :param user: whom the sign-in page suggests.
    """

    authorise: Authorise
    may_enter: MayEnter
    let_in: LetIn
    user: str


def proxy_app(service: str, endpoint: str, targets: Callable[[], list[str]], gate: Gate) -> Starlette:
    """The application that stands in front of one endpoint.

    :param service: its full name.
    :param targets: ``address:port`` of the ready instances.
    """
    proxy = _Proxy(service, endpoint, targets, gate)
    return Starlette(
        routes=[
            *sign_in_routes(gate.let_in, gate.user),
            Route("/{path:path}", proxy.http, methods=_METHODS),
            WebSocketRoute("/{path:path}", proxy.websocket),
        ],
        lifespan=proxy.lifespan,
    )


class _Proxy:
    def __init__(self, service: str, endpoint: str, targets: Callable[[], list[str]], gate: Gate) -> None:
        self._service, self._endpoint, self._targets, self._gate = service, endpoint, targets, gate
        self._client: httpx.AsyncClient

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        del app
        async with httpx.AsyncClient(timeout=IDLE_SECONDS, trust_env=False) as self._client:
            yield

    def _user(self, connection: HTTPConnection) -> str | None:
        token = _token(connection)
        return self._gate.authorise(token) if token else None

    def _is_refused(self, connection: HTTPConnection) -> bool:
        """Whether the caller's role may not use this endpoint (reference 4.3)."""
        return not self._gate.may_enter(_token(connection) or "", self._service, self._endpoint)

    def _target(self) -> str | None:
        targets = self._targets()
        return random.choice(targets) if targets else None  # noqa: S311 - balancing

    async def http(self, request: Request) -> Response:
        user = self._user(request)
        if user is None:
            return to_sign_in(request)
        if _by_cookie_only(request) and is_foreign(request) and request.method not in ("GET", "HEAD"):
            return PlainTextResponse(_REJECTED, status_code=403)
        if self._is_refused(request):
            return PlainTextResponse("The role is not authorized to access this endpoint.", status_code=403)
        target = self._target()
        if target is None:
            return self._unreachable()
        outgoing = self._client.build_request(
            request.method,
            httpx.URL(f"http://{target}").copy_with(raw_path=_raw_path(request)),
            headers=[*_forwarded(request.headers.items()), ("sf-context-current-user", user)],
            content=request.stream() if _has_body(request) else None,
        )
        try:
            reply = await self._client.send(outgoing, stream=True)
        except httpx.TransportError:
            return self._unreachable()
        response = StreamingResponse(reply.aiter_raw(), status_code=reply.status_code)
        response.raw_headers = [
            (name.lower(), value)
            for name, value in reply.headers.raw
            if name.decode().lower() not in _DROPPED_RESPONSE | (_HOP - {"content-length"})
        ]
        response.headers.update(_ADDED_RESPONSE)
        response.background = _Close(reply)  # type: ignore[assignment]
        return response

    def _unreachable(self) -> Response:
        detail = f"Service {self._service.rpartition('.')[2]} not reachable: no service hosts found."
        return JSONResponse({"responseType": "ERROR", "detail": detail}, status_code=503)

    async def websocket(self, incoming: WebSocket) -> None:
        import websockets

        user = self._user(incoming)
        foreign = _by_cookie_only(incoming) and is_foreign(incoming)
        refused = user is None or foreign or self._is_refused(incoming)
        target = None if refused else self._target()
        if user is None or target is None:
            await incoming.close(code=1008)
            return
        query = f"?{incoming.url.query}" if incoming.url.query else ""
        protocols = [websockets.Subprotocol(each) for each in incoming.scope.get("subprotocols", ())]
        headers = [pair for pair in _forwarded(incoming.headers.items()) if pair[0] not in _HANDSHAKE]
        headers.append(("sf-context-current-user", user))
        try:
            async with websockets.connect(
                f"ws://{target}{incoming.url.path}{query}",
                max_size=None,
                open_timeout=10,
                proxy=None,
                subprotocols=protocols or None,
                additional_headers=headers,
                user_agent_header=None,
            ) as outgoing:
                await incoming.accept(outgoing.subprotocol)
                tasks = [
                    asyncio.create_task(_upwards(incoming, outgoing)),
                    asyncio.create_task(_downwards(incoming, outgoing)),
                ]
                _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in pending:
                    task.cancel()
        except (OSError, websockets.WebSocketException):
            with contextlib.suppress(RuntimeError):
                await incoming.close(code=1011)
            return
        with contextlib.suppress(RuntimeError):
            await incoming.close()


def _token(connection: HTTPConnection) -> str | None:
    return snowflake_token(connection.headers.get("authorization", "")) or token_in_cookie(connection)


def _by_cookie_only(connection: HTTPConnection) -> bool:
    return snowflake_token(connection.headers.get("authorization", "")) is None


async def _upwards(incoming: WebSocket, outgoing: object) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            message = await incoming.receive()
            if message["type"] == "websocket.disconnect":
                return
            await outgoing.send(message.get("text") if message.get("text") is not None else message["bytes"])  # type: ignore[attr-defined]


async def _downwards(incoming: WebSocket, outgoing: object) -> None:
    async for message in outgoing:  # type: ignore[attr-defined]
        if isinstance(message, str):
            await incoming.send_text(message)
        else:
            await incoming.send_bytes(message)


class _Close:
    """Ends the request to the container once the answer has been sent."""

    def __init__(self, reply: httpx.Response) -> None:
        self._reply = reply

    async def __call__(self) -> None:
        await self._reply.aclose()


def _raw_path(request: Request) -> bytes:
    path = bytes(request.scope.get("raw_path") or request.url.path.encode())
    query = bytes(request.scope["query_string"])
    return path.split(b"?")[0] + (b"?" + query if query else b"")


def _has_body(request: Request) -> bool:
    return "content-length" in request.headers or "transfer-encoding" in request.headers


def _forwarded(headers: object) -> list[tuple[str, str]]:
    """Headers for the container; a Snowflake token stays outside, any other Authorization passes."""
    kept = []
    for name, value in headers:  # type: ignore[attr-defined]
        if name in _DROPPED_REQUEST or (name in _HOP and name != "content-length"):
            continue
        if name == "authorization" and snowflake_token(value) is not None:
            continue
        if name == "cookie":
            value = without_cookie(value)
        if value or name != "cookie":
            kept.append((name, value))
    return kept
