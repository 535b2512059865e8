"""The session that the app works with: Snowflake's own inside Snowflake, one that is handed in anywhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.session import SnowparkSession

if TYPE_CHECKING:
    from snowflake.snowpark import Session as Snowpark


class NotConnectedError(Exception):
    """There is no session; the message says how to get one."""


@st.cache_resource(show_spinner="Connecting to Snowflake …")
def open_client(_outside: Callable[[], Snowpark] | None = None) -> SpcsClient:
    """The client that all pages use; on one's own machine, all browsers too.

    :param _outside: makes a session where the app does not run inside Snowflake.
    :raises NotConnectedError: it does not run inside Snowflake, and nothing makes a session.
    :raises SpcsError: Snowflake cannot be reached or does not let us in.
    """
    return SpcsClient(SnowparkSession(_inside() if _outside is None else _outside()))


def _inside() -> Snowpark:
    from snowflake.snowpark.context import get_active_session
    from snowflake.snowpark.exceptions import SnowparkSessionException

    try:
        return get_active_session()
    except SnowparkSessionException as error:
        msg = "This file is for Streamlit in Snowflake. On your own machine, start the app with: raydp-spcs app"
        raise NotConnectedError(msg) from error
