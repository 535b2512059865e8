"""What the Airflow face meets, in memory or on this machine: a head behind an ingress, a Snowflake, Airflow's own part."""

from __future__ import annotations

import asyncio
import http.server
import json
import ssl
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.jobs.functions import own_python
from airflow_provider_raydp_spcs.node.marks import Marks
from airflow_provider_raydp_spcs.spcs.errors import ObjectDoesNotExistError
from airflow_provider_raydp_spcs.spcs.service_info import EndpointInfo, ServiceStatus
from airflow_provider_raydp_spcs.spcs.services import Service
from airflow_provider_raydp_spcs.version import __version__
from tests.unit.cluster.fakes import FakeClient, FakeServices, FakeStages

TOKEN = "canary-secret"
CONNECTION = {
    "conn_type": "snowflake",
    "login": "u",
    "password": TOKEN,
    "schema": "S",
    "extra": {"account": "a", "authenticator": "PROGRAMMATIC_ACCESS_TOKEN"},
}
ENDS_WELL = (("RUNNING", "first line\n"), ("SUCCEEDED", "last line\n"))
FAILS = (("RUNNING", "first line\n"), ("FAILED", "the reason\n"))
GOES_ON = (("RUNNING", "first line\n"),)
NOBODY = 503, {"responseType": "ERROR", "detail": "Service C_HEAD not reachable: no service hosts found."}
_NO_RESULT = object()


@dataclass
class Job:
    """A job; each look at it takes it one step further."""

    steps: deque[tuple[str, str]]
    result: Any = _NO_RESULT
    exit_code: int | None = None
    status: str = "PENDING"
    log: str = ""
    request: dict[str, Any] = field(default_factory=dict)

    def go_on(self) -> None:
        if self.steps:
            self.status, text = self.steps.popleft()
            self.log += text

    def told(self, name: str) -> dict[str, Any]:
        ended = self.status in ("SUCCEEDED", "FAILED", "STOPPED")
        code = self.exit_code if ended else None
        return {"submission_id": name, "status": self.status, "driver_exit_code": code}


class FakeHead:
    """Ray's Jobs API and the head's job files behind an ingress that wants the token, over HTTPS.

    ``silent`` is how many requests are answered as by an ingress that reaches nobody, ``lost_answers`` how many are carried
    out and answered so all the same, ``deaf`` how many to a path that ends so reach nobody; ``on_post`` is called before a
    submitted job is taken.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.jobs: dict[str, Job] = {}
        self.plans: deque[Job] = deque()
        self.requests: list[tuple[str, str]] = []
        self.silent = self.lost_answers = 0
        self.deaf: dict[str, int] = {}
        self.python = own_python()
        self.package = __version__
        self.on_post: Callable[[], None] = lambda: None
        self.node_logs: dict[str, list[str]] = {}
        self.notebook_token: str | None = None
        self.marks = Marks()
        self._lock = threading.RLock()
        head = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                signed_in = self.headers.get("Authorization") == f'Snowflake Token="{TOKEN}"'
                status, answer = head.answer(self.command, self.path, body) if signed_in else (302, "sign in")
                content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815 - the base class' names

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.host = f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def will(self, *steps: tuple[str, str], result: Any = _NO_RESULT, exit_code: int | None = None) -> None:
        """How the next job that is submitted shall go."""
        self.plans.append(Job(deque(steps), result, exit_code))

    def run(self, name: str, *steps: tuple[str, str], **values: Any) -> Job:
        """A job that is there already."""
        self.jobs[name] = Job(deque(steps), **values)
        return self.jobs[name]

    @property
    def posted(self) -> int:
        """Requests to submit a job."""
        return self.requests.count(("POST", "/api/jobs/"))

    def stops(self, name: str) -> int:
        """Requests to stop a job."""
        return self.requests.count(("POST", f"/api/jobs/{name}/stop"))

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        self.requests.append((method, path))
        if self.silent:
            self.silent -= 1
            return NOBODY
        for end, left in self.deaf.items():
            if left and path.endswith(end):
                self.deaf[end] = left - 1
                return NOBODY
        if (method, path) == ("POST", "/api/jobs/"):
            self.on_post()  # outside the lock, for it may ask us something
        with self._lock:
            answer = self._answer(method, path, body)
        if self.lost_answers:
            self.lost_answers -= 1
            return NOBODY
        return answer

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        parts = path.strip("/").split("/")
        match method, parts:
            case "POST", ["api", "jobs"]:
                return self._submit(json.loads(body))
            case "GET", ["api", "jobs"]:
                for job in self.jobs.values():
                    job.go_on()
                return 200, [job.told(name) for name, job in self.jobs.items()]
            case "GET", ["api", "jobs", name] if name in self.jobs:
                self.jobs[name].go_on()
                return 200, self.jobs[name].told(name)
            case "POST", ["api", "jobs", name, "stop"] if name in self.jobs:
                job = self.jobs[name]
                runs = job.status in ("PENDING", "RUNNING")
                job.status, job.steps = ("STOPPED", deque()) if runs else (job.status, job.steps)
                return 200, {"stopped": runs}
            case "POST", ["logs"]:
                wanted = json.loads(body)
                return 200, {
                    name: self._piece(name, at, wanted["finished"]) for name, at in wanted["positions"].items()
                }
            case "POST", ["marks"]:
                wanted = json.loads(body)
                self.marks.set(wanted["set"])
                return 200, self.marks.get(wanted["get"])
            case "GET", ["logs", name] if name in self.jobs:
                return 200, self.jobs[name].log
            case "GET", ["results", name] if name in self.jobs and self.jobs[name].result is not _NO_RESULT:
                return 200, self.jobs[name].result
            case "GET", ["notebook-token"] if self.notebook_token:
                return 200, self.notebook_token
            case "GET", ["version"] if self.package:
                return 200, {"python": self.python, "package": self.package}
            case "GET", ["api", "v0", "nodes"]:
                return 200, {
                    "data": {"result": {"result": [{"node_id": "n", "node_ip": "10.0.0.1", "state": "ALIVE"}]}}
                }
            case "GET", ["api", "v0", logs] if logs.startswith("logs"):
                return 200, {"data": {"result": self.node_logs}}
        return 404, {"error": "there is nothing here"}

    def _submit(self, request: dict[str, Any]) -> tuple[int, Any]:
        name = request["submission_id"]
        if name in self.jobs:
            return 500, f"Traceback (most recent call last):\nValueError: Job with submission_id {name} already exists."
        self.jobs[name] = self.plans.popleft() if self.plans else Job(deque(ENDS_WELL))
        self.jobs[name].request = request
        return 200, {"submission_id": name}

    def _piece(self, name: str, position: int, finished: bool) -> dict[str, Any]:
        log = self.jobs[name].log if name in self.jobs else ""
        end = len(log) if finished else log.rfind("\n") + 1
        return {"text": log[position:end], "position": max(position, end), "size": len(log)}


class _Services(FakeServices):
    """Services whose head is the fake one; they come up at once, or stay as ``come_up`` says."""

    def __init__(self, calls: list[str]) -> None:
        super().__init__(calls)
        self.host: str | None = "127.0.0.1:9"
        self.come_up = ServiceStatus.RUNNING

    def create(self, service: Service) -> None:
        super().create(service)
        self.become(self.come_up)

    def endpoints(self, name: str) -> list[EndpointInfo]:
        short = name.rpartition(".")[2]
        if short not in self.there:
            raise ObjectDoesNotExistError(short, 2003)
        if short.endswith("_GRAFANA"):
            return [EndpointInfo("grafana", 3000, True, "grafana.example")]
        if not short.endswith("_HEAD"):
            return []
        public = [
            ("dashboard", 8265, self.host),
            ("job-files", 8266, self.host),
            ("notebook", 8888, "notebook.example"),
        ]
        return [EndpointInfo(endpoint, port, True, host) for endpoint, port, host in public]


class _Stages(FakeStages):
    """Stages; ``on_put`` is called first, and may refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_there: dict[str, bytes] = {}
        self.on_put: Callable[[], None] = lambda: None

    def put(self, source: Path, target: str) -> None:
        self.on_put()
        for file in source.parent.glob(source.name):
            content = file.read_bytes()
            name = f"{target.removeprefix('@')}/{file.name}"
            self.bytes_there[name], self.files_there[name] = content, content.decode(errors="replace")


class FakeSnowflake(FakeClient):
    """A Snowflake whose waiting can be made eventful: ``on_sleep`` is called instead of each pause."""

    def __init__(self) -> None:
        super().__init__()
        self.services, self.stages = _Services(self.calls), _Stages()
        self.on_sleep: Callable[[], None] = lambda: None

    def account(self) -> tuple[str, str]:
        return "ORG", "ACC"

    def clusters(self) -> Clusters:
        return Clusters(self, sleep=lambda seconds: self.on_sleep())  # type: ignore[arg-type]

    def make(self, name: str, *, owner: str = "somebody", run: str = "else", **values: Any) -> None:
        """A cluster that is there already."""
        config = ClusterConfig(name, worker_groups=[WorkerGroup(count=1)], **values)
        self.clusters().create(config, owner=owner, run=run)
        self.calls.clear()


class Channel:
    """The channel to Airflow, which nobody may use from a signal handler."""

    is_closed = False

    def use(self) -> None:
        assert not self.is_closed, "Airflow was asked for something while the task was being killed"


class Store(Channel):
    """Airflow's task state store: outlives the tries of a task."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.on_get: Callable[[], None] = lambda: None
        self.on_set: Callable[[str], None] = lambda key: None

    def get(self, key: str, default: Any = None) -> Any:
        self.use()
        self.on_get()
        return self.values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        self.use()
        self.values[key] = json.loads(json.dumps(value))
        self.on_set(key)


class TaskInstance(Channel):
    """A task's try, with the XComs of its run."""

    def __init__(self, task_id: str, xcoms: dict[tuple[str, str], Any], try_number: int, max_tries: int) -> None:
        self.dag_id, self.run_id, self.task_id, self.map_index = "dag", "run", task_id, -1
        self.try_number, self.max_tries = try_number, max_tries
        self.xcoms = xcoms

    def xcom_push(self, key: str, value: Any) -> None:
        self.use()
        self.xcoms[self.task_id, key] = json.loads(json.dumps(value))

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int | None = None) -> Any:
        del map_indexes
        self.use()
        return self.xcoms.get((task_ids, key))


class Airflow:
    """What of Airflow outlives a worker: the store and the XComs. Each :meth:`context` is another try."""

    def __init__(self) -> None:
        self.store = Store()
        self.xcoms: dict[tuple[str, str], Any] = {}
        self.tries = 0
        self.max_tries = 0

    def context(self, task_id: str = "task", **values: Any) -> Any:
        self.tries += 1
        instance = TaskInstance(task_id, self.xcoms, self.tries, self.max_tries)
        self.instance = instance
        return {"ti": instance, "task_state_store": self.store, "run_id": "run", "ds": "2013-01-01", **values}

    def clear(self) -> None:
        """As the API server does: the task may be tried anew, however often it was before."""
        self.max_tries = self.tries

    def kill(self, operator: Any) -> None:
        """As the signal handler does, in which nothing but the operator's own means may be used."""
        self.store.is_closed = self.instance.is_closed = True
        try:
            operator.on_kill()
        finally:
            self.store.is_closed = self.instance.is_closed = False


async def fire(trigger: Any) -> dict[str, Any]:
    """What a trigger reports, after the way through Airflow's database that each one goes."""
    path, arguments = trigger.serialize()
    assert path == f"{type(trigger).__module__}.{type(trigger).__qualname__}"
    made = type(trigger)(**json.loads(json.dumps(arguments)))
    made.task_instance = trigger.task_instance
    async for event in made.run():
        return dict(json.loads(json.dumps(event.payload)))
    raise AssertionError("it never fired")


def of_task(trigger: Any, instance_id: str = "try-1") -> Any:
    """The trigger, told whose it is, as the triggerer does."""
    trigger.task_instance = SimpleNamespace(id=instance_id, dag_id="dag", run_id="run", task_id="task", map_index=-1)
    return trigger


async def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread or task does; the test's own timeout bounds it."""
    while not condition():  # noqa: ASYNC110 - what is waited for knows of nobody to tell
        await asyncio.sleep(0.005)
