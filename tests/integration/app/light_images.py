"""Images of the cluster's names whose containers are ready at once: a web page where Ray and its neighbours would be."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_raydp_spcs import ports

PROGRAM = """
import http.server, os, threading

ADDRESS = os.environ["SPCS_INSTANCE_ADDRESS"]


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = {"/ready": "up", "/": NAMES.get(self.server.server_port, "page"), "/notebook-token": "a-token-to-paste"}
        body = known.get(self.path.partition("?")[0], "nothing here").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


NAMES = {int(port): name for port, name in (each.split("=") for each in os.environ["LIGHT_PORTS"].split())}
servers = [http.server.ThreadingHTTPServer((ADDRESS, port), Page) for port in NAMES]
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
print("light container of", os.environ["RAYDP_CLUSTER"], "is up", flush=True)
servers[0].serve_forever()
"""


def write(folder: Path) -> Path:
    """Write the images into a folder; answer it."""
    program = folder / "light.py"
    program.write_text(PROGRAM)
    nodes = {
        "raydp_head": {ports.DASHBOARD: "dashboard", ports.JOB_FILES: "job-files", ports.NOTEBOOK: "notebook"},
        "raydp_worker": {},
        "raydp_custom_worker": {},
    }
    for image, pages in nodes.items():
        (folder / image).mkdir()
        listed = " ".join(f"{port}={name}" for port, name in {ports.HEALTH: "health", **pages}.items())
        (folder / image / "Dockerfile").write_text(
            f'FROM scratch\nENV LIGHT_PORTS="{listed}"\nENTRYPOINT ["python", "{program}"]\n'
        )
    return folder
