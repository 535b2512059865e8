"""Ray's dashboard and Grafana under one address, so that the one may show panels of the other.

The ingress gives every endpoint a host of its own and lets no page be framed by one of another host (SPCS reference
4.4). So where the cluster has Grafana, the head's public dashboard is this proxy: ``/grafana/…`` goes to Grafana, which
serves itself below that path, and everything else to Ray. Requests and answers pass as they come, piece by piece, and
so does the header with the user's name that the ingress adds, by which Grafana knows who asks.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from airflow_provider_raydp_spcs import ports

if TYPE_CHECKING:
    from aiohttp import ClientSession, ClientWebSocketResponse, web

CONNECT_SECONDS: Final = 10.0
_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade"}
)
_MADE_BY_WEBSOCKETS: Final = "sec-websocket-"


def dashboard_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What Ray's dashboard has to know of Prometheus and Grafana, from what the head was told of them."""
    prometheus, grafana = environment.get("RAYDP_PROMETHEUS"), environment.get("RAYDP_GRAFANA")
    if not (prometheus and grafana):
        # Otherwise it would look for a Grafana beside itself, again and again.
        return {"RAY_GRAFANA_HOST": "DISABLED", **({"RAY_PROMETHEUS_HOST": prometheus} if prometheus else {})}
    return {
        "RAY_PROMETHEUS_HOST": prometheus,
        # The datasource's name in images/grafana.
        "RAY_PROMETHEUS_NAME": "Prometheus",
        "RAY_GRAFANA_HOST": grafana,
        # Seen from a browser: below the dashboard's own address.
        "RAY_GRAFANA_IFRAME_HOST": urlsplit(grafana).path,
    }


def serve(address: str, grafana: str) -> DashboardProxy:
    """Answer from a thread of its own.

    :param grafana: ``http://host:port/path`` of Grafana.
    :raises OSError: the port is taken.
    """
    return DashboardProxy(address, f"http://{address}:{ports.DASHBOARD}", grafana)


class DashboardProxy:
    """The proxy, listening until it is shut down.

    :param ray: ``http://host:port`` of Ray's dashboard.
    :raises OSError: the port is taken.
    """

    def __init__(self, address: str, ray: str, grafana: str, port: int = ports.DASHBOARD_PROXY) -> None:
        split = urlsplit(grafana)
        self._ray, self._grafana, self._path = ray, f"{split.scheme}://{split.netloc}", split.path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="dashboard-proxy")
        self._thread.start()
        self._client: ClientSession
        self._runner: web.AppRunner
        self._do(self._start(address, port))

    def shutdown(self) -> None:
        """Stop listening."""
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _start(self, address: str, port: int) -> None:
        import aiohttp
        from aiohttp import web

        self._client = aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type", "Accept"),
        )
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, auto_decompress=False, shutdown_timeout=1)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, address, port).start()
        except OSError:
            await self._stop()
            raise

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._client.close()

    def _target(self, path: str) -> str:
        return self._grafana if path == self._path or path.startswith(f"{self._path}/") else self._ray

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import ClientConnectionError, web
        from yarl import URL

        target = self._target(request.path)
        url = URL(target + request.raw_path, encoded=True)
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._websocket(request, url)
            return await self._http(request, url)
        except ClientConnectionError as error:
            who = "Ray's dashboard" if target == self._ray else "Grafana"
            return web.json_response({"error": f"{who} does not answer: {error}"}, status=502)

    async def _http(self, request: web.Request, url: Any) -> web.StreamResponse:
        from aiohttp import web

        body = request.content if request.can_read_body else None
        async with self._client.request(
            request.method, url, headers=_passed(request.headers), data=body, allow_redirects=False
        ) as reply:
            response = web.StreamResponse(status=reply.status, reason=reply.reason, headers=_passed(reply.headers))
            await response.prepare(request)
            async for piece in reply.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response

    async def _websocket(self, request: web.Request, url: Any) -> web.WebSocketResponse:
        from aiohttp import web

        wanted = [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if each.strip()]
        headers = {
            name: value
            for name, value in _passed(request.headers).items()
            if not name.lower().startswith(_MADE_BY_WEBSOCKETS)
        }
        async with self._client.ws_connect(url, headers=headers, protocols=wanted, max_msg_size=0) as inner:
            outer = web.WebSocketResponse(protocols=[inner.protocol] if inner.protocol else [], max_msg_size=0)
            await outer.prepare(request)
            ways = [asyncio.create_task(_hand_on(outer, inner)), asyncio.create_task(_hand_on(inner, outer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
            await outer.close(code=inner.close_code or 1000)
            return outer


async def _hand_on(
    source: web.WebSocketResponse | ClientWebSocketResponse, sink: web.WebSocketResponse | ClientWebSocketResponse
) -> None:
    from aiohttp import WSMsgType

    async for message in source:
        if message.type is WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await sink.send_bytes(message.data)


def _passed(headers: Any) -> Any:
    """Headers without those that are about one connection only; several of one name stay several."""
    from multidict import CIMultiDict

    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP)
