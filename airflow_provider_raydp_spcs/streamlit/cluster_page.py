"""One cluster: how it is, its addresses, its logs, and what can be done with it."""

from __future__ import annotations

import datetime as dt
from typing import Final

import streamlit as st

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.listing import ClusterState
from airflow_provider_raydp_spcs.cluster.look import Look, look_at
from airflow_provider_raydp_spcs.cluster.obstacles import Obstacles
from airflow_provider_raydp_spcs.streamlit import actions, deleting, making, navigation, unfinished, words
from airflow_provider_raydp_spcs.streamlit.addresses import show_addresses
from airflow_provider_raydp_spcs.streamlit.complaints import told
from airflow_provider_raydp_spcs.streamlit.container_logs import show_logs
from airflow_provider_raydp_spcs.streamlit.service_list import show_services

QUICK_SECONDS: Final = 2
CALM_SECONDS: Final = 10
"""Between looks while something is changing, and while nothing is."""
CALM: Final = frozenset({ClusterState.SUSPENDED, ClusterState.FAILED, ClusterState.LEFT_OVER})


def show(clusters: Clusters, name: str) -> None:
    """The page."""
    name = name.upper()
    if st.button("All clusters", icon=":material/arrow_back:", type="tertiary"):
        navigation.go_to_list()
    st.title(words.plain(name), anchor=False)
    look = look_at(clusters, name)
    st.fragment(_live, run_every=CALM_SECONDS if _is_calm(look, name) else QUICK_SECONDS)(clusters, name, look)
    if look.summary is not None and not making.under_way(name) and not deleting.under_way(name):
        actions.show_actions(clusters, name, look)
        show_logs(clusters, look)


def _live(clusters: Clusters, name: str, first: Look) -> None:
    """What changes by itself. Where more of the page must change, the whole page is made anew."""
    shown = st.session_state.get("shown")
    st.session_state["shown"] = id(first)
    with told():
        look = first if shown != id(first) else look_at(clusters, name)
        made = making.under_way(name)
        with told():
            if deleting.under_way(name):
                if deleting.go_on(clusters, name):
                    st.rerun()
            elif made:
                if making.go_on(clusters, made):
                    st.rerun()
            elif look.summary is None and navigation.wanted() is None:
                _gone(name)
            elif look.summary is not None and not look.is_incomplete:
                navigation.forget_wanted()
        if _situation(look, name) != _situation(first, name):
            st.rerun()
        if look.summary is not None:
            _facts(look)
        if not deleting.under_way(name):
            unfinished.offer(name, look, made)
        if look.summary is not None:
            _progress(clusters, look)
            show_addresses(clusters, look)
            show_services(look)


def _gone(name: str) -> None:
    if deleting.was_deleted(name):
        st.success(f"Cluster {words.plain(name)} is deleted. Nothing of it is left.", icon=":material/check_circle:")
    else:
        st.info(
            f"There is no cluster {words.plain(name)} here, or the app's role may not see it.", icon=":material/info:"
        )


def _facts(look: Look) -> None:
    if (summary := look.summary) is None:
        return
    now = dt.datetime.now(dt.UTC)
    state = ClusterState.LEFT_OVER if look.is_incomplete else summary.state
    owner = f"owner {words.plain(summary.owner)}" if summary.owner else "owner unknown"
    st.markdown(f"{words.state_badge(state)} {owner} · {words.expiry(summary, now)}")
    st.caption(
        f"{words.plain(words.nodes(summary))} · {words.plain(words.price(summary))} · looked at {now:%H:%M:%S} UTC"
    )


def _progress(clusters: Clusters, look: Look) -> None:
    if look.summary is None or look.is_incomplete:
        return
    if failure := look.status.failure:
        st.error(f"It will not come up: {words.plain(failure)}", icon=":material/error:")
        st.markdown(
            "Its log below may tell why. Delete the cluster, or mend the cause and make it again with the same name."
        )
    elif look.summary.state is ClusterState.STARTING:
        states = look.status.services
        up = sum(state.is_up for state in states)
        st.progress(up / len(states), f"{up} of {words.count(len(states), 'service')} up; nodes take minutes to come")
        for obstacle in Obstacles(clusters.client).all(look.status):
            st.warning(words.plain(obstacle), icon=":material/warning:")
    elif look.summary.state is ClusterState.READY and not look.is_open:
        st.progress(1.0, "All services are up; Snowflake is still giving them their addresses")


def _is_calm(look: Look, name: str) -> bool:
    if making.under_way(name) or deleting.under_way(name):
        return False
    if look.summary is None or look.is_incomplete or look.is_open:
        return True
    return look.summary.state in CALM or bool(look.status.failure)


def _situation(look: Look, name: str) -> tuple[object, ...]:
    """What the rest of the page, outside of what changes by itself, depends on."""
    if look.summary is None:
        return ("none",)
    containers = [
        (each.service_name, each.instance_id, each.container_name)
        for state in look.status.services
        for each in state.containers
    ]
    return look.summary.state, look.is_incomplete, _is_calm(look, name), _targets(look), tuple(sorted(containers))


def _targets(look: Look) -> tuple[tuple[str, int], ...]:
    return tuple((group, state.service.target_instances) for group, state in look.groups.items())
