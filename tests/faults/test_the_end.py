"""After all faults: those parts that have lived through them hold no more than before."""

from __future__ import annotations

from tests.faults.belongings import threads_and_connections
from tests.faults.suite import Suite
from tests.system.live.real_airflow import RealAirflow

SPARE = 8
"""Threads and connections that come and go with what is going on just now."""


def test_long_lived_parts_hold_no_more_than_at_the_start(airflow: RealAirflow, suite: Suite) -> None:
    del airflow
    with suite.fault(
        "Airflow",
        "all faults of this run, one after another",
        "the local Snowflake holds no more threads and connections than at the start",
    ) as fault:
        fault.struck(sum(row.times for row in suite.report.rows))
        now = threads_and_connections(suite.server)
        fault.row.leaked += [
            f"{what}: {now[what]} instead of {before}"
            for what, before in suite.at_start.items()
            if now[what] > before + SPARE
        ]
        fault.seen(", ".join(f"{now[what]} {what}, {before} at the start" for what, before in suite.at_start.items()))
