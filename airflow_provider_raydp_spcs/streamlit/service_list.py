"""The services of a cluster, each with its containers and what Snowflake says of them."""

from __future__ import annotations

import streamlit as st

from airflow_provider_raydp_spcs.cluster.look import Look
from airflow_provider_raydp_spcs.cluster.status import ServiceState
from airflow_provider_raydp_spcs.spcs.service_info import ContainerInfo
from airflow_provider_raydp_spcs.streamlit.words import count, heading, plain, status_badge


def show_services(look: Look) -> None:
    """One box per service."""
    heading("Services")
    for group, state in look.groups.items():
        _service(group, state)


def _service(group: str, state: ServiceState) -> None:
    service = state.service
    with st.container(border=True, gap="small"):
        st.markdown(f"**{plain(group.lower())}** {status_badge(service.status)}")
        there = f"{service.current_instances} of {count(service.target_instances, 'instance')} · "
        asleep = state.is_asleep and not service.target_instances
        st.caption(f"{plain(service.name)} · {'' if asleep else there}compute pool {plain(service.compute_pool)}")
        for container in state.containers:
            st.markdown(_line(container))


def _line(container: ContainerInfo) -> str:
    where = f"instance {container.instance_id}" if container.instance_id else "instance not placed yet"
    told = container.message and container.message.upper() not in ("RUNNING", container.status)
    more = [plain(container.message)] if told else []
    if container.restart_count:
        more.append(f"restarted {count(container.restart_count, 'time')}, last exit code {container.last_exit_code}")
    return f"{status_badge(container.status)} {plain(container.container_name)}, {where}{': ' if more else ''}{'; '.join(more)}"
