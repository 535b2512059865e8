"""A node's door for orders about its logs, which the head alone has reason to use: ``POST /export``, see ``log_export``."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.node.job_files import NO_QUESTION, body_length
from airflow_provider_raydp_spcs.node.log_orders import Orders

PATH: Final = "/export"
MAX_BODY_BYTES: Final = 64 * 1024
TIMEOUT_SECONDS: Final = 20.0


def serve(address: str, orders: Orders) -> ThreadingHTTPServer:
    """Answer from a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = body_length(self.headers)
            status, answer = 400, {"error": "this is no order; see node.log_export"}
            if self.path == PATH and 0 <= length <= MAX_BODY_BYTES:
                with contextlib.suppress(*NO_QUESTION):
                    status, answer = 200, dict(orders.answer(json.loads(self.rfile.read(length))))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
            """The head asks several times a second; that is no news."""

    server = ThreadingHTTPServer((address, ports.LOGS), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True, name="log-door").start()
    return server


def ask(address: str, order: Mapping[str, Any], port: int = ports.LOGS) -> dict[str, Any]:
    """What the node at an address answers to an order.

    :raises OSError: it does not answer, or not as it should.
    """
    link = http.client.HTTPConnection(address, port, timeout=TIMEOUT_SECONDS)
    try:
        link.request("POST", PATH, json.dumps(dict(order)))
        reply = link.getresponse()
        status, answer = reply.status, json.loads(reply.read())
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(str(error)) from error
    finally:
        link.close()
    if status != 200 or not isinstance(answer, dict):
        msg = f"HTTP {status}: {str(answer)[:200]}"
        raise OSError(msg)
    return answer
