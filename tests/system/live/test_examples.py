"""The other example DAGs, run by a scheduler: mapped functions, and a job that fails on purpose."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from tests.flights_oracle import flights_file
from tests.system.live.real_airflow import RealAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(1300)]
LATENESS = """
SELECT carrier, round(count(*) FILTER (dep_delay > 60) / count(*), 4) FROM read_csv('{file}', nullstr='NA')
WHERE month <= 2 AND dep_delay IS NOT NULL AND carrier IN ('AA', 'DL', 'UA') GROUP BY carrier
"""


def test_mapped_functions_run_on_the_cluster(airflow: RealAirflow, clusters: Clusters) -> None:
    airflow.trigger("flights_by_carrier", "carriers")
    airflow.succeed("flights_by_carrier", "carriers", 1000)
    expected = dict(duckdb.sql(LATENESS.format(file=flights_file())).fetchall())
    assert len(expected) == 3
    assert airflow.xcom("flights_by_carrier", "carriers", "summary") == expected
    tasks = airflow.tasks("flights_by_carrier", "carriers")
    assert {f"spark.lateness[{number}]" for number in range(3)} <= set(tasks)
    assert not [info for info in clusters.client.services.show() if info.name.startswith("CARRIERS_")]
    assert not clusters.client.compute_pools.show("CARRIERS_")


def test_a_job_that_fails_leaves_its_logs_and_nothing_else(
    airflow: RealAirflow, clusters: Clusters, connection: Any
) -> None:
    airflow.trigger("failing_on_purpose", "fails")
    assert airflow.wait_run("failing_on_purpose", "fails", 600) == "failed"
    states = {name: task["state"] for name, task in airflow.tasks("failing_on_purpose", "fails").items()}
    assert states == {
        "spark.create_cluster": "success",
        "spark.run_job": "failed",
        "spark.export_logs": "success",
        "spark.delete_cluster": "success",
    }
    assert any("on purpose" in line for line in airflow.log("failing_on_purpose", "fails", "spark.run_job"))
    listed = connection.cursor().execute("LIST @RAYDPLOGS/FAILING/failing_on_purpose/fails/").fetchall()
    assert [name for name, *_ in listed if name.endswith("/driver.log")]
    assert not clusters.find("FAILING").services
    assert not clusters.pools("FAILING")
