"""The node's answer to the platform's readiness probe: ``GET /ready``."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.node.node_ports import node_ports
from airflow_provider_raydp_spcs.node.settings import NodeSettings, Role

PATH = "/ready"


def serve(address: str, is_ready: Callable[[], bool]) -> ThreadingHTTPServer:
    """Answer 200 where the node is ready and 503 where it is not, from a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ready = self.path == PATH and is_ready()
            # On a busy node the answer may come after whoever asked has left; that is no news either.
            with contextlib.suppress(ConnectionError):
                self.send_response(200 if ready else 503)
                self.end_headers()
                self.wfile.write(b"ready\n" if ready else b"not ready\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
            """Probes come every second; they are no news."""

    server = ThreadingHTTPServer((address, ports.HEALTH), Handler)
    threading.Thread(target=server.serve_forever, daemon=True, name="health").start()
    return server


def ray_is_ready(settings: NodeSettings, address: str) -> bool:
    """Whether Ray works on this node: its agent sees a living raylet, and on the head the Jobs API answers."""
    if not answers(address, node_ports(address).agent_listen, "/api/local_raylet_healthz"):
        return False
    return settings.role is not Role.HEAD or answers(address, ports.DASHBOARD, "/api/version")


def answers(host: str, port: int, path: str) -> bool:
    """Whether an HTTP GET is answered with 200."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
