"""A local Snowflake whose clusters are light: every image of the package runs a small program that answers as a node does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from tests.local_snowflake import local_snowflake

IMAGES = ("raydp_base", "raydp_head", "raydp_worker", "raydp_custom_worker", "prometheus", "grafana")
# After START_SECONDS it answers the readiness probe, and on a head's ports the version and what the test's own file says.
NODE = """
import http.server, json, os, pathlib, threading, time
from airflow_provider_raydp_spcs.version import __version__

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        version = pathlib.Path(__file__).with_name("version").read_text() or __version__
        found = {"package": version, "ray": "2.60.0", "raydp": "1.6.5", "spark": "3.5.7", "python": "3.11"}
        body = json.dumps(found).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass

time.sleep(float(os.environ.get("START_SECONDS", "0")))
address = os.environ["SPCS_INSTANCE_ADDRESS"]
for port in (8265, 8091, 9090, 3000):
    server = http.server.ThreadingHTTPServer((address, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
print("up", flush=True)
http.server.ThreadingHTTPServer((address, 8090), Handler).serve_forever()
"""


def make_images(folder: Path) -> Path:
    """The image folders; ``version`` beside the program is what a node says it is, empty for the truth."""
    (folder / "node.py").write_text(NODE)
    (folder / "version").write_text("")
    for name in IMAGES:
        (folder / name).mkdir()
        (folder / name / "Dockerfile").write_text(f'FROM scratch\nENTRYPOINT ["python", "{folder / "node.py"}"]\n')
    return folder


@contextmanager
def light_snowflake(folder: Path, provisioning_seconds: float = 0.0) -> Iterator[dict[str, str]]:
    """See :func:`tests.local_snowflake.local_snowflake`."""
    with local_snowflake(make_images(folder), provisioning_seconds=provisioning_seconds) as environment:
        yield environment


def small(name: str, **values: object) -> ClusterConfig:
    """A cluster of a head and a worker."""
    groups = (WorkerGroup("CPU_X64_XS", count=1),)
    return ClusterConfig(name, head=HeadConfig("CPU_X64_XS"), worker_groups=groups, **values)  # type: ignore[arg-type]
