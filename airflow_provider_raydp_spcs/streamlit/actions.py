"""What can be done with a cluster that is there."""

from __future__ import annotations

import streamlit as st

from airflow_provider_raydp_spcs.cluster import power
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.listing import ClusterState
from airflow_provider_raydp_spcs.cluster.look import Look
from airflow_provider_raydp_spcs.spcs.compute_pools import MAX_NODES
from airflow_provider_raydp_spcs.streamlit import deleting, words
from airflow_provider_raydp_spcs.streamlit.complaints import told


def show_actions(clusters: Clusters, name: str, look: Look) -> None:
    """Scale, suspend or resume, delete; what makes no sense now is not there."""
    state = look.summary.state if look.summary else ClusterState.DELETING
    st.subheader("Change", anchor=False)
    if look.worker_groups and state in (ClusterState.READY, ClusterState.STARTING, ClusterState.FAILED):
        _scale(clusters, name, look)
    with st.container(horizontal=True):
        if state in (ClusterState.READY, ClusterState.STARTING, ClusterState.FAILED):
            if st.button(
                "Suspend", icon=":material/bedtime:", help="Nodes go, what is in memory is lost; addresses stay."
            ):
                with told():
                    power.suspend(clusters, name)
                    st.rerun()
        elif state in (ClusterState.SUSPENDED, ClusterState.SUSPENDING) and st.button(
            "Resume", type="primary", icon=":material/play_arrow:"
        ):
            with told():
                power.resume(clusters, name)
                st.rerun()
        if st.button("Delete …", icon=":material/delete:"):
            _confirm(name)


def _scale(clusters: Clusters, name: str, look: Look) -> None:
    groups = look.worker_groups
    with st.form("scale", border=True):
        left, right = st.columns(2, vertical_alignment="bottom")
        group = left.selectbox("Worker group", list(groups), format_func=str.lower, key="scale_group")
        now = next(iter(groups.values())).service.target_instances
        count = right.number_input("Nodes", 1, MAX_NODES, value=max(1, now), step=1, key="scale_count")
        if st.form_submit_button("Scale", icon=":material/open_in_full:"):
            with told():
                power.scale(clusters, name, group, int(count))
                st.toast(f"{group.lower()} is asked for {words.count(int(count), 'node')}", icon=":material/check:")


@st.dialog("Delete this cluster?")
def _confirm(name: str) -> None:
    st.markdown(
        f"All services and compute pools of **{words.plain(name)}** go, and with them what runs there. Logs and files on "
        "stages stay. This cannot be undone."
    )
    typed = st.text_input(f"Type {name} to confirm")
    with st.container(horizontal=True):
        if st.button("Delete for good", type="primary", icon=":material/delete:"):
            if typed.strip().upper() == name:
                deleting.begin(name)
                st.rerun()
            st.error("That is not the cluster's name.", icon=":material/edit:")
        if st.button("Keep it"):
            st.rerun()
