"""An Airflow for the tests that run DAGs one at a time; making its database takes a while."""

from __future__ import annotations

import pytest

from airflow_provider_raydp_spcs.cli.demo.airflow_run import Airflow
from airflow_provider_raydp_spcs.shipped import shipped


@pytest.fixture(scope="session")
def airflow(local_snowflake: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """With the example DAGs and the local Snowflake that all tests share."""
    made = Airflow(tmp_path_factory.mktemp("airflow"), shipped("dags"), local_snowflake)
    made.prepare()
    return made
