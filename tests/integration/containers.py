"""What the tests of services run in containers, and how they wait."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

# A web server that tells what it got, in an "image" of its own; it also leaves a daemon behind in a new session.
SERVER = """
import http.server, json, os, socket, subprocess
subprocess.Popen(["sleep", "600"], start_new_session=True)
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"path": self.path, "headers": dict(self.headers), "env": dict(os.environ)}).encode()
        self.send_response(200); self.send_header("Server", "mine"); self.send_header("Content-Length", str(len(body)))
        self.end_headers(); self.wfile.write(body)
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): print("asked for", self.path, flush=True)
print("listening", flush=True)
http.server.ThreadingHTTPServer((os.environ["SPCS_INSTANCE_ADDRESS"], 8000), H).serve_forever()
"""
# An echo over WebSockets, which tells its handshake's headers when asked; the probe's plain GET is answered as well.
ECHO = """
import json, os
from websockets.sync.server import serve

def echo(socket):
    for message in socket:
        socket.send(json.dumps(dict(socket.request.headers)) if message == "headers" else message)

def plain(connection, request):
    return connection.respond(200, "up") if request.path == "/ready" else None

with serve(echo, os.environ["SPCS_INSTANCE_ADDRESS"], 8000, process_request=plain, subprotocols=["v2.echo"],
           select_subprotocol=lambda connection, offered: "v2.echo" if "v2.echo" in offered else None) as server:
    server.serve_forever()
"""
SPEC = """
spec:
  containers:
  - name: main
    image: /raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/web:1
    env: {STAGE: /mnt/stage, OTHER: "web-b:8000", TOKEN_DIR: /mnt/token}
    readinessProbe: {port: 8000, path: /ready}
    volumeMounts: [{name: st, mountPath: /mnt/stage}]
    sessionTokenConfig: {path: /mnt/token, permission: "0600"}
  endpoints: [{name: web, port: 8000, public: true}]
  volumes: [{name: st, source: stage, stageConfig: {name: "@RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.RAYDP_ARTIFACTS"}}]
"""


def until(condition: Any, seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


def make_images(folder: Path) -> Path:
    """The image folders: ``web`` and ``echo`` answer HTTP, ``crash`` ends at once."""
    for name, program in (("web", SERVER), ("echo", ECHO)):
        (folder / name).mkdir()
        file = folder / name / "server.py"
        file.write_text(program)
        greeting = "ENV GREETING=hello\n" if name == "web" else ""
        (folder / name / "Dockerfile").write_text(f'FROM scratch\n{greeting}ENTRYPOINT ["python", "{file}"]\n')
    (folder / "crash").mkdir()
    (folder / "crash" / "Dockerfile").write_text(
        'FROM scratch\nENTRYPOINT ["/bin/sh", "-c", "echo out of luck; exit 3"]\n'
    )
    return folder
