"""What a thousand deferred jobs cost one triggerer.

Run by ``make bench-deferred`` (10 minutes). A real ``airflow triggerer`` waits for task instances that are written into its
database as deferred: jobs with their logs, and for every ten jobs a task that waits for a cluster. The local Snowflake is
real, and so are its ingress and the services; only the heads are stand-ins (``deferred/stand_in_head.py``). Nobody runs the
tasks that the triggerer wakes up. The lag of the event loop is measured inside it (``deferred/loop_lag.py``).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from cryptography.fernet import Fernet

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.jobs.wait import DEFERRED_POLL_SECONDS
from tests.benchmarks.deferred.stand_in_head import job_names
from tests.benchmarks.figures import Figure, record, show
from tests.local_snowflake import local_snowflake
from tests.system.live.real_airflow import RealAirflow

DAGS, ROOT = Path(__file__).parent / "deferred_dags", Path(__file__).parents[2]
SCENARIOS = {
    "1 job, 1 cluster": (1, 1),
    "10 jobs, 1 cluster": (10, 1),
    "100 jobs, 1 cluster": (100, 1),
    "1,000 jobs, 1 cluster": (1000, 1),
    "1,000 jobs, 10 clusters": (1000, 10),
}
SETTLE_SECONDS, MEASURE_SECONDS, LOAD_SECONDS = 15, 60, 120
CAPACITY = 1200
CPU = "CPU of the triggerer"
LAG_LIMIT_MS, CORES_LIMIT = 100.0, 1.0


@dataclass
class Reading:
    """Everything that is counted, at one moment."""

    time: float
    cpu: dict[str, float]
    requests: Counter[str]
    ended: int
    statements: int
    tokens: int


@dataclass
class Scenario:
    """Jobs on clusters, and the folder where the stand-ins and the probe write."""

    jobs: int
    clusters: list[str]
    folder: Path
    pids: dict[str, int] = field(default_factory=dict)

    @property
    def lags(self) -> Path:
        return self.folder / "lags.jsonl"

    def plan(self) -> dict[str, Any]:
        per_cluster = self.jobs // len(self.clusters)
        return {
            "jobs": {cluster: job_names(cluster, per_cluster) for cluster in self.clusters},
            "watchers": dict.fromkeys(self.clusters, per_cluster // 10),
            "poll": DEFERRED_POLL_SECONDS,
            "lags": str(self.lags),
        }

    def read(self) -> Reading:
        requests: Counter[str] = Counter()
        ended = 0
        for cluster in self.clusters:
            told = json.loads((self.folder / f"{cluster}.json").read_text())
            requests.update(told["requests"])
            ended += told["ended"]
        last = self.probe()[-1]
        cpu = {name: sum(psutil.Process(pid).cpu_times()[:2]) for name, pid in self.pids.items()}
        return Reading(time.time(), cpu, requests, ended, last["statements"], last["tokens"])

    def probe(self, since: float = 0.0, until: float = float("inf")) -> list[dict[str, Any]]:
        lines = self.lags.read_text().splitlines() if self.lags.exists() else []
        found = [json.loads(line) for line in lines]
        return [each for each in found if since < each["time"] <= until]


def main() -> int:
    columns = {}
    with (
        tempfile.TemporaryDirectory(prefix="im-") as images,
        local_snowflake(stand_in_images(Path(images))) as environment,
        connect(environment) as connection,
    ):
        clusters = Clusters(client_of(connection))
        for number, (name, (jobs, count)) in enumerate(SCENARIOS.items()):
            names = [f"BENCH{number}_{each}" for each in range(count)]
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                scenario = Scenario(jobs, names, Path(folder))
                try:
                    _create(clusters, scenario)
                    columns[name] = _measure(scenario, environment)
                finally:
                    for each in names:
                        clusters.drop_services(each)
                    for each in names:
                        clusters.delete(each)
    for name, (jobs, count) in SCENARIOS.items():
        if count == 1:
            cores = next(figure.value for figure in columns[name] if figure.name == CPU)
            record("deferred-jobs-cpu", "", [cores or 0.0], [], "cores", jobs, per="jobs")
    show(f"Deferred tasks in one triggerer, looked at every {DEFERRED_POLL_SECONDS:g} s", columns)
    return 0


def stand_in_images(folder: Path) -> Path:
    """Images whose containers are the stand-ins."""
    for image, module in (("raydp_head", "stand_in_head"), ("raydp_worker", "idle_worker")):
        (folder / image).mkdir()
        command = json.dumps([sys.executable, "-m", f"tests.benchmarks.deferred.{module}"])
        (folder / image / "Dockerfile").write_text(f"FROM scratch\nENV PYTHONPATH={ROOT}\nENTRYPOINT {command}\n")
    return folder


def _create(clusters: Clusters, scenario: Scenario) -> None:
    per_cluster = scenario.jobs // len(scenario.clusters)
    env = {"STAND_IN_FOLDER": str(scenario.folder), "STAND_IN_JOBS": str(per_cluster)}
    workers = [WorkerGroup("CPU_X64_XS", count=1)]
    for name in scenario.clusters:
        clusters.create(ClusterConfig(name, HeadConfig("CPU_X64_XS", env=env), workers))
    for name in scenario.clusters:
        clusters.wait_for(name, deadline=time.time() + 120, poll=0.5)


def _measure(scenario: Scenario, environment: dict[str, str]) -> list[Figure]:
    home = scenario.folder / "airflow"
    variables = {
        **environment,
        "PYTHONPATH": str(ROOT),
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__TRIGGERER__CAPACITY": str(CAPACITY),
    }
    airflow = RealAirflow(home, {"benchmark": DAGS}, variables)
    home.mkdir()
    airflow.command("db", "migrate")
    airflow.command("dags", "reserialize")
    airflow.command("dags", "trigger", "waiting", "--run-id", "r")
    command = [sys.executable, "-m", "tests.benchmarks.deferred.waiting_tasks", "r", json.dumps(scenario.plan())]
    subprocess.run(command, env=airflow.environment, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    began = time.time()
    airflow.start_component("triggerer")
    try:
        airflow.wait(_Beginnings(home, scenario.jobs).all_there, LOAD_SECONDS, "not every job is followed")
        loaded = time.time()
        time.sleep(SETTLE_SECONDS)
        scenario.pids = {"supervisor": airflow.process("triggerer"), "event loop": scenario.probe()[-1]["pid"]}
        (scenario.folder / "go").touch()
        first = scenario.read()
        time.sleep(MEASURE_SECONDS)
        last = scenario.read()
    finally:
        airflow.stop()
    return [
        *_lags(scenario.probe(first.time, last.time)),
        *_rates(first, last),
        Figure("until every job was followed", loaded - began, "s"),
        *_lags(scenario.probe(began, loaded), "… lag meanwhile, "),
        Figure("… statements until then", first.statements, ""),
    ]


class _Beginnings:
    """Which jobs' first line has come through into the task's log."""

    def __init__(self, home: Path, jobs: int) -> None:
        self._logs, self._jobs = home / "logs", jobs
        self._begun: set[Path] = set()

    def all_there(self) -> bool:
        files = set(self._logs.glob("**/task_id=job/**/*.log.trigger.*")) - self._begun
        self._begun |= {file for file in files if "has begun" in file.read_text()}
        return len(self._begun) == self._jobs


def _lags(lines: list[dict[str, Any]], prefix: str = "event loop's lag, ") -> list[Figure]:
    lags = sorted(1000 * lag for line in lines for lag in line["lags"])
    found = {"median": lags[len(lags) // 2], "p99": lags[int(len(lags) * 0.99)], "longest": lags[-1]}
    limits = {"p99": LAG_LIMIT_MS}
    return [Figure(prefix + name, value, "ms", limits.get(name)) for name, value in found.items()]


def _rates(first: Reading, last: Reading) -> list[Figure]:
    seconds = last.time - first.time
    cores = {name: (last.cpu[name] - first.cpu[name]) / seconds for name in last.cpu}
    asked = last.requests - first.requests

    def per_minute(count: float) -> float:
        return 60 * count / seconds

    kinds = ("GET /api/jobs/", "POST /logs", "POST /marks")
    rest = asked.total() - sum(asked[kind] for kind in kinds)
    return [
        Figure(CPU, sum(cores.values()), "cores", CORES_LIMIT),
        *(Figure(f"… its {name}", value, "cores") for name, value in cores.items()),
        *(Figure(f"{kind} a minute", per_minute(asked[kind]), "") for kind in kinds),
        Figure("other requests a minute", per_minute(rest), ""),
        Figure("jobs that ended a minute", per_minute(last.ended - first.ended), ""),
        Figure("SQL statements a minute", per_minute(last.statements - first.statements), ""),
        Figure("requests for tokens a minute", per_minute(last.tokens - first.tokens), ""),
    ]


if __name__ == "__main__":
    sys.exit(main())
