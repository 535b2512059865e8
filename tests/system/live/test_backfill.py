"""Many days of a backfill, four at a time, on one cluster that they share.

Two more than run at once, for CI's time; RAYDP_BACKFILL_DAYS=14 (or more) is the same by hand.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.flights_oracle import assert_rows_equal, expected_rows
from tests.system.live.real_airflow import FINISHED, RealAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(2100)]
DAG_ID, NAME = "flights_backfill", "FLIGHTS_BACKFILL"
DAYS = [
    dt.date(2013, 1, 1) + dt.timedelta(days=number) for number in range(int(os.environ.get("RAYDP_BACKFILL_DAYS", "6")))
]


class Births(threading.Thread):
    """Sees every head of the cluster that ever was there: a cluster takes far longer to come than a look."""

    def __init__(self, environment: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self._environment, self.enough = environment, threading.Event()
        self.seen: set[dt.datetime] = set()

    def run(self) -> None:
        with connect(self._environment) as connection:
            services = client_of(connection).services
            while not self.enough.wait(1):
                self.seen |= {info.created_on for info in services.show(f"{NAME}_HEAD") if info.created_on}


@pytest.fixture
def births(local_snowflake: dict[str, str]) -> Iterator[set[dt.datetime]]:
    watch = Births(local_snowflake)
    watch.start()
    yield watch.seen
    watch.enough.set()
    watch.join(30)


def test_many_days_share_one_cluster(
    airflow: RealAirflow, clusters: Clusters, connection: Any, births: set[dt.datetime]
) -> None:
    airflow.wait(lambda: DAG_ID in airflow.dags(), 60, "the DAG is not there")
    span = ("--from-date", str(DAYS[0]), "--to-date", str(DAYS[-1]))
    airflow.command("backfill", "create", "--dag-id", DAG_ID, *span, "--max-active-runs", "4")
    airflow.unpause(DAG_ID)

    def states() -> dict[str, str]:
        runs = airflow.ask("GET", f"/api/v2/dags/{DAG_ID}/dagRuns", run_type="backfill", limit=50)["dag_runs"]
        return {run["dag_run_id"]: run["state"] for run in runs}

    airflow.wait(lambda: len(states()) == len(DAYS), 60, "the runs are not there")
    airflow.wait(lambda: FINISHED.issuperset(states().values()), 1800, "the backfill goes on")
    for run_id, state in states().items():
        assert state == "success", airflow.explain(DAG_ID, run_id)
    session = ConnectorSession(connection)
    for day in DAYS:
        found = session.execute("SELECT * FROM FLIGHTS_DAILY WHERE FLIGHT_DATE = %s", [str(day)])
        assert_rows_equal(found, expected_rows(day))
    assert len(births) == 1, f"heads were created at {sorted(births)}"
    assert not clusters.find(NAME).services
    assert not clusters.pools(NAME)
    assert clusters.client.leases.live(NAME) == []
