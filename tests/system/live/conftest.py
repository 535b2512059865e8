"""One real Airflow (API server, scheduler, DAG processor, triggerer, LocalExecutor) for every test in this folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.shipped import shipped
from tests.system.live.real_airflow import RealAirflow

HERE = Path(__file__).parent


@pytest.fixture(scope="package")
def connection(local_snowflake: dict[str, str]) -> Iterator[Any]:
    with connect(local_snowflake, session_parameters={"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"}) as made:
        yield made


@pytest.fixture(scope="package")
def clusters(connection: Any) -> Clusters:
    return Clusters(client_of(connection))


@pytest.fixture(scope="package")
def airflow(local_snowflake: dict[str, str]) -> Iterator[RealAirflow]:
    with tempfile.TemporaryDirectory(prefix="af-") as folder:
        bundles = {"examples": shipped("dags"), "tests": HERE / "airflow_dags"}
        made = RealAirflow(Path(folder) / "home", bundles, local_snowflake)
        try:
            made.start()
            yield made
        finally:
            made.stop()
