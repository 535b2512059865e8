"""A stand-in for a cluster's head: Ray's Jobs API over invented jobs, and the real job files over real log files.

It runs as the container of a service in the local Snowflake, so that everything in front of it is real: the statements
that find it, the tokens, TLS, the ingress. Its environment:

- ``STAND_IN_FOLDER``: where it keeps logs, writes its counts (``<cluster>.json``, each second) and looks for the file
  ``go``, after which jobs begin to end.
- ``STAND_IN_JOBS``: how many jobs run from the beginning.

A tenth of the jobs print a line every 5 s, and 1 % of all jobs end each minute.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.node import job_files

LINE_SECONDS: Final = 5
WRITING_SHARE: Final = 0.1
ENDING_PER_MINUTE: Final = 0.01


def job_names(cluster: str, count: int) -> list[str]:
    return [f"raydp-{cluster.lower()}-{number:05}" for number in range(count)]


class StandInHead:
    """Jobs that print and end as time goes by."""

    def __init__(self, cluster: str, folder: Path, count: int) -> None:
        self.names = job_names(cluster, count)
        self.ended: dict[str, int] = {}
        self.requests: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._cluster, self._folder = cluster, folder
        self.ray_dir = folder / cluster
        self._logs = self.ray_dir / "session_latest" / "logs"
        self._logs.mkdir(parents=True)
        self._began = int(time.time() * 1000)
        for name in self.names:
            self._log(name).write_text(f"{name} has begun\n")

    def count(self, kind: str) -> None:
        with self._lock:
            self.requests[kind] += 1

    def listing(self) -> list[dict[str, Any]]:
        """What Ray tells of each job, field by field."""
        return [self._info(name) for name in self.names]

    def _info(self, name: str) -> dict[str, Any]:
        end = self.ended.get(name)
        return {
            "type": "SUBMISSION",
            "job_id": "01000000",
            "submission_id": name,
            "driver_info": {"id": "01000000", "node_ip_address": "10.0.0.1", "pid": "4242"},
            "status": "RUNNING" if end is None else "SUCCEEDED",
            "entrypoint": f"python -m airflow_provider_raydp_spcs.runtime run --application C/applications/0123456789abcdef/job.py --sha256 {'0' * 64} --job {name} --",
            "message": "Job is currently running." if end is None else "Job finished successfully.",
            "error_type": None,
            "start_time": self._began,
            "end_time": end,
            "metadata": {"dag_id": "waiting", "run_id": "r", "task_id": "job", "map_index": "0", "try_number": "1"},
            "runtime_env": {},
            "driver_agent_http_address": "http://10.0.0.1:52365",
            "driver_node_id": "0" * 56,
            "driver_exit_code": None if end is None else 0,
        }

    async def live(self) -> None:
        """Print, end and count, second by second."""
        second, due = 0, 0.0
        writing = self.names[: max(1, round(len(self.names) * WRITING_SHARE))]
        while True:
            await asyncio.sleep(1)
            second += 1
            for name in writing[second % LINE_SECONDS :: LINE_SECONDS]:
                if name not in self.ended:
                    self._print(name, f"{time.time():.3f} {name} goes on")
            if (self._folder / "go").exists():
                due += len(self.names) * ENDING_PER_MINUTE / 60
                for _ in range(int(due)):
                    self._end(self.names[-1 - len(self.ended)])
                due -= int(due)
            with self._lock:
                text = json.dumps({"requests": self.requests, "ended": len(self.ended)})
            target = self._folder / f"{self._cluster}.json"
            target.with_suffix(".new").write_text(text)
            target.with_suffix(".new").replace(target)

    def _end(self, name: str) -> None:
        self._print(name, f"{name} has ended")
        self.ended[name] = int(time.time() * 1000)

    def _log(self, name: str) -> Path:
        return self._logs / f"job-driver-{name}.log"

    def _print(self, name: str, line: str) -> None:
        with self._log(name).open("a") as file:
            file.write(line + "\n")


def app(head: StandInHead) -> Starlette:
    async def listing(request: Request) -> Response:
        del request
        head.count("GET /api/jobs/")
        return JSONResponse(head.listing())

    async def ready(request: Request) -> Response:
        del request
        return JSONResponse({})

    async def other(request: Request) -> Response:
        head.count(f"{request.method} {request.url.path}")
        return JSONResponse({}, 404)

    return Starlette(
        routes=[
            Route("/api/jobs/", listing),
            Route("/ready", ready),
            Route("/{path:path}", other, methods=["GET", "POST"]),
        ]
    )


async def main() -> None:
    address, cluster = os.environ["SPCS_INSTANCE_ADDRESS"], os.environ["RAYDP_CLUSTER"]
    head = StandInHead(cluster, Path(os.environ["STAND_IN_FOLDER"]), int(os.environ["STAND_IN_JOBS"]))
    files = job_files.serve(address, head.ray_dir)
    handler: Any = files.RequestHandlerClass

    class Counted(handler):
        def log_request(self, code: Any = "-", size: Any = "-") -> None:
            head.count(f"{self.command} {self.path}")

    files.RequestHandlerClass = Counted
    servers = [
        uvicorn.Server(uvicorn.Config(app(head), host=address, port=port, log_level="warning"))
        for port in (ports.DASHBOARD, ports.HEALTH)
    ]
    await asyncio.gather(head.live(), *(server.serve() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
