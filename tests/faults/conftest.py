"""One system for all faults: a real Airflow, a local Snowflake, and a cluster that most of them share."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for made in _report:
        made.write(FIGURES)
        terminalreporter.section("faults")
        terminalreporter.write_line(made.table())
