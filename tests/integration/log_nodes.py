"""A cluster whose nodes do nothing but what a node does about its logs, with files that look as if Ray had written them.

Each life of a node writes LOG_FILES files of LOG_BYTES bytes in all, the head a driver's log too. A node dies by SIGKILL when it
is asked for ``/die``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from tests.integration.light import IMAGES
from tests.local_snowflake import local_snowflake

NODE = """
import http.client, http.server, json, os, pathlib, random, signal, sys, threading, time, uuid
from airflow_provider_raydp_spcs.node import job_files, log_shipping
from airflow_provider_raydp_spcs.node.log_room import LogRoom
from airflow_provider_raydp_spcs.node.settings import NodeSettings, Role

log_shipping.EVERY_SECONDS = float(os.environ.get("SHIP_SECONDS", "0.3"))
role = Role(sys.argv[1])
settings = NodeSettings.read(role, os.environ)
address = os.environ["SPCS_INSTANCE_ADDRESS"]
head = address if role is Role.HEAD else settings.head_address.rpartition(":")[0]
session = settings.ray_dir / f"session_{uuid.uuid4().hex}"
logs = session / "logs"
logs.mkdir(parents=True)
latest = settings.ray_dir / "session_latest"
latest.unlink(missing_ok=True)
latest.symlink_to(session)
count, size = int(os.environ.get("LOG_FILES", "3")), int(os.environ.get("LOG_BYTES", "3000"))
noise = random.Random(address).randbytes(size // max(1, count))
for number in range(count):
    (logs / f"worker-{uuid.uuid4().hex}-{number}.out").write_bytes(noise)
if role is Role.HEAD:
    (logs / "job-driver-job.log").write_text("of the driver\\n")
nodes = set()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.path.startswith("/here/"):
            nodes.add(self.path.rpartition("/")[2])
        found = [{"node_ip": node, "node_id": node, "state": "ALIVE"} for node in sorted(nodes)]
        body = json.dumps({"data": {"result": {"result": found}}}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass

def serve(port):
    server = http.server.ThreadingHTTPServer((address, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

room = LogRoom.of(settings, address, lambda line: print(line, flush=True))
if role is Role.HEAD:
    serve(8265)
    job_files.serve(address, settings.ray_dir, exports=room.exports)
while True:
    try:
        link = http.client.HTTPConnection(head, 8265, timeout=5)
        link.request("GET", f"/here/{address}")
        link.getresponse()
        break
    except OSError:
        time.sleep(0.1)
signal.signal(signal.SIGTERM, lambda *a: (room.shipping.stop(), os._exit(0)))
serve(8090)
threading.Event().wait()
"""


@contextmanager
def log_snowflake(folder: Path) -> Iterator[dict[str, str]]:
    """See :func:`tests.local_snowflake.local_snowflake`."""
    program = folder / "node.py"
    program.write_text(NODE)
    for name in IMAGES:
        (folder / name).mkdir()
        role = "head" if name == "raydp_head" else "worker"
        (folder / name / "Dockerfile").write_text(f'FROM scratch\nENTRYPOINT ["python", "{program}", "{role}"]\n')
    with local_snowflake(folder) as environment:
        yield environment


def log_cluster(name: str, workers: int = 2, **env: str) -> ClusterConfig:
    """A cluster of such nodes.

    :param env: of every node.
    """
    groups = [WorkerGroup("CPU_X64_XS", count=workers, env=env)]
    return ClusterConfig(name, head=HeadConfig("CPU_X64_XS", env=env), worker_groups=groups)
