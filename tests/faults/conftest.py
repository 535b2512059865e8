"""One system for all faults: a real Airflow, a local Snowflake, and a cluster that most of them share.

Beside it a light one without Ray, for the faults between clients and Snowflake.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from tests.faults.light_system import light, light_system  # noqa: F401 - fixtures
from tests.faults.report import Report
from tests.faults.shared_cluster import NAME, SharedCluster
from tests.faults.suite import Suite, suite_on_its_own
from tests.system.live.real_airflow import RealAirflow

HERE = Path(__file__).parent
FIGURES = Path("bench")
_report: list[Report] = []


@pytest.fixture(scope="session")
def report() -> Report:
    """The table; its seed is drawn anew for each run, unless FAULTS_SEED says one."""
    made = Report(int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(10**6)))
    _report.append(made)
    return made


@pytest.fixture(scope="session")
def temporary() -> Iterator[Path]:
    """A folder for temporary files of the suite and all that it starts: whatever is left there is a leak of theirs.

    Of whatever else runs on this machine there is nothing.
    """
    before = os.environ.get("TMPDIR"), tempfile.tempdir
    # Short, for paths of sockets below it may have 107 bytes only.
    folder = Path(tempfile.mkdtemp(prefix="f-"))
    # As open as the usual one: what lies there and nobody else may read has to be closed itself.
    folder.chmod(0o755)
    os.environ["TMPDIR"], tempfile.tempdir = str(folder), str(folder)
    try:
        yield folder
    finally:
        variable, tempfile.tempdir = before
        os.environ.pop("TMPDIR")
        if variable is not None:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def suite(report: Report, temporary: Path) -> Iterator[Suite]:
    with suite_on_its_own(report, home=temporary / "sf") as made:
        yield made


@pytest.fixture(scope="session")
def connection(suite: Suite) -> Iterator[Any]:
    with connect(suite.environment, session_parameters={"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"}) as made:
        yield made


@pytest.fixture(scope="session")
def clusters(connection: Any) -> Clusters:
    return Clusters(client_of(connection))


@pytest.fixture(scope="session")
def shared_cluster(clusters: Clusters, connection: Any, suite: Suite) -> Iterator[SharedCluster]:
    made = SharedCluster(clusters, connection, suite.environment["SSL_CERT_FILE"])
    yield made
    made.delete()


@pytest.fixture
def cluster(shared_cluster: SharedCluster) -> str:
    """Name of the cluster of a head and one worker, which is whole."""
    shared_cluster.make_whole()
    return NAME


@pytest.fixture
def ray(shared_cluster: SharedCluster, cluster: str) -> Iterator[RayJobsClient]:
    """Its jobs, past everything that is broken."""
    del cluster
    with shared_cluster.client() as client:
        yield client


@pytest.fixture(scope="session")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of DAG files that tests change."""
    return tmp_path_factory.mktemp("changing")


@pytest.fixture(scope="session")
def real_airflow(suite: Suite, changing: Path) -> Iterator[RealAirflow]:
    with tempfile.TemporaryDirectory(prefix="af-") as folder:
        marks = Path(folder) / "marks"
        marks.mkdir()
        bundles = {"faults": HERE / "dags", "changing": changing}
        made = RealAirflow(Path(folder) / "home", bundles, {**suite.environment, "KILL_MARKS": str(marks)})
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.fixture
def airflow(real_airflow: RealAirflow) -> Iterator[RealAirflow]:
    """Whole again after each row, whatever became of that; a run that goes on would disturb those after it."""
    yield real_airflow
    real_airflow.start_missing()
    real_airflow.end_runs()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for made in _report:
        made.write(FIGURES, os.environ.get("FAULTS_TABLE", "faults"))
        terminalreporter.section("faults")
        terminalreporter.write_line(made.table())
