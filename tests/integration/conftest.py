"""A local Snowflake with images of the tests' own; each test module has one to itself, for some end it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration.containers import make_images
from tests.integration.inside import job_environment
from tests.local_snowflake import local_snowflake


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sf-"))
    yield folder
    daemon.down(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def environment(home: Path, images: Path) -> Iterator[dict[str, str]]:
    with local_snowflake(images, home=home) as found:
        yield found


@pytest.fixture(scope="module")
def inside(environment: dict[str, str]) -> dict[str, str]:
    """Variables by which a job in a container of a service connects; the service is there for its token."""
    return job_environment(environment)


@pytest.fixture
def session(environment: dict[str, str]) -> Iterator[ConnectorSession]:
    with connect(environment) as connection:
        yield ConnectorSession(connection)
