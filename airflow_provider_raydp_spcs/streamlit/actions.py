"""What can be done with a cluster that is there."""

from __future__ import annotations

from typing import Final

import streamlit as st

from airflow_provider_raydp_spcs.cluster import power
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.listing import ClusterState
from airflow_provider_raydp_spcs.cluster.look import Look
from airflow_provider_raydp_spcs.spcs.compute_pools import MAX_NODES
from airflow_provider_raydp_spcs.streamlit import deleting, words
from airflow_provider_raydp_spcs.streamlit.complaints import told

_CONFIRMING: Final = "confirming"


def show_actions(clusters: Clusters, name: str, look: Look) -> None:
    """Scale, suspend or resume, delete; what makes no sense now is not there."""
    state = look.summary.state if look.summary else ClusterState.DELETING
    words.heading("Change")
    if look.worker_groups and state in (ClusterState.READY, ClusterState.STARTING, ClusterState.FAILED):
        _scale(clusters, name, look)
    with st.container(horizontal=True):
        if state in (ClusterState.READY, ClusterState.STARTING, ClusterState.FAILED):
            if st.button(
                "Suspend", icon=":material/bedtime:", help="Nodes go, what is in memory is lost; addresses stay."
            ):
                with told(), st.spinner("Asking Snowflake …"):
                    power.suspend(clusters, name)
                    st.rerun()
        elif state in (ClusterState.SUSPENDED, ClusterState.SUSPENDING) and st.button(
            "Resume", type="primary", icon=":material/play_arrow:"
        ):
            with told(), st.spinner("Asking Snowflake …"):
                power.resume(clusters, name)
                st.rerun()
        if st.button("Delete …", icon=":material/delete:"):
            st.session_state[_CONFIRMING] = name
    if st.session_state.get(_CONFIRMING) == name:
        _confirm(name)


@st.fragment
def _scale(clusters: Clusters, name: str, look: Look) -> None:
    groups = look.worker_groups
    with st.container(border=True):
        left, right = st.columns(2)
        group = left.selectbox("Worker group", list(groups), format_func=str.lower, key="scale_group")
        now = groups[group].service.target_instances
        count = right.number_input("Nodes", 1, MAX_NODES, value=max(1, now), step=1, key=f"scale_{name}_{group}_{now}")
        if st.button("Scale", icon=":material/open_in_full:", disabled=count == now):
            with told(), st.spinner("Asking Snowflake …"):
                power.scale(clusters, name, group, int(count))
                st.rerun()


def _confirm(name: str) -> None:
    """Ask in the page itself, which stays as it is while the page looks at the cluster again."""
    with st.container(border=True):
        st.warning(
            f"All services and compute pools of **{words.plain(name)}** go, and with them what runs there. Logs and files "
            "on stages stay. This cannot be undone.",
            icon=":material/warning:",
        )
        typed = st.text_input(f"Type {name} to confirm", key="delete_name")
        with st.container(horizontal=True):
            sure = st.button("Delete for good", type="primary", icon=":material/delete_forever:")
            if st.button("Keep it"):
                st.session_state.pop(_CONFIRMING)
                st.rerun()
        if sure and typed.strip().upper() == name:
            st.session_state.pop(_CONFIRMING)
            deleting.begin(name)
            st.rerun()
        if sure:
            st.error("That is not the cluster's name.", icon=":material/edit:")
