"""One local Snowflake for all tests of tables and stages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from tests.local_snowflake import local_snowflake

Rows = list[tuple[Any, ...]]


class Sql:
    """A connection of the unmodified connector, and a short way to ask it."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def __call__(self, text: str, values: Any = None) -> Rows:
        return list(self.connection.cursor().execute(text, values).fetchall())


@pytest.fixture(scope="package")
def environment() -> Iterator[dict[str, str]]:
    """What clients make besides tables and stages needs more than step 0 grants."""
    with local_snowflake() as found:
        with connect(found, role="ACCOUNTADMIN") as admin:
            admin.cursor().execute(
                "GRANT CREATE FILE FORMAT, CREATE SEQUENCE ON SCHEMA RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA "
                "TO ROLE RAYDP_SIS_ROLE"
            )
        yield found


@pytest.fixture
def sql(environment: dict[str, str]) -> Iterator[Sql]:
    with connect(environment) as connection:
        yield Sql(connection)


@pytest.fixture
def stage(sql: Sql) -> str:
    """An empty stage with a directory table."""
    sql("CREATE OR REPLACE STAGE ST DIRECTORY = (ENABLE = TRUE) ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')")
    return "@ST"
