"""A local Snowflake whose clusters are ready at once, and the app beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from tests.browser import Album
from tests.integration.app import light_images
from tests.integration.app.serving import served_app
from tests.local_snowflake import local_snowflake as started


@pytest.fixture(scope="package")
def light_snowflake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with started(light_images.write(tmp_path_factory.mktemp("images"))) as environment:
        yield environment


@pytest.fixture(scope="package")
def clusters(light_snowflake: dict[str, str]) -> Iterator[Clusters]:
    with connect(light_snowflake) as connection:
        yield Clusters(client_of(connection))


@pytest.fixture(scope="package")
def app_url(light_snowflake: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_app(light_snowflake, tmp_path_factory.mktemp("app") / "app.log") as url:
        yield url


@pytest.fixture(scope="package")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    return Album(tmp_path_factory.mktemp("screenshots"))
