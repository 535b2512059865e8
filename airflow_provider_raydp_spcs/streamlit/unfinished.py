"""Going on with, or taking back, what a creation or deletion left half-way: a step failed, or a browser was closed."""

from __future__ import annotations

import streamlit as st

from airflow_provider_raydp_spcs.cluster.config import RESERVED_GROUPS, ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.look import Look
from airflow_provider_raydp_spcs.cluster.naming import HEAD
from airflow_provider_raydp_spcs.streamlit import deleting, making, navigation
from airflow_provider_raydp_spcs.streamlit.making import Making
from airflow_provider_raydp_spcs.streamlit.wishes import check
from airflow_provider_raydp_spcs.streamlit.words import plain


def offer(name: str, look: Look, made: Making | None) -> None:
    """Where something is half-way, say so and offer both ways out."""
    failed = made is not None and made.failed is not None
    not_begun = look.summary is None and navigation.wanted() is not None
    if not failed and (made is not None or not (look.is_incomplete or not_begun)):
        return
    if not_begun and not failed:
        st.info(f"Nothing of cluster {plain(name)} is made yet: the page was left before.", icon=":material/info:")
    elif not failed:
        st.warning(
            "This cluster is not complete: its creation or its deletion stopped half-way. Nodes that are there may cost.",
            icon=":material/warning:",
        )
    with st.container(horizontal=True):
        if st.button("Continue creating", type="primary", icon=":material/play_arrow:"):
            _go_on(name, look, made)
        if look.summary is None:
            if st.button("Back to the form", icon=":material/edit:"):
                making.end(name)
                navigation.go_to_form(made.config if made else _asked_for(name))
        elif st.button("Take back: delete what is there", icon=":material/delete:"):
            making.end(name)
            navigation.forget_wanted()
            deleting.begin(name)
            st.rerun()


def _go_on(name: str, look: Look, made: Making | None) -> None:
    """Ask again for what this browser or the address asked for; else let the form be filled in with what is there."""
    if made is not None:
        making.begin(made.config)
        st.rerun()
    if config := _asked_for(name):
        making.begin(config)
        st.rerun()
    navigation.go_to_form(_what_is_there(name, look))


def _asked_for(name: str) -> ClusterConfig | None:
    """What stands in the address, where it is for this cluster."""
    try:
        config = check(navigation.from_text(navigation.wanted() or "")).config
    except navigation.UnreadableAddressError:
        return None
    return config if config is not None and config.name == name else None


def _what_is_there(name: str, look: Look) -> ClusterConfig:
    pools = look.summary.pools if look.summary else ()
    head = next((HeadConfig(pool.instance_family) for pool in pools if pool.group == HEAD), HeadConfig())
    groups = [
        WorkerGroup(name=pool.group.lower(), instance_family=pool.instance_family, count=pool.wanted)
        for pool in pools
        if pool.group not in RESERVED_GROUPS
    ]
    return ClusterConfig(name, head=head, worker_groups=groups or [WorkerGroup()])
