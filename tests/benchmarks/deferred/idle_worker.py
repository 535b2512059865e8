"""A worker node that only says that it is ready; run as a container like the stand-in head."""

from __future__ import annotations

import http.server
import os

from airflow_provider_raydp_spcs import ports


class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
        """The probe comes every second."""


if __name__ == "__main__":
    http.server.ThreadingHTTPServer((os.environ["SPCS_INSTANCE_ADDRESS"], ports.HEALTH), Ready).serve_forever()
