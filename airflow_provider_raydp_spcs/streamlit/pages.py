"""Which page is shown."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.streamlit import cluster_page, create_page, navigation, overview
from airflow_provider_raydp_spcs.streamlit.complaints import told
from airflow_provider_raydp_spcs.streamlit.connecting import open_client

if TYPE_CHECKING:
    from snowflake.snowpark import Session as Snowpark

TURN_SECONDS: Final = 0.2
"""For how long a page that is left shows nothing: so long the browser needs to see it and to go back to the top."""


def show(outside: Callable[[], Snowpark] | None = None) -> None:
    """Show the page that the address names.

    :param outside: makes a session where the app does not run inside Snowflake.
    """
    st.set_page_config(page_title="RayDP clusters", page_icon=":material/hub:", layout="centered")
    with _body(), told():
        clusters = Clusters(open_client(outside))
        if navigation.current_cluster() or navigation.wanted() is None:
            create_page.forget()
        if name := navigation.current_cluster():
            cluster_page.show(clusters, name)
        elif navigation.wanted() is not None:
            create_page.show(clusters)
        else:
            overview.show(clusters)


def _body() -> DeltaGenerator:
    """Where the page goes. A page that was just turned to begins at its top, so the one before is emptied first."""
    page = (navigation.current_cluster(), navigation.wanted() is None or navigation.current_cluster() != "")
    if st.session_state.setdefault("page", page) == page:
        return st.container()
    st.session_state["page"] = page
    place = st.empty()
    time.sleep(TURN_SECONDS)
    return place.container()
