"""What went wrong, told with the next step; never a traceback."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Final

import streamlit as st

from airflow_provider_raydp_spcs.cluster.errors import ClusterError
from airflow_provider_raydp_spcs.spcs.errors import (
    AuthenticationError,
    CapacityError,
    InsufficientPrivilegesError,
    SessionEndedError,
    SnowflakeUnreachableError,
    SpcsError,
)
from airflow_provider_raydp_spcs.streamlit.connecting import NotConnectedError, open_client
from airflow_provider_raydp_spcs.streamlit.words import plain

_TITLES: Final = (
    (InsufficientPrivilegesError, "The app's role lacks a privilege."),
    (CapacityError, "Snowflake has no such node to give now. Try again later, or choose another instance family."),
    (
        AuthenticationError | SessionEndedError,
        "Snowflake does not accept the session any more. Reload the page and sign in again.",
    ),
    (SnowflakeUnreachableError, "Snowflake does not answer now. Try again in a moment."),
    (NotConnectedError, "The app is not connected to Snowflake."),
)
_STATEMENTS: Final = ("GRANT ", "CREATE ", "-- ")


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Show what goes wrong in the block where the page is just now."""
    try:
        yield
    except Exception as error:
        complain(error)


def complain(error: Exception) -> None:
    """Show an error: in words what is wrong, and as a block to copy what an administrator is to run."""
    if not isinstance(error, SpcsError | ClusterError | NotConnectedError):
        logging.getLogger(__name__).error("the app failed", exc_info=error)
        st.error(
            f"Something unexpected happened ({type(error).__name__}). Reload the page; if it happens again, report it "
            "with the app's log, which has the details.",
            icon=":material/bug_report:",
        )
        return
    if isinstance(error, AuthenticationError | SessionEndedError | SnowflakeUnreachableError):
        open_client.clear()  # the next look connects anew
    title = next((words for kind, words in _TITLES if isinstance(error, kind)), "")
    lines = str(error).splitlines()
    statements = [line for line in lines if line.startswith(_STATEMENTS)]
    st.error(title or plain(lines[0] if lines else type(error).__name__), icon=":material/error:")
    rest = [line for line in lines[0 if title else 1 :] if line not in statements]
    if rest:
        st.text("\n".join(rest))
    if statements:
        st.code("\n".join(statements), language="sql", wrap_lines=True)
