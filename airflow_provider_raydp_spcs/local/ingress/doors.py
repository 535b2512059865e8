"""Public endpoints: a TLS port on loopback for each, opened and closed while the server runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import uvicorn

from airflow_provider_raydp_spcs.local.ingress.proxy import Gate, proxy_app

logger = logging.getLogger(__name__)


class Ingress:
    """The ports of all public endpoints, served from one thread with an event loop of its own.

    :param certificate: PEM file with key and chain.
    :param gate: who comes in.
    """

    def __init__(self, certificate: Path, gate: Gate) -> None:
        self._certificate, self._gate = certificate, gate
        self._servers: dict[int, uvicorn.Server] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ingress", daemon=True)
        self._thread.start()

    @staticmethod
    def new_port() -> int:
        """A port that is free now."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    def ports(self) -> list[int]:
        """The ports that are open."""
        return [port for port, server in self._servers.items() if server.started]

    def open(self, port: int, service: str, endpoint: str, targets: Callable[[], list[str]]) -> bool:
        """Open a port for a service's endpoint, unless it is open; answer False where another program has taken it.

        :param service: its full name.
        :param targets: where requests may go now, as ``address:port``.
        """
        if port in self._servers:
            return True
        listener = socket.socket()
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as the server's own listener
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            listener.close()
            logger.warning("the ingress port %d of %s is taken: %s", port, service, error)
            return False
        config = uvicorn.Config(
            proxy_app(service, endpoint, targets, self._gate),
            ssl_certfile=str(self._certificate),
            log_config=None,  # uvicorn's own handlers would write the messages of errors
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="websockets-sansio",
            lifespan="on",
            timeout_keep_alive=round(self._gate.idle_seconds),
            timeout_graceful_shutdown=2,
        )
        config.load()
        if config.ssl is not None:
            # Tickets come unasked right after the handshake. They wake the reading thread of clients that read and write the
            # same connection from two threads, and such a client's request may then be lost in its TLS library for good.
            config.ssl.num_tickets = 0
        server = _Server(config)
        self._servers[port] = server
        asyncio.run_coroutine_threadsafe(server.serve(sockets=[listener]), self._loop)
        return True

    def close_ports(self, ports: Iterable[int]) -> None:
        """Close ports."""
        for port in ports:
            server = self._servers.pop(port, None)
            if server is not None:
                server.should_exit = True


class _Server(uvicorn.Server):
    """Signals belong to the main thread."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield
