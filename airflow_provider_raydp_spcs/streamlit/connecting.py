"""The session that the app works with: Snowflake's own inside Snowflake, one of the user's anywhere else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import streamlit as st

from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.session import SnowparkSession

if TYPE_CHECKING:
    from snowflake.snowpark import Session as Snowpark

CONNECTION: Final = "RAYDP_SPCS_APP_CONNECTION"
"""Environment variable: name of a connection in ``connections.toml``. Without it the ``SNOWFLAKE_…`` variables count."""
_PARAMETERS: Final = ("host", "port", "account", "user", "password", "role", "database", "schema", "warehouse")


class NotConnectedError(Exception):
    """There is no session, and nothing says how to make one."""


@st.cache_resource(show_spinner="Connecting to Snowflake …")
def open_client() -> SpcsClient:
    """The client that all pages use; on one's own machine, all browsers too.

    :raises NotConnectedError: outside Snowflake, and neither a connection nor the variables are given.
    """
    return SpcsClient(SnowparkSession(_inside_snowflake() or _outside()))


def _inside_snowflake() -> Snowpark | None:
    from snowflake.snowpark.context import get_active_session
    from snowflake.snowpark.exceptions import SnowparkSessionException

    if CONNECTION in os.environ:
        return None
    try:
        return get_active_session()
    except SnowparkSessionException:
        return None


def _outside() -> Snowpark:
    from snowflake.snowpark import Session

    if name := os.environ.get(CONNECTION):
        return Session.builder.config("connection_name", name).create()
    found = {name: os.environ.get(f"SNOWFLAKE_{name.upper()}", "") for name in _PARAMETERS}
    if missing := [name for name in ("account", "user", "password") if not found[name]]:
        msg = (
            f"SNOWFLAKE_{missing[0].upper()} is not set. For the local Snowflake: "
            'eval "$(raydp-spcs local env)". For an account: raydp-spcs app --connection NAME, with NAME out of your '
            "connections.toml"
        )
        raise NotConnectedError(msg)
    return Session.builder.configs({name: value for name, value in found.items() if value}).create()
