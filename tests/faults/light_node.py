"""A node without Ray: the program of every image of the light system.

A head answers the Jobs API as Ray does, with jobs that are threads; its job files, logs and exports are the package's own. It
writes down what has really run, so that "lost" and "doubled" are numbers: a file for each run of a job, with its run's id, in
``RUNS/<cluster>`` on the stage of the logs (files there take no second line, SPCS reference, part 5).
"""

from __future__ import annotations

import http.server
import json
import os
import shlex
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.node import health, job_files
from airflow_provider_raydp_spcs.node.address import own_address
from airflow_provider_raydp_spcs.node.log_room import LogRoom
from airflow_provider_raydp_spcs.node.settings import NodeSettings, Role

RUNS = "runs"
LINES = 8
"""Lines that a job writes, in equal steps over the seconds that its argument says."""


class Head:
    """The jobs of one head.

    :param ray_dir: as Ray has it: logs below ``session_latest/logs``.
    :param runs: folder in which each run of a job is written down.
    """

    def __init__(self, ray_dir: Path, address: str, runs: Path) -> None:
        self._address, self._results = address, ray_dir / job_files.RESULTS
        self._logs = ray_dir / "session_latest" / "logs"
        self._jobs: dict[str, dict[str, Any]] = {}
        self._runs = runs
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """What a request is answered: status and JSON, or text."""
        match method, path.partition("?")[0].strip("/").split("/"):
            case "POST", ["api", "jobs"]:
                return self._submit(json.loads(body))
            case "GET", ["api", "jobs"]:
                with self._lock:
                    return 200, [dict(job) for job in self._jobs.values()]
            case "GET", ["api", "jobs", name] if name in self._jobs:
                return 200, dict(self._jobs[name])
            case "POST", ["api", "jobs", name, "stop"] if name in self._jobs:
                return 200, {"stopped": self._end(name, "STOPPED", None)}
            case _, ["api", "jobs", name, *_]:
                return 404, f"Job {name} does not exist"
            case "GET", ["api", "v0", "nodes"]:
                node = {"node_id": "n", "node_ip": self._address, "state": "ALIVE"}
                return 200, {"data": {"result": {"result": [node]}}}
            case "GET", ["api", "v0", kind] if kind != "logs":
                return 200, {"data": {"result": {"result": []}}}
            case "GET", ["api", "v0", "logs"]:
                return 200, {"data": {"result": {}}}
        return 404, "404: Not Found"

    def _submit(self, request: dict[str, Any]) -> tuple[int, Any]:
        name = str(request["submission_id"])
        with self._lock:
            if name in self._jobs:
                return (
                    500,
                    f"Traceback (most recent call last):\nValueError: Job with submission_id {name} already exists.",
                )
            self._jobs[name] = {
                "submission_id": name,
                "status": "PENDING",
                "metadata": request["metadata"],
                "entrypoint": request["entrypoint"],
                "start_time": int(time.time() * 1000),
            }
        threading.Thread(target=self._run, args=(name,), daemon=True).start()
        return 200, {"job_id": name, "submission_id": name}

    def _run(self, name: str) -> None:
        job = self._jobs[name]
        words = shlex.split(job["entrypoint"])
        seconds = float(words[words.index("--") + 1])
        with self._lock:
            (self._runs / uuid.uuid4().hex).write_text(job["metadata"]["run_id"])
            job["status"] = "RUNNING"
        with (self._logs / f"job-driver-{name}.log").open("w") as log:
            for number in range(LINES):
                time.sleep(seconds / LINES)
                print(f"line {number} of {job['metadata']['run_id']}", file=log, flush=True)
        (self._results / f"{name}.json").write_text(json.dumps({"value": job["metadata"]["run_id"]}))
        self._end(name, "SUCCEEDED", 0)

    def _end(self, name: str, status: str, code: int | None) -> bool:
        with self._lock:
            job = self._jobs[name]
            runs = job["status"] in ("PENDING", "RUNNING")
            if runs:
                job |= {"status": status, "driver_exit_code": code, "end_time": int(time.time() * 1000)}
            return runs


def serve(head: Head, address: str) -> None:
    """Answer where Ray's dashboard does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = head.answer(self.command, self.path, body)
            content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the base class' names

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer((address, ports.DASHBOARD), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main() -> None:
    """Serve until the platform ends it."""
    role = Role.WORKER if os.environ.get("RAYDP_HEAD_ADDRESS") else Role.HEAD
    settings, address = NodeSettings.read(role, os.environ), own_address()
    for folder in (settings.ray_dir / "session_latest" / "logs", settings.ray_dir / job_files.RESULTS):
        folder.mkdir(parents=True, exist_ok=True)
    if role is Role.HEAD:
        assert settings.logs_dir is not None
        runs = settings.logs_dir / RUNS / settings.cluster
        runs.mkdir(parents=True, exist_ok=True)
        serve(Head(settings.ray_dir, address, runs), address)
        room = LogRoom.of(settings, address, print)
        job_files.serve(address, settings.ray_dir, exports=room.exports if room else None)
    health.serve(address, lambda: True)
    print("up", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
