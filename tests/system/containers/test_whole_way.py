"""The main job through real containers: the same DAG and the same rows as through processes."""

from __future__ import annotations

import datetime as dt
import threading
import time

import pytest

from airflow_provider_raydp_spcs.cli.demo.airflow_run import Airflow
from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.container_engine import Engine
from airflow_provider_raydp_spcs.local.sample_data import load_flights
from airflow_provider_raydp_spcs.local.services.system_pools import SYSTEM_POOLS
from airflow_provider_raydp_spcs.shipped import shipped
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.flights_oracle import assert_rows_equal, expected_rows
from tests.system.executor_watch import ExecutorWatch

pytestmark = [pytest.mark.system, pytest.mark.timeout(900, func_only=True)]
RESULT = "RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.FLIGHTS_DAILY"
LOGS = "@RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.RAYDPLOGS"
DAY = dt.date(2013, 1, 2)


def test_the_dag_runs_in_containers(
    engine: Engine, snowflake: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with connect(snowflake) as connection:
        load_flights(ConnectorSession(connection))
    airflow = Airflow(tmp_path_factory.mktemp("airflow"), shipped("dags"), snowflake)
    airflow.prepare()
    watch = ExecutorWatch(snowflake)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    started = time.monotonic()
    run = airflow.run("flights_daily_etl", shipped("dags") / "flights_daily_etl.py", DAY, show=print)
    print(f"the DAG took {time.monotonic() - started:.0f} s: {run.task_seconds}")
    watch.stop.set()
    thread.join(timeout=30)
    assert run.succeeded, run.last_lines
    assert len(watch.addresses) == 2, f"Spark executors were seen on {watch.addresses}"
    assert all(address.startswith("10.") for address in watch.addresses), "they are containers' own addresses"
    with connect(snowflake) as connection:
        session, client = ConnectorSession(connection), client_of(connection)
        rows = session.execute(f"SELECT * FROM {RESULT} WHERE FLIGHT_DATE = %s", [str(DAY)])
        assert_rows_equal(rows, expected_rows(DAY))
        assert client.services.show() == []
        assert {pool.name for pool in client.compute_pools.show()} == SYSTEM_POOLS
        paths = [file.path.split("/") for file in client.stages.files(LOGS)]
    assert {"driver.log", "executors", "containers", "checksums.md5"} <= {
        path[5] for path in paths if path[0] != "live"
    }
    assert len({path[2] for path in paths if path[0] == "live"}) == 3, "head and workers shipped their own"
    assert engine.run("ps", "--all", "--quiet") == "", "no container is left"
