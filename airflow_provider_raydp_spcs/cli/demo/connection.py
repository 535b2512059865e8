"""Connections of the demo to the local Snowflake: those any user's script would make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

    from airflow_provider_raydp_spcs.spcs.client import SpcsClient


def connect(environment: Mapping[str, str], **overrides: Any) -> SnowflakeConnection:
    """Connect with the values of ``raydp-spcs local env``; ``overrides`` replace connector arguments."""
    import snowflake.connector

    names = ("host", "port", "account", "user", "password", "role", "database", "schema", "warehouse")
    found = {name: environment[f"SNOWFLAKE_{name.upper()}"] for name in names}
    return snowflake.connector.connect(**{"network_timeout": 60, "login_timeout": 30, **found, **overrides})


def client_of(connection: SnowflakeConnection) -> SpcsClient:
    """The client for compute pools, services and stages over a connection."""
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient
    from airflow_provider_raydp_spcs.spcs.session import ConnectorSession

    return SpcsClient(ConnectorSession(connection))


def run_script(environment: Mapping[str, str], script: Path) -> int:
    """Run every statement of a SQL file as Snowflake's own clients split it; answer how many there were.

    The session begins with the user's default role, for the one of the environment may be what the file makes.
    """
    with connect(environment, role=None) as connection:
        return len(list(connection.execute_string(script.read_text(), remove_comments=True)))
