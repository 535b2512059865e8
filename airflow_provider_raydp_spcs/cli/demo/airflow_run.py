"""Running a DAG with a real Airflow in a folder of its own, and reading its log lines while it runs."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_TASK_START = "[DAG TEST] starting task_id="
_TASK_END = "[DAG TEST] end task task_id="
_OWN_LOGGERS = ("airflow.task.operators.airflow_provider_raydp_spcs", "airflow_provider_raydp_spcs")


class DagRunFailedError(RuntimeError):
    """A DAG run of the demo did not succeed."""


@dataclass
class DagRunReport:
    """What the log lines of one DAG run told.

    :param succeeded: the state Airflow gave the run.
    :param task_seconds: task id → seconds, in the order of running.
    :param log: file with every line.
    """

    succeeded: bool
    task_seconds: dict[str, float]
    log: Path
    last_lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Airflow:
    """An Airflow installation's home folder and the environment its commands get.

    :param home: AIRFLOW_HOME; made when missing. Nothing of the user's own Airflow is read or written.
    :param dags: folder of DAG files.
    :param client_environment: variables with which Snowflake clients find the local Snowflake.
    """

    home: Path
    dags: Path
    client_environment: Mapping[str, str] = field(repr=False)

    def environment(self) -> dict[str, str]:
        """The caller's environment, its Airflow settings left out, with the demo's own."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        return inherited | {
            **self.client_environment,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__JSON_LOGS": "True",
            "PYTHONUNBUFFERED": "1",
        }

    def prepare(self) -> None:
        """Create or upgrade the metadata database.

        :raises DagRunFailedError: Airflow cannot; its output is in the message.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            msg = f"Airflow could not prepare its database in {self.home}:\n{done.stdout[-2000:]}"
            raise DagRunFailedError(msg)

    def run(self, dag_id: str, dag_file: Path, logical_date: dt.date, *, show: Callable[[str], None]) -> DagRunReport:
        """Run one DAG run to its end (``airflow dags test``), showing the provider's own log lines.

        :param show: called with each line meant for people.
        """
        log = self.home / f"{dag_id}-{logical_date}.log"
        reader = _LogReader(show)
        command = [sys.executable, "-m", "airflow", "dags", "test", "-f", str(dag_file), dag_id, str(logical_date)]
        with log.open("w") as file:
            process = subprocess.Popen(
                command,
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            try:
                for line in process.stdout or ():
                    file.write(line)
                    file.flush()
                    reader.read(line)
                process.wait()
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait(timeout=60)
        return DagRunReport(process.returncode == 0, reader.task_seconds, log, reader.last_lines)


class _LogReader:
    """Takes the interesting things out of Airflow's JSON log lines."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._started: dict[str, dt.datetime] = {}
        self.task_seconds: dict[str, float] = {}
        self.last_lines: list[str] = []

    def read(self, line: str) -> None:
        try:
            record = json.loads(line)
            event, logger = str(record["event"]), str(record.get("logger", ""))
            time = dt.datetime.fromisoformat(record["timestamp"])
        except (ValueError, KeyError, TypeError):
            return  # a plain line that some library printed
        if event.startswith(_TASK_START):
            task = event.removeprefix(_TASK_START).split()[0]
            self._started[task] = time
            self._show(f"[bold]task {task}[/]")
        elif event.startswith(_TASK_END):
            task = event.removeprefix(_TASK_END).split()[0]
            self.task_seconds[task] = (time - self._started.get(task, time)).total_seconds()
        elif logger.startswith(_OWN_LOGGERS) or record.get("level") in ("error", "critical"):
            self.last_lines = [*self.last_lines[-30:], event]
            self._show(_escaped(event))


def _escaped(text: str) -> str:
    from rich.markup import escape

    return f"  [dim]{escape(text)}[/]"
