"""A deletion under way, one step each time the page looks."""

from __future__ import annotations

from typing import Final

import streamlit as st

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.stepwise import delete_further

_KEY: Final = "deleting_{}"


def begin(name: str) -> None:
    """Whoever looks at the page has confirmed it."""
    st.session_state[_KEY.format(name)] = True


def under_way(name: str) -> bool:
    """Whether this browser deletes the cluster."""
    return st.session_state.get(_KEY.format(name)) is True


def was_deleted(name: str) -> bool:
    """Whether this browser has deleted it."""
    return st.session_state.get(_KEY.format(name)) is False


def go_on(clusters: Clusters, name: str) -> bool:
    """Take it further; answer whether all is gone.

    :raises SpcsError: Snowflake refuses something; the next look tries again.
    """
    gone = delete_further(clusters, name)
    if gone:
        st.session_state[_KEY.format(name)] = False
    else:
        st.progress(0.5, "Deleting: waiting until the services are gone; then the compute pools go")
    return gone
