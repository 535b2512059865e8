"""The end of a container's log."""

from __future__ import annotations

from typing import Final

import streamlit as st

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.look import Look
from airflow_provider_raydp_spcs.spcs.errors import InsufficientPrivilegesError, StatementFailedError
from airflow_provider_raydp_spcs.streamlit.complaints import told
from airflow_provider_raydp_spcs.streamlit.words import heading, plain

LINES: Final = (100, 1000, 10_000)
LONG_LINES: Final = 15
"""From so many lines on a log has a box of its own to scroll in."""


@st.fragment
def show_logs(clusters: Clusters, look: Look) -> None:
    """Choose a container, read its log."""
    containers = {
        f"{group.lower()} {container.instance_id} · {container.container_name}": (state.service.full_name, container)
        for group, state in look.groups.items()
        for container in state.containers
        if container.instance_id
    }
    if not containers:
        return
    heading("Logs")
    left, right = st.columns([3, 1])
    chosen = left.selectbox("Container", list(containers), key="logs_container")
    lines = right.selectbox("Last lines", LINES, key="logs_lines")
    if not st.toggle("Show the log", key="logs_shown"):
        return
    service, container = containers[chosen]
    with told():
        try:
            text = clusters.client.services.logs(service, container.instance_id, container.container_name, lines=lines)
        except InsufficientPrivilegesError:
            raise
        except StatementFailedError as error:
            st.info(f"There is no log to show: {plain(str(error))}", icon=":material/info:")
            return
        long = text.count("\n") > LONG_LINES
        st.code(text or "(the log is empty)", language=None, wrap_lines=True, height=400 if long else "content")
        st.button("Read it again", icon=":material/refresh:")
