"""The example DAG over several days on one local Snowflake: rows, executors, and what a failing job leaves behind."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator

import pytest

from airflow_provider_raydp_spcs.cli.demo.airflow_run import Airflow, DagRunReport
from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.local.services.system_pools import SYSTEM_POOLS
from airflow_provider_raydp_spcs.shipped import shipped
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.flights_oracle import assert_rows_equal, expected_rows
from tests.system.executor_watch import ExecutorWatch

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
RESULT = "RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.FLIGHTS_DAILY"
LOGS = "@RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.RAYDPLOGS"


def run_day(airflow: Airflow, day: dt.date) -> DagRunReport:
    return airflow.run("flights_daily_etl", shipped("dags") / "flights_daily_etl.py", day, show=print)


def rows_of(environment: dict[str, str], day: dt.date) -> list[dict[str, object]]:
    with connect(environment) as connection:
        sql = f"SELECT * FROM {RESULT} WHERE FLIGHT_DATE = %s"
        return ConnectorSession(connection).execute(sql, [str(day)])


@pytest.fixture
def executors(local_snowflake: dict[str, str]) -> Iterator[ExecutorWatch]:
    watch = ExecutorWatch(local_snowflake)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    yield watch
    watch.stop.set()
    thread.join(timeout=30)


def assert_nothing_left(environment: dict[str, str]) -> None:
    with connect(environment) as connection:
        client = client_of(connection)
        assert client.services.show() == []
        assert {pool.name for pool in client.compute_pools.show()} == SYSTEM_POOLS


def test_executors_run_on_both_workers_and_the_rows_are_right(
    airflow: Airflow, local_snowflake: dict[str, str], executors: ExecutorWatch
) -> None:
    day = dt.date(2013, 1, 2)
    run = run_day(airflow, day)
    assert run.succeeded, run.last_lines
    assert len(executors.addresses) == 2, f"Spark executors were seen on {executors.addresses}"
    assert_rows_equal(rows_of(local_snowflake, day), expected_rows(day))
    assert_nothing_left(local_snowflake)


def test_a_failing_job_fails_the_run_keeps_its_logs_and_leaves_nothing(
    airflow: Airflow, local_snowflake: dict[str, str]
) -> None:
    file = shipped("dags") / "failing_on_purpose.py"
    run = airflow.run("failing_on_purpose", file, dt.date(2013, 1, 1), show=print)
    assert not run.succeeded
    assert "the last words of the driver" in run.log.read_text()
    assert_nothing_left(local_snowflake)
    with connect(local_snowflake) as connection:
        names = [file.name for file in client_of(connection).stages.files(f"{LOGS}/FAILING")]
    kinds = {name.split("/")[6] for name in names}
    assert {"driver.log", "containers"} <= kinds, names
