"""Fixtures for tests with real parts: one local Snowflake serves them all."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


def pytest_configure() -> None:
    """Ended by SIGTERM or SIGINT, even as a background job, a run takes down what it has started, as with Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)


@pytest.fixture(scope="session")
def local_snowflake() -> Iterator[dict[str, str]]:
    """A running local Snowflake, set up by the shipped SQL, with the flights loaded; yields what ``local env`` prints.

    Skipping is not an option here: where it cannot start, the tests that need it fail and say why.
    """
    from airflow_provider_raydp_spcs.cli.demo.connection import connect
    from airflow_provider_raydp_spcs.local.sample_data import load_flights
    from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
    from tests.local_snowflake import local_snowflake as started

    with started() as environment:
        with connect(environment) as connection:
            load_flights(ConnectorSession(connection))
        yield environment
