"""Which page is shown."""

from __future__ import annotations

import streamlit as st

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.streamlit import cluster_page, create_page, navigation, overview
from airflow_provider_raydp_spcs.streamlit.complaints import told
from airflow_provider_raydp_spcs.streamlit.connecting import open_client


def show() -> None:
    """Show the page that the address names."""
    st.set_page_config(page_title="RayDP clusters", page_icon=":material/hub:", layout="centered")
    with told():
        clusters = Clusters(open_client())
        if navigation.current_cluster() or navigation.wanted() is None:
            create_page.forget()
        if name := navigation.current_cluster():
            cluster_page.show(clusters, name)
        elif navigation.wanted() is not None:
            create_page.show(clusters)
        else:
            overview.show(clusters)
