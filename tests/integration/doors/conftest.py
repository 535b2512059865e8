"""One local Snowflake for all tests of its doors, and a user with every kind of credential."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from tests.integration.containers import make_images
from tests.local_snowflake import local_snowflake
from tests.users import User, make_user


@pytest.fixture(scope="package")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with local_snowflake(make_images(tmp_path_factory.mktemp("images"))) as found:
        yield found


@pytest.fixture(scope="package")
def ann(environment: dict[str, str]) -> User:
    """ANN, who has the roles RAYDP_SIS_ROLE and SECOND."""
    with connect(environment, role="ACCOUNTADMIN") as connection:
        connection.cursor().execute("CREATE ROLE SECOND")
    return make_user(environment, "ANN", "SECOND")
