"""What of a cluster can be opened in a browser."""

from __future__ import annotations

from typing import Final

import streamlit as st

from airflow_provider_raydp_spcs.cluster.endpoints import DASHBOARD, GRAFANA, JOB_FILES, NOTEBOOK
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.look import Look
from airflow_provider_raydp_spcs.spcs.snowsight import service_page
from airflow_provider_raydp_spcs.streamlit.words import heading

_NAMES: Final = {
    DASHBOARD: ("Ray dashboard", "dashboard"),
    NOTEBOOK: ("Notebook", "edit_note"),
    GRAFANA: ("Grafana", "monitoring"),
}
TOKEN_PATH: Final = "/notebook-token"  # noqa: S105 - where the head tells it to whoever has signed in


def show_addresses(clusters: Clusters, look: Look) -> None:
    """A button for each page; Snowflake asks for the sign-in."""
    pages = look.pages
    if not pages:
        return
    heading("Open")
    with st.container(horizontal=True):
        for endpoint, (name, icon) in _NAMES.items():
            if endpoint in pages:
                st.link_button(name, pages[endpoint], icon=f":material/{icon}:")
        if snowsight := _snowsight(clusters, look):
            st.link_button("Snowsight", snowsight, icon=":material/ac_unit:")
    if NOTEBOOK in pages and JOB_FILES in pages:
        st.markdown(
            f"The notebook asks for a token: [show the token]({pages[JOB_FILES]}{TOKEN_PATH}), then paste it where Jupyter "
            "asks for it."
        )


def _snowsight(clusters: Clusters, look: Look) -> str:
    """The head's page in Snowsight; asked for once."""
    head = next(iter(look.status.services)).service
    key = f"snowsight_{head.full_name}"
    if key not in st.session_state:
        st.session_state[key] = service_page(clusters.client, head)
    return str(st.session_state[key])
