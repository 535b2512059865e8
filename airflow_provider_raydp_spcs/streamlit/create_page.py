"""The form for a new cluster."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.cost import estimate
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.look import look_at
from airflow_provider_raydp_spcs.cluster.preview import statements
from airflow_provider_raydp_spcs.spcs.instance_families import INSTANCE_FAMILIES
from airflow_provider_raydp_spcs.streamlit import making, navigation, words
from airflow_provider_raydp_spcs.streamlit.complaints import told
from airflow_provider_raydp_spcs.streamlit.wishes import KEEP, Checked, GroupWish, Wish, check

FAMILIES: Final = [name for name, each in INSTANCE_FAMILIES.items() if each.architecture == "amd64"]
"""What the images run on."""
IDLE_ACTIONS: Final = {
    "suspend": "Suspend it: nodes go, addresses stay",
    "drop": "Delete it",
    KEEP: "Nothing",
}
_FORM: Final = "form"
_GROUPS: Final = "form_groups"


def show(clusters: Clusters) -> None:
    """The page."""
    if st.button("All clusters", icon=":material/arrow_back:", type="tertiary"):
        navigation.go_to_list()
    st.title("New cluster", anchor=False)
    _begin(navigation.wanted() or "{}")
    places: dict[str, Any] = {}
    wish = _fields(places)
    checked = check(wish)
    started = st.session_state.get("form_tried", False)
    _mark(places, checked, everything=started)
    _cost(clusters, checked)
    with told():
        _preview(clusters, checked)
    if st.button("Create cluster", type="primary", icon=":material/rocket_launch:"):
        if checked.config is None:
            st.session_state["form_tried"] = True
            st.rerun()
        with told():
            if _is_taken(clusters, checked.config):
                places["name"].error(
                    "There is a cluster of this name already. Open it in the list, or choose another name.",
                    icon=":material/edit:",
                )
                return
        making.begin(checked.config)
        navigation.go_to_cluster(checked.config.name, checked.config)
    if started and checked.problems:
        st.error(f"{words.count(len(checked.problems), 'field')} above need a change first.", icon=":material/edit:")


def _begin(text: str) -> None:
    """Fill in what the address asks for, once."""
    if st.session_state.get(_FORM) == text:
        return
    forget()
    wish = Wish()
    if text != "{}":
        try:
            wish = navigation.from_text(text)
        except navigation.UnreadableAddressError as error:
            st.warning(f"The address holds no configuration that can be read: {words.plain(str(error))}")
    st.session_state[_FORM] = text
    st.session_state[_GROUPS] = list(range(len(wish.groups)))
    for key in ("name", "head_family", "warehouse", "integrations", "monitoring", "notebook"):
        st.session_state[f"form_{key}"] = getattr(wish, key)
    for key in ("life_hours", "idle_action", "idle_minutes"):
        st.session_state[f"form_{key}"] = getattr(wish, key)
    for number, group in enumerate(wish.groups):
        _set_group(number, group)


def forget() -> None:
    """Let the form be empty the next time."""
    for key in [each for each in st.session_state if str(each).startswith("form")]:
        del st.session_state[key]


def _set_group(number: int, group: GroupWish) -> None:
    for key in ("name", "instance_family", "count"):
        st.session_state[f"form_group_{number}_{key}"] = getattr(group, key)


def _fields(places: dict[str, Any]) -> Wish:
    with st.container(border=True):
        words.heading("Cluster")
        name = st.text_input(
            "Name",
            key="form_name",
            max_chars=40,
            placeholder="ETL_NIGHTLY",
            help="Services and pools are named after it.",
        )
        places["name"] = st.empty()
        head = st.selectbox("Head: instance family", FAMILIES, key="form_head_family", format_func=words.family)
    groups = _groups(places)
    with st.container(border=True):
        words.heading("Extras")
        notebook = st.toggle("Notebook: Jupyter Lab on the head", key="form_notebook")
        monitoring = st.toggle("Monitoring: Prometheus and Grafana on a node of their own", key="form_monitoring")
        warehouse = st.text_input(
            "Warehouse", key="form_warehouse", placeholder="None", help="For queries that jobs send to Snowflake."
        )
        places["warehouse"] = st.empty()
        integrations = st.text_input(
            "External access integrations",
            key="form_integrations",
            placeholder="None",
            help="Through which containers reach hosts outside; commas between several.",
        )
        places["integrations"] = st.empty()
    with st.container(border=True):
        words.heading("Life time")
        life = st.number_input("Delete it after so many hours (0: never)", 0, 8760, step=1, key="form_life_hours")
        left, right = st.columns(2)
        action = left.selectbox(
            "When no job runs", list(IDLE_ACTIONS), key="form_idle_action", format_func=lambda key: IDLE_ACTIONS[key]
        )
        idle = right.number_input(
            "For so many minutes", 1, 525_600, step=5, key="form_idle_minutes", disabled=action == KEEP
        )
    return Wish(
        name, head, groups, warehouse, integrations, monitoring, notebook, int(life or 0), action, int(idle or 1)
    )


def _groups(places: dict[str, Any]) -> list[GroupWish]:
    found = []
    with st.container(border=True):
        words.heading("Workers")
        st.caption(
            "Spark executors run on the group named worker. Any other group takes Ray tasks that ask for custom_worker."
        )
        numbers: list[int] = st.session_state[_GROUPS]
        for place, number in enumerate(numbers):
            title = f"group {place + 1}"
            left, middle, right = st.columns([3, 5, 2])
            name = left.text_input(f"Name of {title}", key=f"form_group_{number}_name", max_chars=20)
            family = middle.selectbox(
                f"Instance family of {title}",
                FAMILIES,
                key=f"form_group_{number}_instance_family",
                format_func=words.family,
            )
            count = right.number_input(f"Nodes of {title}", 1, 500, step=1, key=f"form_group_{number}_count")
            for key in ("name", "count"):
                places[f"group_{place}_{key}"] = st.empty()
            if len(numbers) > 1 and st.button(
                f"Remove {title}", key=f"form_group_{number}_remove", icon=":material/delete:", type="tertiary"
            ):
                numbers.remove(number)
                st.rerun()
            found.append(GroupWish(name, family, int(count or 1)))
        if st.button("Add a worker group", icon=":material/add:"):
            new = max(numbers) + 1
            numbers.append(new)
            names = {each.name.lower() for each in found}
            name = next(
                each for each in ("worker", "custom", *(f"custom_{n}" for n in range(2, 99))) if each not in names
            )
            _set_group(new, GroupWish(name, count=1))
            st.rerun()
    return found


def _mark(places: dict[str, Any], checked: Checked, *, everything: bool) -> None:
    """Write what is wrong under its field; an empty name is not wrong before somebody wants to go on."""
    for place, problem in checked.problems.items():
        if everything or place != "name" or st.session_state["form_name"].strip():
            (places[place].error if place in places else st.error)(
                words.plain(problem[:1].upper() + problem[1:]), icon=":material/edit:"
            )


def _cost(clusters: Clusters, checked: Checked) -> None:
    if checked.config is None:
        return
    with told():
        pools = clusters.blueprint(checked.config).pools
        rate, unpriced = estimate(pools)
        nodes = sum(pool.max_nodes for pool in pools)
        unknown = words.plain(" and ".join(unpriced))
        text = f"; the rate of {unknown} is not published"
        if rate:
            without = f" without {unknown}, whose rate is not published" if unpriced else ""
            text = f", about **{rate:.2f} credits** an hour{without}"
        st.info(f"{words.count(nodes, 'node')}{text}.", icon=":material/payments:")


def _preview(clusters: Clusters, checked: Checked) -> None:
    with st.expander("What will be sent to Snowflake", icon=":material/code:"):
        if checked.config is None:
            st.caption("It shows here when the fields above are filled in.")
            return
        database, schema = clusters.client.current_schema()
        st.code("\n\n".join(statements(checked.config, database, schema)), language="sql", height=400)


def _is_taken(clusters: Clusters, config: ClusterConfig) -> bool:
    """Whether a cluster of the name is there; what a creation left half-way is gone on with."""
    look = look_at(clusters, config.name)
    return look.summary is not None and not look.is_incomplete
