"""All clusters of the schema."""

from __future__ import annotations

import datetime as dt
from typing import Final

import streamlit as st

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.listing import ClusterSummary, list_clusters
from airflow_provider_raydp_spcs.streamlit import navigation, words
from airflow_provider_raydp_spcs.streamlit.complaints import told

REFRESH_SECONDS: Final = 10
MANY: Final = 8
"""From so many clusters on there is a field to search them."""


def show(clusters: Clusters) -> None:
    """The page."""
    st.title("RayDP clusters", anchor=False)
    database, schema = clusters.client.current_schema()
    st.caption(f"Spark on Ray in Snowpark Container Services · schema {words.plain(f'{database}.{schema}')}")
    if st.button("New cluster", type="primary", icon=":material/add:"):
        navigation.go_to_form()
    _list(clusters)


@st.fragment(run_every=REFRESH_SECONDS)
def _list(clusters: Clusters) -> None:
    with told():
        now = dt.datetime.now(dt.UTC)
        found = list_clusters(clusters.client, now)
        if not found:
            st.info("There is no cluster yet. Make the first one with **New cluster**.", icon=":material/info:")
            return
        if len(found) >= MANY:
            text = st.text_input("Search", placeholder="Part of a name or an owner", icon=":material/search:")
            found = [each for each in found if text.upper() in f"{each.name} {each.owner}".upper()]
        for summary in found:
            _card(summary, now)
        st.caption(f"{words.count(len(found), 'cluster')} · looked at {now:%H:%M:%S} UTC")


def _card(summary: ClusterSummary, now: dt.datetime) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{words.plain(summary.name)}** {words.state_badge(summary.state)}", width="content")
            if st.button(f"Open {summary.name}", key=f"open_{summary.name}", icon=":material/arrow_forward:"):
                navigation.go_to_cluster(summary.name)
        owner = f"owner {words.plain(summary.owner)}" if summary.owner else "owner unknown"
        st.caption(f"{owner} · {words.expiry(summary, now)}")
        st.caption(f"{words.plain(words.nodes(summary))} · {words.plain(words.price(summary))}")
