"""The ingress in front of a server that says what it is asked to (SPCS reference, part 4)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.sync.client import connect as dial

from airflow_provider_raydp_spcs.local.ingress.doors import Ingress
from airflow_provider_raydp_spcs.local.ingress.headers import Cors, cors_headers
from airflow_provider_raydp_spcs.local.ingress.proxy import Gate, proxy_app
from airflow_provider_raydp_spcs.local.security.certificates import certificates

GOOD = {"Authorization": 'Snowflake Token="good"'}
PAGE = "https://page.example"
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version": "13",
}
CORS: dict[str, tuple[str, ...]] = {
    "Access-Control-Allow-Origin": (PAGE,),
    "Access-Control-Allow-Methods": ("GET", "PUT"),
    "Access-Control-Expose-Headers": ("X-Own",),
}


async def _container(request: Request) -> Response:
    """Answers with what it got; the query says with which headers, or how slowly."""
    query = request.query_params
    body = (await request.body()).decode()
    if query.get("slow"):

        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            await asyncio.sleep(30)

        return StreamingResponse(pieces())
    if query.get("silent"):
        await asyncio.sleep(30)
    headers = json.loads(query.get("headers", "{}"))
    return JSONResponse({"headers": dict(request.headers), "body": body, "method": request.method}, headers=headers)


async def _echo(socket: WebSocket) -> None:
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            text = await socket.receive_text()
            if text == "bye":
                await socket.close(4001)
                return
            await socket.send_text(text)


@contextlib.asynccontextmanager
async def _serving(app: Any, **options: Any) -> AsyncIterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1, **options))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def ingress(
    *, idle: float = 60, cors: Cors | None = None, ready: bool = True, held: threading.Event | None = None
) -> AsyncIterator[str]:
    """:param held: who may enter is known once it is set."""

    def may_enter(token: str, service: str, endpoint: str) -> bool:
        return (held is None or held.wait(20)) and (token, service, endpoint) == ("good", "D.S.WEB", "web")

    methods = ["GET", "POST", "OPTIONS"]
    container = Starlette(
        routes=[Route("/{path:path}", _container, methods=methods), WebSocketRoute("/{path:path}", _echo)]
    )
    gate = Gate(
        authorise=lambda token: {"good": "JANE", "other": "JOE"}.get(token),
        may_enter=may_enter,
        let_in=lambda user, password: None,
        user="JANE",
        cors=lambda service, endpoint: cors or {},
        idle_seconds=idle,
    )
    async with _serving(container, lifespan="off") as target:
        app = proxy_app("D.S.WEB", "web", lambda: [target] if ready else [], gate)
        async with _serving(app, lifespan="on", ws="websockets-sansio", server_header=False) as address:
            yield address


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20) as made:
        yield made


@pytest.mark.parametrize("header", [None, "Bearer x", 'Snowflake Token="bad"', "Basic Zzz"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_whoever_brings_no_token_is_sent_to_sign_in(
    client: httpx.AsyncClient, header: str | None, method: str
) -> None:
    async with ingress() as address:
        preflight = {"Origin": PAGE, "Access-Control-Request-Method": "GET"} if method == "OPTIONS" else {}
        headers = {**preflight, **({"Authorization": header} if header else {})}
        reply = await client.request(method, f"http://{address}/a", headers=headers)
    assert (reply.status_code, reply.headers["location"].partition("?")[0]) == (302, "/sfc-endpoint/login")


async def test_a_role_without_the_service_role_is_refused(client: httpx.AsyncClient) -> None:
    async with ingress() as address:
        reply = await client.get(f"http://{address}/a", headers={"Authorization": 'Snowflake Token="other"'})
    assert reply.status_code == 403
    assert "headers" not in reply.text


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
async def test_banned_methods_are_not_passed_on(client: httpx.AsyncClient, method: str) -> None:
    async with ingress() as address:
        reply = await client.request(method, f"http://{address}/a", headers=GOOD)
    assert reply.status_code in (400, 405)


async def test_the_container_gets_who_it_is_and_no_token(client: httpx.AsyncClient) -> None:
    forged = {"Sf-Context-Current-User": "ROOT", "Sf-Context-Current-User-Token": "x", "X-SF-SPCS-Authorization": "y"}
    async with ingress() as address:
        reply = await client.get(f"http://{address}/a", headers={**GOOD, **forged, "Cookie": "a=1", "X-Own": "z"})
    got = reply.json()["headers"]
    assert {name for name in got if name.startswith(("sf-", "x-"))} == {
        "sf-context-current-user",
        "x-own",
    }
    assert (got["sf-context-current-user"], got["cookie"]) == ("JANE", "a=1")
    assert "authorization" not in got


async def test_another_authorization_passes_beside_a_cookie(client: httpx.AsyncClient) -> None:
    headers = {"Authorization": "Bearer own", "Cookie": "sfc-endpoint-token=good; a=1"}
    async with ingress() as address:
        got = (await client.get(f"http://{address}/a", headers=headers)).json()["headers"]
    assert (got["authorization"], got["cookie"]) == ("Bearer own", "a=1")


async def test_answers_are_changed_as_documented(client: httpx.AsyncClient) -> None:
    own = {
        "X-XSS-Protection": "1",
        "Server": "mine",
        "X-Powered-By": "me",
        "Public-Key-Pins": "p",
        "X-Frame-Options": "SAMEORIGIN",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Max-Age": "1",
        "Content-Security-Policy-Report-Only": "x",
        "Content-Security-Policy": "script-src 'self'",
        "X-Own": "kept",
    }
    async with ingress() as address:
        reply = await client.get(f"http://{address}/a", headers=GOOD, params={"headers": json.dumps(own)})
    assert not {"x-xss-protection", "server", "x-powered-by", "public-key-pins"} & set(reply.headers)
    assert not [name for name in reply.headers if name.startswith("access-control-") or name.endswith("report-only")]
    assert reply.headers["x-own"] == "kept"
    assert reply.headers.get_list("x-frame-options") == ["DENY"]
    assert reply.headers["cross-origin-embedder-policy"] == "credentialless"
    assert reply.headers["x-content-type-options"] == "nosniff"
    for name in ("cross-origin-opener-policy", "cross-origin-resource-policy"):
        assert reply.headers[name] == "same-origin"
    policies = reply.headers.get_list("content-security-policy")
    assert policies[0] == "script-src 'self'"
    assert policies[1].startswith("default-src 'self'")


@pytest.mark.parametrize("kind", ["application/x-sh", "application/x-msdownload; a=b", "Application/EXE"])
async def test_programs_are_not_handed_out(client: httpx.AsyncClient, kind: str) -> None:
    async with ingress() as address:
        headers = json.dumps({"Content-Type": kind})
        reply = await client.get(f"http://{address}/a", headers=GOOD, params={"headers": headers})
    assert (reply.status_code, reply.content) == (403, b"")


async def test_cors_is_what_the_specification_says(client: httpx.AsyncClient) -> None:
    ask = {"Origin": PAGE, "Access-Control-Request-Method": "PUT"}
    async with ingress(cors=CORS) as address:
        preflight = await client.options(f"http://{address}/a", headers=ask)
        stranger = await client.options(f"http://{address}/a", headers={**ask, "Origin": "https://no.example"})
        reply = await client.get(f"http://{address}/a", headers={**GOOD, "Origin": PAGE})
        unnamed = await client.get(f"http://{address}/a", headers={**GOOD, "Origin": "https://no.example"})
    assert (preflight.status_code, stranger.status_code) == (200, 302)
    for each in (preflight, reply):
        assert each.headers["access-control-allow-origin"] == PAGE
        assert each.headers["access-control-allow-methods"] == "GET, PUT"
        assert each.headers["access-control-max-age"] == "7200"
        assert each.headers["access-control-allow-credentials"] == "true"
        assert "X-Own" in each.headers["access-control-expose-headers"].split(", ")
        assert each.headers["vary"] == "Origin"
    assert not [name for name in unnamed.headers if name.startswith("access-control-")]
    assert cors_headers({}, PAGE) == {}


@pytest.mark.parametrize("kind", ["slow", "silent"])
async def test_a_connection_without_a_byte_is_ended(client: httpx.AsyncClient, kind: str) -> None:
    async with ingress(idle=0.5) as address:
        if kind == "silent":
            assert (await client.get(f"http://{address}/?silent=1", headers=GOOD)).status_code == 504
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(f"http://{address}/?slow=1", headers=GOOD)


async def test_an_upload_that_stops_is_ended() -> None:
    async with ingress(idle=0.5) as address:
        host, port = address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST /a HTTP/1.1\r\nHost: {address}\r\nAuthorization: {GOOD['Authorization']}\r\n"
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n".encode())
        assert (await asyncio.wait_for(reader.readline(), 15)).split()[1] == b"504"
        writer.close()


async def test_no_instance_is_said_so(client: httpx.AsyncClient) -> None:
    async with ingress(ready=False) as address:
        reply = await client.get(f"http://{address}/a", headers=GOOD)
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(f"ws://{address}/x", additional_headers=GOOD, proxy=None)
    assert reply.status_code == caught.value.response.status_code == 503
    assert reply.json() == {
        "responseType": "ERROR",
        "detail": "Service WEB not reachable: no service hosts found.",
    }


@pytest.mark.parametrize(("token", "status"), [(None, 302), ("bad", 302), ("other", 403)])
async def test_websockets_are_refused_as_requests_are(
    client: httpx.AsyncClient, token: str | None, status: int
) -> None:
    handshake = {**HANDSHAKE, **({"Authorization": f"Snowflake Token={token}"} if token else {})}
    async with ingress() as address:
        assert (await client.get(f"http://{address}/x", headers=handshake)).status_code == status


async def test_a_websocket_that_follows_to_the_sign_in_page_gets_the_page() -> None:
    async with ingress() as address:
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(f"ws://{address}/x", proxy=None)
    assert caught.value.response.status_code == 200


@pytest.mark.parametrize("kind", ["request", "handshake"])
async def test_whoever_waits_at_the_door_keeps_nobody_else_waiting(client: httpx.AsyncClient, kind: str) -> None:
    held = threading.Event()
    async with ingress(held=held) as address:
        headers = GOOD if kind == "request" else GOOD | HANDSHAKE
        waiting = asyncio.create_task(client.get(f"http://{address}/x", headers=headers))
        refused = [await client.get(f"http://{address}/x", headers=more) for more in ({}, HANDSHAKE)]
        assert [reply.status_code for reply in refused] == [302, 302]
        assert not waiting.done()
        held.set()
        assert (await waiting).status_code == (200 if kind == "request" else 101)


@pytest.mark.parametrize("more", ["request", "handshake"])
async def test_nobody_waits_for_ever_at_the_door(client: httpx.AsyncClient, more: str) -> None:
    held = threading.Event()
    async with ingress(held=held, idle=0.3) as address:
        headers = GOOD if more == "request" else GOOD | HANDSHAKE
        assert (await client.get(f"http://{address}/x", headers=headers)).status_code == 504
        held.set()


async def test_a_websocket_lives_as_long_as_messages_pass() -> None:
    async with (
        ingress(idle=1) as address,
        websockets.connect(f"ws://{address}/x", additional_headers=GOOD, proxy=None) as dialled,
    ):
        for number in range(8):
            await dialled.send(str(number))
            assert await dialled.recv() == str(number)
            await asyncio.sleep(0.25)
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(dialled.recv(), 15)


async def test_a_websocket_is_closed_with_the_containers_reason() -> None:
    async with (
        ingress() as address,
        websockets.connect(f"ws://{address}/x", additional_headers=GOOD, proxy=None) as dialled,
    ):
        await dialled.send("bye")
        await asyncio.wait_for(dialled.wait_closed(), 15)
        assert dialled.close_code == 4001


@pytest.fixture
def door(tmp_path: Path) -> Iterator[tuple[int, ssl.SSLContext]]:
    """A port of the ingress as it really is, with TLS, and whom to trust."""
    made = certificates(tmp_path)
    gate = Gate(lambda _: None, lambda *_: False, lambda *_: None, "JANE", lambda *_: {})
    doors = Ingress(made.server, gate)
    port = doors.new_port()
    assert doors.open(port, "D.S.WEB", "web", list)
    while not doors.ports():
        time.sleep(0.01)
    yield port, ssl.create_default_context(cafile=str(made.bundle))
    doors.close_ports([port])


def test_no_session_tickets_are_sent(door: tuple[int, ssl.SSLContext]) -> None:
    """They come unasked, and clients that read and write in two threads lose their first request over them."""
    port, trust = door
    with trust.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="127.0.0.1") as link:
        link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert link.recv(1000).startswith(b"HTTP/1.1 302")
        assert link.version() == "TLSv1.3"
        assert link.session is None or not link.session.has_ticket


def test_every_refused_handshake_is_answered(door: tuple[int, ssl.SSLContext]) -> None:
    port, trust = door
    for _ in range(20):
        with (
            pytest.raises(websockets.InvalidStatus) as caught,
            dial(f"wss://127.0.0.1:{port}/x", ssl=trust, proxy=None),
        ):
            pass
        assert caught.value.response.status_code == 200, "it follows to the page"
