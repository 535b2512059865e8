"""A whole Airflow (API server, scheduler, DAG processor, triggerer, LocalExecutor) in a folder of its own, for tests."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
FINISHED = frozenset({"success", "failed"})
LOCKED_ATTEMPTS = 5
LOCAL_SETTINGS = """
import os

if "LOCK_SQLITE_FIRST" in os.environ:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "connect")
    def begin_by_hand(connection, record):
        connection.isolation_level = None

    @event.listens_for(Engine, "begin")
    def lock(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
"""
"""Airflow's commands read, then write: where others have written in between, SQLite does not wait, it fails ("database is
locked"). With the lock from the beginning they wait."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RealAirflow:
    """Starts, kills and asks an Airflow; every component is a process group of its own.

    :param home: AIRFLOW_HOME.
    :param bundles: name → folder of DAG files.
    :param environment: further variables, such as those of the local Snowflake.
    """

    def __init__(
        self, home: Path, bundles: Mapping[str, Path], environment: Mapping[str, str], *, parallelism: int = 8
    ) -> None:
        self.home = home
        self._restarted: list[str] | None = None
        self._port, self._running = free_port(), {}  # type: tuple[int, dict[str, subprocess.Popen[bytes]]]
        self.url = f"http://127.0.0.1:{self._port}"
        local = "airflow.dag_processing.bundles.local.LocalDagBundle"
        folders = [
            {"name": name, "classpath": local, "kwargs": {"path": str(folder), "refresh_interval": 5}}
            for name, folder in bundles.items()
        ]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        self.environment = inherited | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(folders),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(parallelism),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": "",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            # A dead worker is noticed after 30 s instead of 5 minutes. On a busy machine a living one is late by many seconds.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
            # A dead scheduler's tasks are taken over after 30 s instead of 5 minutes; one that is late by more takes its own
            # tasks for those of a dead one.
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "30",
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "20",
            **environment,
        }

    def start(self) -> None:
        """Migrate the database, start every component, wait until the DAGs are there."""
        settings = self.home / "config" / "airflow_local_settings.py"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(LOCAL_SETTINGS)
        self.command("db", "migrate")
        for name in COMPONENTS:
            self.start_component(name)
        self.wait(self._answers, 120, "the API server does not answer")

    def start_component(self, name: str) -> None:
        with (self.home / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "airflow", name],
                env=self.environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def process(self, name: str) -> int:
        """Process id of a component."""
        return self._running[name].pid

    def kill(self, name: str) -> None:
        """SIGKILL a component with everything that it started in its process group."""
        process = self._running.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def start_missing(self) -> None:
        """Start those components again that were killed."""
        for name in COMPONENTS:
            if name not in self._running:
                self.start_component(name)
        self.wait(self._answers, 120, "the API server does not answer")

    def end_runs(self) -> None:
        """Let every run fail that goes on."""
        for run in self.ask("GET", "/api/v2/dags/~/dagRuns", state="running", limit=100)["dag_runs"]:
            path = f"/api/v2/dags/{run['dag_id']}/dagRuns/{quote(run['dag_run_id'])}"
            self.ask("PATCH", path, {"state": "failed"})

    @contextmanager
    def under_a_service_manager(self) -> Iterator[list[str]]:
        """Components that end by themselves while something is waited for are started again; the names of those."""
        self._restarted = []
        try:
            yield self._restarted
        finally:
            self._restarted = None

    def stop(self) -> None:
        for process in self._running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._running.clear()

    def command(self, *words: str) -> str:
        """Run ``airflow …``; answer its output."""
        # A migration switches foreign keys off, which no transaction lets it.
        lock = {} if words[0] == "db" else {"LOCK_SQLITE_FIRST": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *words],
            env=self.environment | lock, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """What the API answers; where others hold the database for long (it is SQLite), after asking again."""
        for _ in range(LOCKED_ATTEMPTS):
            reply = httpx.request(
                method, f"{self.url}{path}", json=body, params=query, headers=self._headers(), timeout=60,
                follow_redirects=True,
            )  # fmt: skip
            if reply.status_code != 500 or "Database error" not in reply.text:
                break
            time.sleep(1)
        assert reply.status_code < 400, f"{method} {path}: {reply.status_code}: {reply.text[:1000]}"
        return reply.json() if reply.content else None

    def trigger(self, dag_id: str, run_id: str, **conf: Any) -> str:
        self.wait(lambda: dag_id in self.dags(), 90, f"DAG {dag_id} is not there; {self._import_errors()}")
        self.unpause(dag_id)
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self.ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)
        return run_id

    def unpause(self, dag_id: str) -> None:
        self.ask("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def dags(self) -> set[str]:
        return {dag["dag_id"] for dag in self.ask("GET", "/api/v2/dags", limit=100)["dags"]}

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self.ask("GET", f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        found = self.ask("GET", f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances", limit=100)
        return {
            task["task_id"] + (f"[{task['map_index']}]" if task["map_index"] >= 0 else ""): task
            for task in found["task_instances"]
        }

    def wait_run(self, dag_id: str, run_id: str, seconds: float) -> str:
        """Wait until a run has ended; answer its state."""
        try:
            self.wait(lambda: self.run_state(dag_id, run_id) in FINISHED, seconds, f"run {run_id} of {dag_id} goes on")
        except AssertionError as error:
            error.add_note(self.explain(dag_id, run_id))
            error.add_note((self.home / "scheduler.log").read_text()[-3000:])
            raise
        return self.run_state(dag_id, run_id)

    def succeed(self, dag_id: str, run_id: str, seconds: float) -> None:
        """Wait until a run has ended, and well."""
        state = self.wait_run(dag_id, run_id, seconds)
        assert state == "success", self.explain(dag_id, run_id)

    def explain(self, dag_id: str, run_id: str) -> str:
        """The tasks that have not succeeded, and how their logs end."""
        told = []
        for name, task in self.tasks(dag_id, run_id).items():
            if task["state"] not in ("success", "skipped"):
                told.append(
                    f"{name}: {[task[key] for key in ('state', 'try_number', 'start_date', 'end_date', 'pid')]}"
                )
                with suppress(httpx.HTTPError, AssertionError):
                    told += self.log(dag_id, run_id, task["task_id"], task["try_number"], task["map_index"])[-25:]
        return "\n".join(told)

    def wait_task(self, dag_id: str, run_id: str, task_id: str, states: Iterable[str], seconds: float) -> str:
        wanted = set(states)

        def there() -> bool:
            return self.tasks(dag_id, run_id).get(task_id, {}).get("state") in wanted

        self.wait(there, seconds, f"task {task_id} of {dag_id} is not {sorted(wanted)}")
        return str(self.tasks(dag_id, run_id)[task_id]["state"])

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Set a task to ``failed`` or ``success``, as the user's button does."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}"
        self.ask("PATCH", path, {"new_state": state})

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.ask("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", body)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.ask("GET", path, map_index=map_index, deserialize=True)["value"]

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1, map_index: int = -1) -> list[str]:
        """The messages of a try's log, as the API server shows it, with the errors that belong to them."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/logs/{attempt}"
        found = self.ask("GET", path, map_index=map_index, full_content=True)["content"]
        return [text for line in found for text in _texts(line)]

    def wait(self, until: Callable[[], bool], seconds: float, why: str) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if until():
                    return
            except (httpx.HTTPError, AssertionError):
                pass  # the API server may be on its way
            for name, process in list(self._running.items()):
                if process.poll() is not None:
                    self._ended(name)
            time.sleep(0.5)
        raise AssertionError(f"{why} after {seconds:g} s")

    def _ended(self, name: str) -> None:
        """A component has ended by itself."""
        assert self._restarted is not None, f"{name} ended: {(self.home / f'{name}.log').read_text()[-3000:]}"
        self._restarted.append(name)
        self.start_component(name)

    def _answers(self) -> bool:
        return httpx.get(f"{self.url}/api/v2/monitor/health", timeout=5).status_code == 200

    def _import_errors(self) -> str:
        try:
            return str(self.ask("GET", "/api/v2/importErrors")["import_errors"])
        except (httpx.HTTPError, AssertionError) as error:
            return str(error)

    def _headers(self) -> dict[str, str]:
        if not hasattr(self, "_token"):
            self._token = httpx.get(f"{self.url}/auth/token", timeout=30).json()["access_token"]
        return {"Authorization": f"Bearer {self._token}"}


def _texts(line: Any) -> list[str]:
    """One line of a log; of an error its class and message."""
    if not isinstance(line, dict):
        return [str(line)]
    return [
        str(line["event"]),
        *(f"{each['exc_type']}: {each['exc_value']}" for each in line.get("error_detail") or ()),
    ]
