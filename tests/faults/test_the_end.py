"""After all faults: those parts that have lived through them hold no more than before, and no secrets are lying about."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from tests.faults.belongings import threads_and_connections
from tests.faults.secrets_places import search_airflow
from tests.faults.suite import SETTLE_SECONDS, Suite
from tests.system.live.real_airflow import RealAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
SPARE = 16
"""Threads and connections of what was not there at the start, or is going on just now: Airflow, the tests, nodes."""
CANARY = "a-run-that-is-found"


def test_no_secret_is_left_by_the_whole_airflow(airflow: RealAirflow, suite: Suite) -> None:
    """In what all rows before have left, and in what two runs leave that find a cluster, or say that there is none."""
    with suite.fault(
        "Secrets",
        "password and tokens of the real Airflow's connection, in all that this run has done with it",
        "afterwards they are nowhere but where the user has put them",
    ) as fault:
        for dag in ("limited_worker_jobs", "limited_deferred_jobs"):
            airflow.trigger(dag, CANARY, name=CANARY, seconds=0)
            airflow.wait_run(dag, CANARY, 180)
        search = search_airflow(suite, airflow, CANARY)
        places = {each.place.partition(" of ")[0] for each in search.found if each.secret == "canary"}
        assert {"table dag_run", "table rendered_task_instance_fields"} <= places, "the search looks at the database"
        assert any("/logs/" in place for place in places), "the search looks at logs"
        assert search.meant, "the search finds the password where it is meant to be"
        fault.row.leaked += [str(each) for each in search.found if each.secret != "canary"]
        fault.struck(search.places)
        fault.seen(f"in none of {search.places:,} files, rows, specifications, logs, arguments and environments")


def test_long_lived_parts_hold_no_more_than_at_the_start(airflow: RealAirflow, suite: Suite) -> None:
    del airflow
    with suite.fault(
        "Airflow",
        "all faults of this run, one after another",
        "the local Snowflake holds no more threads and connections than at the start",
    ) as fault:
        fault.struck(sum(row.times for row in suite.report.rows))
        deadline = time.monotonic() + SETTLE_SECONDS
        while grown := _grown(suite, now := threads_and_connections(suite.server)):
            if time.monotonic() > deadline:
                break
            time.sleep(1)
        fault.row.leaked += grown
        fault.seen(", ".join(f"{now[what]} {what}, {before} at the start" for what, before in suite.at_start.items()))


def _grown(suite: Suite, now: Mapping[str, int]) -> list[str]:
    return [
        f"{what}: {now[what]} instead of {before}"
        for what, before in suite.at_start.items()
        if now[what] > before + SPARE
    ]
