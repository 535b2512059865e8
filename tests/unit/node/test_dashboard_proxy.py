"""Ray's dashboard and Grafana under one address."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from aiohttp import WSMsgType, web
from websockets import ConnectionClosedError, Subprotocol
from websockets.sync.client import connect

from airflow_provider_raydp_spcs.node.dashboard_proxy import DashboardProxy, dashboard_environment

ADDRESS = "127.0.0.1"


class Backend:
    """A server that tells what it got, takes uploads, streams, and echoes over WebSockets."""

    def __init__(self, name: str) -> None:
        self.name, self.received = name, 0
        self.more = threading.Event()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.port = asyncio.run_coroutine_threadsafe(self._start(), self.loop).result()

    async def _start(self) -> int:
        application = web.Application(client_max_size=0)
        application.router.add_get("/stream", self._stream)
        application.router.add_get("/echo", self._echo)
        application.router.add_route("*", "/{path:.*}", self._tell)
        self.runner = web.AppRunner(application)
        await self.runner.setup()
        site = web.TCPSite(self.runner, ADDRESS, 0)
        await site.start()
        return int(self.runner.addresses[0][1])

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.runner.cleanup(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)

    async def _tell(self, request: web.Request) -> web.Response:
        async for piece in request.content.iter_any():
            self.received += len(piece)
        if request.path == "/moved":
            return web.Response(status=302, headers={"Location": "/there"})
        told = {
            "who": self.name,
            "method": request.method,
            "path": request.raw_path,
            "headers": {name.lower(): value for name, value in request.headers.items()},
        }
        reply = web.json_response(told)
        reply.headers.add("Set-Cookie", "a=1")
        reply.headers.add("Set-Cookie", "b=2")
        return reply

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first\n")
        await asyncio.to_thread(self.more.wait, 30)
        await response.write(b"second\n")
        return response

    async def _echo(self, request: web.Request) -> web.WebSocketResponse:
        inner = web.WebSocketResponse(protocols=["v2"])
        await inner.prepare(request)
        async for message in inner:
            if message.type is WSMsgType.TEXT and message.data == "bye":
                await inner.close(code=4001)
            elif message.type is WSMsgType.TEXT:
                await inner.send_str(message.data + "!" + request.headers.get("X-Own", ""))
            else:
                await inner.send_bytes(message.data)
        return inner


@pytest.fixture
def ray() -> Iterator[Backend]:
    backend = Backend("ray")
    yield backend
    backend.close()


@pytest.fixture
def grafana() -> Iterator[Backend]:
    backend = Backend("grafana")
    yield backend
    backend.close()


@pytest.fixture
def address(ray: Backend, grafana: Backend) -> Iterator[str]:
    port = free_port()
    proxy = DashboardProxy(
        ADDRESS, f"http://{ADDRESS}:{ray.port}", f"http://{ADDRESS}:{grafana.port}/grafana", port=port
    )
    yield f"{ADDRESS}:{port}"
    proxy.shutdown()


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{address}", trust_env=False) as found:
        yield found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/", "ray"),
        ("/api/jobs/?x=a%2Fb", "ray"),
        ("/grafana", "grafana"),
        ("/grafana/", "grafana"),
        ("/grafana/d-solo/a%20b/c?var-x=%7B1%7D&var-x=2", "grafana"),
        ("/grafanas", "ray"),
        ("/api/grafana_health", "ray"),
    ],
)
def test_grafana_is_below_its_path_and_ray_everywhere_else(client: httpx.Client, path: str, who: str) -> None:
    told = client.get(path).json()
    assert (told["who"], told["path"]) == (who, path)


def test_headers_pass(client: httpx.Client, address: str) -> None:
    reply = client.get("/grafana/", headers={"Sf-Context-Current-User": "ANNA", "Connection": "keep-alive, X-Y"})
    told: dict[str, Any] = reply.json()["headers"]
    assert (told["sf-context-current-user"], told["host"]) == ("ANNA", address)
    assert reply.headers.get_list("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_every_method_passes(client: httpx.Client, method: str) -> None:
    reply = client.request(method, "/x")
    assert reply.status_code == 200
    assert method == "HEAD" or reply.json()["method"] == method


def test_redirects_are_for_who_asked(client: httpx.Client) -> None:
    reply = client.get("/moved")
    assert (reply.status_code, reply.headers["location"]) == (302, "/there")


def test_large_uploads_pass(client: httpx.Client, ray: Backend) -> None:
    size = 20_000_000
    assert client.put("/api/packages/x", content=b"x" * size).status_code == 200
    assert ray.received == size
    assert client.put("/api/packages/x", content=iter([b"x" * 1000] * 1000)).status_code == 200
    assert ray.received == size + 1_000_000


def test_answers_come_while_they_are_made(client: httpx.Client, ray: Backend) -> None:
    with client.stream("GET", "/stream") as reply:
        pieces = reply.iter_lines()
        assert next(pieces) == "first"
        # Only now: the first piece came before there was a second.
        ray.more.set()
        assert list(pieces) == ["second"]


def test_websockets_pass(address: str) -> None:
    with connect(
        f"ws://{address}/echo",
        subprotocols=[Subprotocol("v2")],
        additional_headers={"X-Own": "mine"},
        max_size=None,
        proxy=None,
    ) as outer:
        assert outer.subprotocol == "v2"
        outer.send("hello")
        assert outer.recv(timeout=30) == "hello!mine"
        outer.send(b"\x00" * 2_000_000)
        assert len(outer.recv(timeout=30)) == 2_000_000
        outer.send("bye")
        with pytest.raises(ConnectionClosedError):
            outer.recv(timeout=30)
        assert outer.close_code == 4001


def test_who_does_not_answer_is_named(ray: Backend) -> None:
    port = free_port()
    proxy = DashboardProxy(ADDRESS, f"http://{ADDRESS}:{ray.port}", f"http://{ADDRESS}:1/grafana", port=port)
    try:
        reply = httpx.get(f"http://{ADDRESS}:{port}/grafana/", trust_env=False)
        assert (reply.status_code, reply.json()["error"].partition(":")[0]) == (502, "Grafana does not answer")
        assert httpx.get(f"http://{ADDRESS}:{port}/", trust_env=False).status_code == 200
        with pytest.raises(OSError, match="address already in use"):
            DashboardProxy(ADDRESS, f"http://{ADDRESS}:{ray.port}", f"http://{ADDRESS}:1/grafana", port=port)
    finally:
        proxy.shutdown()


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({}, {"RAY_GRAFANA_HOST": "DISABLED"}),
        (
            {"RAYDP_PROMETHEUS": "http://p:9090"},
            {"RAY_GRAFANA_HOST": "DISABLED", "RAY_PROMETHEUS_HOST": "http://p:9090"},
        ),
        (
            {"RAYDP_PROMETHEUS": "http://p:9090", "RAYDP_GRAFANA": "http://g:3000/grafana"},
            {
                "RAY_PROMETHEUS_HOST": "http://p:9090",
                "RAY_PROMETHEUS_NAME": "Prometheus",
                "RAY_GRAFANA_HOST": "http://g:3000/grafana",
                "RAY_GRAFANA_IFRAME_HOST": "/grafana",
            },
        ),
    ],
)
def test_rays_dashboard_knows_what_there_is(told: dict[str, str], known: dict[str, str]) -> None:
    assert dashboard_environment(told) == known
