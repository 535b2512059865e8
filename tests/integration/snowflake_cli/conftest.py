"""One local Snowflake and one Snowflake CLI for all these tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration.plain import plain_snowflake
from tests.integration.snowflake_cli.snow import Snow, opened_snow, program


@pytest.fixture(scope="package")
def environment() -> Iterator[dict[str, str]]:
    program()
    with plain_snowflake() as found:
        yield found


@pytest.fixture(scope="package")
def snow(environment: dict[str, str]) -> Iterator[Snow]:
    """It knows no more than ``connections.toml`` says, and whom to trust."""
    known = ("SNOWFLAKE_HOME", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    own = {
        **{name: environment[name] for name in known},
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "SNOWFLAKE_CLI_IGNORE_NEW_VERSION_WARNING": "true",  # it would ask a registry
        "COLUMNS": "200",
    }
    with tempfile.TemporaryDirectory(prefix="snow-") as folder, opened_snow(own, Path(folder)) as found:
        yield found


@pytest.fixture
def session(environment: dict[str, str]) -> Iterator[ConnectorSession]:
    """Sees what the commands did."""
    with connect(environment) as connection:
        yield ConnectorSession(connection)
