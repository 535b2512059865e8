"""One system for all faults: a real Airflow, a local Snowflake, and a cluster that most of them share.

Beside it a light one without Ray, for the faults between clients and Snowflake.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.door import Door
from tests.faults.light import Light, make_images
from tests.faults.report import Report
from tests.faults.suite import COUNTED, Suite
from tests.local_snowflake import local_snowflake

FIGURES = Path("bench")
_report: list[Report] = []


@pytest.fixture(scope="session")
def report() -> Report:
    """The table; its seed is drawn anew for each run, unless FAULTS_SEED says one."""
    made = Report(int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(10**6)))
    _report.append(made)
    return made


@pytest.fixture(scope="session")
def suite(report: Report) -> Iterator[Suite]:
    home = Path(tempfile.mkdtemp(prefix="sf-"))
    with local_snowflake(home=home) as environment:
        made = Suite(environment, home, report)
        made.sql(f"CREATE TABLE {COUNTED} (NAME TEXT)")
        yield made


@pytest.fixture(scope="session")
def light_system(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Light]:
    home, folder = Path(tempfile.mkdtemp(prefix="sf-")), tmp_path_factory.mktemp("light")
    outside = dict(os.environ)
    with local_snowflake(make_images(folder), home=home) as environment:
        suite = Suite(environment, home, report)
        suite.sql(f"CREATE TABLE {COUNTED} (NAME TEXT)")
        (folder / "job.py").write_text("print(1)\n")
        made = Light(suite, Door(home), folder, folder / "job.py")
        # Other tests' clients know another local Snowflake.
        os.environ.clear()
        os.environ.update(outside)
        yield made
        made.close()


@pytest.fixture
def light(light_system: Light, monkeypatch: pytest.MonkeyPatch) -> Light:
    """The light system, which the clients of this test find in their environment."""
    for name, value in light_system.suite.environment.items():
        monkeypatch.setenv(name, value)
    return light_system


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for made in _report:
        made.write(FIGURES)
        terminalreporter.section("faults")
        terminalreporter.write_line(made.table())
