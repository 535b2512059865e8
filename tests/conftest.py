"""Fixtures for tests with real parts: one local Snowflake serves them all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def local_snowflake() -> Iterator[dict[str, str]]:
    """A running local Snowflake, set up by the shipped SQL, with the flights loaded; yields what ``local env`` prints.

    Skipping is not an option here: where it cannot start, the tests that need it fail and say why.
    """
    from airflow_provider_raydp_spcs.cli.demo.connection import connect, run_script
    from airflow_provider_raydp_spcs.local import daemon
    from airflow_provider_raydp_spcs.local.environment import client_environment
    from airflow_provider_raydp_spcs.local.sample_data import load_flights
    from airflow_provider_raydp_spcs.shipped import shipped
    from airflow_provider_raydp_spcs.spcs.session import ConnectorSession

    home = Path(tempfile.mkdtemp(prefix="sf-"))
    before = dict(os.environ)
    try:
        environment = client_environment(daemon.up(home, port=0, images=shipped("images")))
        os.environ.update(environment)
        for script in ("step0_admin_setup.sql", "step1_user_setup.sql"):
            run_script(environment, shipped("sql") / script)
        with connect(environment) as connection:
            load_flights(ConnectorSession(connection))
        yield environment
    finally:
        os.environ.clear()
        os.environ.update(before)
        daemon.down(home)
        shutil.rmtree(home, ignore_errors=True)
