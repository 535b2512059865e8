"""The reverse proxy in front of a public endpoint (SPCS reference, part 4)."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
from anyio import to_thread
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from airflow_provider_raydp_spcs.local.ingress.headers import (
    HANDSHAKE,
    Cors,
    cors_headers,
    for_client,
    for_container,
    is_executable,
    snowflake_token,
)
from airflow_provider_raydp_spcs.local.ingress.relay import relay, unless_idle
from airflow_provider_raydp_spcs.local.ingress.sign_in_page import (
    LetIn,
    is_foreign,
    sign_in_routes,
    to_sign_in,
    token_in_cookie,
)

Authorise = Callable[[str], str | None]
MayEnter = Callable[[str, str, str], bool]
IDLE_SECONDS: Final = 90.0
"""Idle time after which the real ingress ends a connection (reference 4.1)."""
_REJECTED: Final = "Rejecting a CORS request since cookie was present, and request does not have an auth header"
_NOT_AUTHORISED: Final = "The role is not authorized to access this endpoint."
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@dataclass(frozen=True)
class Gate:
    """Who comes in, and on what terms.

    :param authorise: token → user, or None.
    :param may_enter: token, service, endpoint → whether the token's role may use it.
    :param let_in: user and password → a token, or None.
    :param user: whom the sign-in page suggests.
    :param cors: service, endpoint → its ``corsSettings``.
    :param idle_seconds: how long a connection may be without a byte.
    """

    authorise: Authorise
    may_enter: MayEnter
    let_in: LetIn
    user: str
    cors: Callable[[str, str], Cors]
    idle_seconds: float = IDLE_SECONDS


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
        async with httpx.AsyncClient(timeout=self._gate.idle_seconds, trust_env=False) as self._client:
            yield

    async def _admit(self, connection: HTTPConnection, method: str) -> str | Response:
        """Who comes, or the answer to whoever may not (reference 4.3, 4.5).

        To know it takes locks that statements hold, too. One who waits for them must not keep all other connections
        waiting, nor wait for ever.
        """
        try:
            async with asyncio.timeout(self._gate.idle_seconds):
                return await to_thread.run_sync(self._judge, connection, method, abandon_on_cancel=True)
        except TimeoutError:
            return Response(status_code=504)

    def _judge(self, connection: HTTPConnection, method: str) -> str | Response:
        token = _token(connection)
        user = self._gate.authorise(token) if token else None
        if token is None or user is None:
            return to_sign_in(connection, method)
        harmless = connection.scope["type"] == "http" and method in ("GET", "HEAD")
        if not harmless and _by_cookie_only(connection) and is_foreign(connection):
            return PlainTextResponse(_REJECTED, status_code=403)
        if not self._gate.may_enter(token, self._service, self._endpoint):
            return PlainTextResponse(_NOT_AUTHORISED, status_code=403)
        return user

    async def _cors(self, origin: str | None) -> Mapping[str, str]:
        if origin is None:
            return {}
        settings = await to_thread.run_sync(self._gate.cors, self._service, self._endpoint)
        return cors_headers(settings, origin)

    def _target(self) -> str | None:
        targets = self._targets()
        return random.choice(targets) if targets else None  # noqa: S311 - balancing

    async def http(self, request: Request) -> Response:
        cors = await self._cors(request.headers.get("origin"))
        if cors and request.method == "OPTIONS" and "access-control-request-method" in request.headers:
            return Response(headers=cors)  # browsers ask this before they send a token
        user = await self._admit(request, request.method)
        if isinstance(user, Response):
            return user
        target = self._target()
        if target is None:
            return self._unreachable()
        body = unless_idle(request.stream(), self._gate.idle_seconds) if _has_body(request) else None
        outgoing = self._client.build_request(
            request.method,
            httpx.URL(f"http://{target}").copy_with(raw_path=_raw_path(request)),
            headers=for_container(request.headers.items(), user),
            content=body,
        )
        try:
            reply = await self._client.send(outgoing, stream=True)
        except (httpx.ReadTimeout, TimeoutError):
            return Response(status_code=504)
        except httpx.TransportError:
            return self._unreachable()
        if is_executable(reply.headers.get("content-type", "")):
            await reply.aclose()
            return Response(status_code=403)
        response = StreamingResponse(
            reply.aiter_raw(), status_code=reply.status_code, background=BackgroundTask(reply.aclose)
        )
        response.raw_headers = for_client(reply.headers.raw, cors)
        return response

    def _unreachable(self) -> Response:
        detail = f"Service {self._service.rpartition('.')[2]} not reachable: no service hosts found."
        return JSONResponse({"responseType": "ERROR", "detail": detail}, status_code=503)

    async def websocket(self, incoming: WebSocket) -> None:
        import websockets

        user = await self._admit(incoming, "GET")
        if isinstance(user, Response):
            await incoming.send_denial_response(user)
            return
        target = self._target()
        if target is None:
            await incoming.send_denial_response(self._unreachable())
            return
        query = f"?{incoming.url.query}" if incoming.url.query else ""
        protocols = [websockets.Subprotocol(each) for each in incoming.scope.get("subprotocols", ())]
        headers = [pair for pair in for_container(incoming.headers.items(), user) if pair[0] not in HANDSHAKE]
        arguments: dict[str, Any] = {"max_size": None, "open_timeout": 10, "proxy": None, "user_agent_header": None}
        try:
            outgoing = await websockets.connect(
                f"ws://{target}{incoming.url.path}{query}",
                subprotocols=protocols or None,
                additional_headers=headers,
                **arguments,
            )
        except (OSError, websockets.WebSocketException):
            await incoming.send_denial_response(self._unreachable())
            return
        async with outgoing:
            await incoming.accept(outgoing.subprotocol)
            await relay(incoming, outgoing, self._gate.idle_seconds)


def _token(connection: HTTPConnection) -> str | None:
    return snowflake_token(connection.headers.get("authorization", "")) or token_in_cookie(connection)


def _by_cookie_only(connection: HTTPConnection) -> bool:
    return snowflake_token(connection.headers.get("authorization", "")) is None


def _raw_path(request: Request) -> bytes:
    path = bytes(request.scope.get("raw_path") or request.url.path.encode())
    query = bytes(request.scope["query_string"])
    return path.split(b"?")[0] + (b"?" + query if query else b"")


def _has_body(request: Request) -> bool:
    return "content-length" in request.headers or "transfer-encoding" in request.headers
