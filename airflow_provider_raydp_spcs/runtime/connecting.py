"""Connecting to Snowflake from inside a service, as the service's own user."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.runtime.errors import NotInsideSnowflakeError

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_DEFAULT_FOLDER = "/snowflake/session"


def connection(**overrides: Any) -> SnowflakeConnection:
    """Connect with the container's OAuth token.

    The token is read anew at each call, for the platform renews it every few minutes (SPCS reference 3.5). No user and
    no warehouse are named: the service's own user and its QUERY_WAREHOUSE apply.

    :param overrides: arguments of ``snowflake.connector.connect`` that win over those found here.
    :raises NotInsideSnowflakeError: there is no token or no SNOWFLAKE_HOST; the job does not run in a service.
    """
    import snowflake.connector

    return snowflake.connector.connect(**(connection_arguments() | overrides))


def connection_arguments(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The arguments that :func:`connection` connects with; they hold the token."""
    folder = Path(environment.get("RAYDP_SESSION_DIR") or _DEFAULT_FOLDER)
    try:
        token = (folder / "token").read_text().strip()
        host, account = environment["SNOWFLAKE_HOST"], environment["SNOWFLAKE_ACCOUNT"]
    except (OSError, KeyError) as error:
        msg = (
            f"no connection from inside Snowflake: {error}. This works in the containers of a service, where the platform "
            "sets SNOWFLAKE_HOST and SNOWFLAKE_ACCOUNT and mounts a token"
        )
        raise NotInsideSnowflakeError(msg) from error
    return {
        "host": host,
        "port": int(environment.get("SNOWFLAKE_PORT", "443")),
        "account": account,
        "authenticator": "oauth",
        "token": token,
        "database": environment.get("SNOWFLAKE_DATABASE"),
        "schema": environment.get("SNOWFLAKE_SCHEMA"),
        "client_session_keep_alive": True,
    }
