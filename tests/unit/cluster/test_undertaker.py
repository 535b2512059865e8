"""Taking a cluster back from a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster import undertaker
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.undertaker import Errand, work
from airflow_provider_raydp_spcs.spcs.errors import SnowflakeUnreachableError
from tests.unit.cluster.fakes import FakeClient

SECRET = "canary-secret"
# Stands for the connector in every Python that is started: a Snowflake with one service of the cluster, until it is
# dropped; every statement is written down.
CONNECTOR = """
    import json, os, pathlib, sys
    from types import ModuleType, SimpleNamespace
    record = pathlib.Path(os.environ["RECORD"])
    COMMENT = json.dumps({"raydp": {"cluster": "C", "owner": "dag", "run": "run", "group": "HEAD"}})
    ROW = {"name": "C_HEAD", "status": "RUNNING", "database_name": "D", "schema_name": "S", "comment": COMMENT}

    class Cursor:
        def __enter__(self): return self
        def __exit__(self, *error): pass
        def execute(self, sql, params=None):
            dropped = "DROP SERVICE" in record.read_text()
            with record.open("a") as file: file.write(sql + "\\n")
            self.row = {"d": "D", "s": "S"} if "CURRENT_DATABASE" in sql else {}
            if sql.startswith("SHOW SERVICES") and not dropped: self.row = ROW
            self.description = [SimpleNamespace(name=name) for name in self.row]
        def fetchall(self): return [tuple(self.row.values())] if self.row else []

    class Connection:
        def __enter__(self): return self
        def __exit__(self, *error): pass
        def cursor(self): return Cursor()

    def connect(**arguments):
        record.write_text("CONNECT " + json.dumps(arguments) + "\\n")
        return Connection()

    import snowflake
    fake, errors = ModuleType("snowflake.connector"), ModuleType("snowflake.connector.errors")
    errors.Error = type("Error", (Exception,), {})
    fake.connect, fake.errors, snowflake.connector = connect, errors, fake
    sys.modules |= {"snowflake.connector": fake, "snowflake.connector.errors": errors}
"""
MAKER = """
    import psutil
    from airflow_provider_raydp_spcs.cluster.undertaker import Errand, send
    process = send(Errand("C", "dag", "run"), {{"user": "u", "password": "{secret}"}})
    child = psutil.Process(process.pid)
    while not child.cmdline():  # it has not become another program yet
        assert child.status() != psutil.STATUS_ZOMBIE
    print(process.pid, child.cmdline(), [value for value in child.environ().values() if "{secret}" in value])
"""


@pytest.fixture
def clusters(client: FakeClient) -> Clusters:
    made = Clusters(client, sleep=lambda seconds: None)  # type: ignore[arg-type]
    made.create(ClusterConfig("C"), owner="dag", run="run")
    return made


def test_only_what_the_run_made_goes(client: FakeClient, clusters: Clusters) -> None:
    Errand("C", "dag", "another run").do(clusters)
    assert set(client.services.there) == {"C_HEAD", "C_WORKER"}
    Errand("C", "dag", "run").do(clusters)
    assert client.services.there == client.compute_pools.there == {}


def test_a_shared_cluster_goes_with_its_last_lease(client: FakeClient, clusters: Clusters) -> None:
    for run in ("run", "other"):
        client.leases.acquire("C", f"dag/{run}")
    Errand("C", "dag", "run", shared=True).do(clusters)
    assert (client.leases.there, set(client.services.there)) == ({"C": {"dag/other"}}, {"C_HEAD", "C_WORKER"})
    Errand("C", "dag", "other", shared=True).do(clusters)
    assert (client.leases.there, client.services.there, client.compute_pools.there) == ({}, {}, {})


def test_somebody_elses_shared_cluster_is_spared(client: FakeClient, clusters: Clusters) -> None:
    client.leases.acquire("C", "dag/run")
    Errand("C", "dag", "run", shared=True).do(clusters, spare=True)
    assert (client.leases.there, set(client.services.there)) == ({}, {"C_HEAD", "C_WORKER"})


def test_what_cannot_be_taken_back_is_told(clusters: Clusters, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> bool:
        raise SnowflakeUnreachableError("nobody there")

    monkeypatch.setattr(clusters.client.leases, "release", fail)
    lines: list[str] = []
    Errand("C", "dag", "run", shared=True).do(clusters, lines.append)
    assert lines == ["cluster C could not be taken back: nobody there"]


class Counting:
    """An errand that counts, and a maker that lives for a while."""

    def __init__(self, maker_lives_for: int) -> None:
        self.done: list[bool] = []
        self.naps: list[float] = []
        self.lives = maker_lives_for

    def do(self, clusters: Any) -> None:
        del clusters
        self.done.append(self.maker_lives())

    def maker_lives(self) -> bool:
        return len(self.naps) < self.lives

    def work(self) -> None:
        work(self, None, self.maker_lives, self.naps.append)  # type: ignore[arg-type]


@pytest.mark.parametrize("looks", [0, 1, 3])
def test_it_takes_back_while_the_maker_lives_and_once_more(looks: int) -> None:
    """What the maker had under way when it died may be seen only later, hence the pause before the last time."""
    counting = Counting(looks)
    counting.work()
    assert counting.done == [True] * looks + [False]
    assert counting.naps == [undertaker.PAUSE_SECONDS] * looks + [undertaker.SETTLE_SECONDS]


def test_a_maker_that_lives_on_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undertaker, "LONGEST_SECONDS", 0.0)
    counting = Counting(10**9)
    counting.work()
    assert counting.done == [True]


def test_the_process_outlives_its_maker_and_gets_its_secret_through_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(CONNECTOR))
    record = tmp_path / "record"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "RECORD": str(record)}
    maker = textwrap.dedent(MAKER.format(secret=SECRET))
    out = subprocess.check_output([sys.executable, "-c", maker], env=environment, text=True)
    pid, shown = out.split(maxsplit=1)
    assert shown.strip() == f"{[sys.executable, '-m', undertaker.__name__]} []"
    wait(lambda: not undertaker._lives(int(pid)))
    connected, *statements = record.read_text().splitlines()
    assert json.loads(connected.removeprefix("CONNECT ")) == {"user": "u", "password": SECRET}
    dropped = [each for each in statements if each.startswith("DROP")]
    assert dropped == ["DROP SERVICE IF EXISTS D.S.C_HEAD FORCE"]
    last_look = max(number for number, each in enumerate(statements) if each.startswith("SHOW SERVICES"))
    assert last_look > statements.index(dropped[0]), "it looked once more after the maker was gone"


def wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.05)
