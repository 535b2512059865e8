"""One fault after another on one system, each with its row in the table."""

from __future__ import annotations

import json
import random
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.local.paths import Paths
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.faults.belongings import SCHEMA, Belongings, belongings, threads_and_connections
from tests.faults.report import Report, Row
from tests.local_snowflake import local_snowflake

COUNTED: Final = f"{SCHEMA}.RUNS_OF_JOBS"
"""Every job of the suite leaves one row here for each time it really runs."""
SETTLE_SECONDS: Final = 60.0
"""How long what a fault has disturbed may take to be taken down."""


class Fault:
    """One fault while it is injected.

    :param row: what becomes of it in the table.
    :param chance: draws moments and values; the same ones for the same seed.
    """

    def __init__(self, row: Row, chance: random.Random) -> None:
        self.row, self.chance = row, chance
        self._expected: dict[str, int] = {}

    def moment(self, earliest: float, latest: float) -> float:
        """Seconds to wait before the fault strikes; wait them, then call :meth:`struck`."""
        drawn = self.chance.uniform(earliest, latest)
        self.row.moments.append(round(drawn, 2))
        return drawn

    def struck(self, times: int = 1) -> None:
        """It was really injected."""
        self.row.times += times

    def seen(self, text: str) -> None:
        """How it ended, in the user's terms."""
        self.row.seen = text

    def expects(self, job: str, times: int = 1) -> str:
        """This job must have run as often as that, no more and no less; answers its name."""
        self._expected[job] = times
        return job

    def judge(self, counted: Mapping[str, int]) -> None:
        """Compare with how often the jobs have really run."""
        self.row.lost += [job for job, times in self._expected.items() if counted.get(job, 0) < times]
        self.row.doubled += [job for job, times in self._expected.items() if counted.get(job, 0) > times]


@contextmanager
def suite_on_its_own(report: Report, images: Path | None = None, home: Path | None = None) -> Iterator[Suite]:
    """A system with a local Snowflake of its own, and the table in which its jobs are counted.

    :param images: folder of image folders, instead of the shipped ones.
    """
    home = home or Path(tempfile.mkdtemp(prefix="sf-"))
    home.mkdir(exist_ok=True)
    with local_snowflake(images, home=home) as environment:
        made = Suite(environment, home, report)
        made.sql(f"CREATE TABLE {COUNTED} (NAME TEXT)")
        yield made


class Suite:
    """The system that is broken.

    :param environment: as clients of its local Snowflake want it.
    :param home: folder of that.
    """

    def __init__(self, environment: dict[str, str], home: Path, report: Report) -> None:
        self.environment, self.home, self.report = environment, home, report
        self.at_start = threads_and_connections(self.server)

    @contextmanager
    def fault(self, side: str, fault: str, expected: str, *, settle: float = SETTLE_SECONDS) -> Iterator[Fault]:
        """Inject a fault in this block; at its end, what should be there is counted and what should not is looked for.

        :raises AssertionError: something was lost, doubled or left behind, or the fault never struck.
        """
        row = Row(side, fault, expected)
        self.report.rows.append(row)
        before = self.belongings()
        one = Fault(row, random.Random(f"{self.report.seed} {side} {fault}"))
        try:
            yield one
        except BaseException as error:
            row.seen = f"FAILED: {type(error).__name__}: {str(error)[:200]}"
            raise
        finally:
            one.judge(self.counted())
            row.leaked += self._left(before, settle)
        assert row.times, f"{fault}: it never struck"
        assert row.is_clean, f"{fault}: lost {row.lost}, doubled {row.doubled}, leaked {row.leaked}"

    @property
    def server(self) -> int:
        """Process id of the local Snowflake."""
        return int(json.loads(Paths(self.home).server.read_text())["pid"])

    def belongings(self) -> Belongings:
        """What is there now, without what is meant to stay: exported logs, and applications, which the next runs use."""
        kept = re.compile(r"file (raydplogs/|raydp_artifacts/[^/]+/applications/)")
        return belongings(self.environment, self.home, keep=lambda name: kept.match(name) is not None)

    def counted(self) -> dict[str, int]:
        """Job → how often it has run."""
        rows = self.sql(f"SELECT NAME, COUNT(*) AS TIMES FROM {COUNTED} GROUP BY NAME")
        return {str(row["name"]): int(row["times"]) for row in rows}

    def sql(self, statement: str, *values: object) -> list[Any]:
        """Run a statement beside everything that is broken."""
        with connect(self.environment) as connection:
            return ConnectorSession(connection).execute(statement, values)

    def _left(self, before: Belongings, settle: float) -> list[str]:
        deadline = time.monotonic() + settle
        while left := self.belongings().beyond(before):
            if time.monotonic() >= deadline:
                return left
            time.sleep(0.5)
        return []
