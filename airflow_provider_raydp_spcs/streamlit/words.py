"""How the app says things: states, times, costs, instance families."""

from __future__ import annotations

import datetime as dt
from typing import Final

import streamlit as st

from airflow_provider_raydp_spcs.cluster.listing import ClusterState, ClusterSummary
from airflow_provider_raydp_spcs.spcs.instance_families import INSTANCE_FAMILIES

STATES: Final = {
    ClusterState.READY: ("Ready", "green", "check_circle"),
    ClusterState.STARTING: ("Starting", "blue", "hourglass_top"),
    ClusterState.FAILED: ("Failed", "red", "error"),
    ClusterState.SUSPENDING: ("Suspending", "gray", "bedtime"),
    ClusterState.SUSPENDED: ("Suspended", "gray", "bedtime"),
    ClusterState.DELETING: ("Deleting", "orange", "delete"),
    ClusterState.LEFT_OVER: ("Incomplete", "orange", "warning"),
}
"""State → word, colour and icon: a state never shows by its colour alone."""
SERVICE_COLOURS: Final = {
    "READY": "green",
    "RUNNING": "green",
    "PENDING": "blue",
    "FAILED": "red",
    "INTERNAL_ERROR": "red",
    "SUSPENDED": "gray",
    "SUSPENDING": "gray",
    "TERMINATING": "orange",
    "DELETING": "orange",
}
COLOURS_OF_UNKNOWN: Final = "gray"


def heading(text: str) -> None:
    """The heading of a part of a page."""
    st.markdown(f"#### {text}")


def state_badge(state: ClusterState) -> str:
    """A cluster's state as Markdown."""
    word, colour, icon = STATES[state]
    return f":{colour}-badge[:material/{icon}: {word}]"


def status_badge(status: str) -> str:
    """The status of a service or container as Markdown."""
    return f":{SERVICE_COLOURS.get(status, COLOURS_OF_UNKNOWN)}-badge[{status.capitalize().replace('_', ' ')}]"


def count(number: int, noun: str) -> str:
    """``1 node``, ``2 nodes``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def duration(span: dt.timedelta) -> str:
    """A span in the largest unit that fits, such as ``3 hours``."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            return count(round(seconds / size), unit)
    return "less than a minute"


def expiry(summary: ClusterSummary, now: dt.datetime) -> str:
    """When a cluster's time is over."""
    if summary.expires_on is None:
        return "no expiry"
    left = summary.expires_on - now
    return f"expires in {duration(left)}" if left > dt.timedelta() else f"expired {duration(-left)} ago"


def price(summary: ClusterSummary) -> str:
    """What a cluster costs an hour and has cost so far."""
    if summary.credits_per_hour is None or summary.credits is None:
        known = f"at least {summary.cost.credits:.2f} credits so far; " if summary.cost.credits >= 0.005 else ""
        return f"{known}no published rate for {', '.join(summary.cost.unpriced)}"
    return f"{summary.credits_per_hour:.2f} credits an hour, at most {summary.credits:.2f} so far"


def nodes(summary: ClusterSummary) -> str:
    """How many nodes are there, and of which families."""
    families: dict[str, int] = {}
    for pool in summary.pools:
        families[pool.instance_family] = families.get(pool.instance_family, 0) + pool.wanted
    return ", ".join(f"{number} × {family}" for family, number in families.items()) or "no nodes"


def family(name: str) -> str:
    """An instance family with what a node of it has."""
    each = INSTANCE_FAMILIES[name]
    gpus = f", {each.gpus} × {each.gpu}" if each.gpus else ""
    return f"{name} · {each.vcpus} vCPU, {each.memory_gib} GiB{gpus}"


def plain(text: str) -> str:
    """A foreign text inside Markdown, its signs taken for what they are."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]()<>#+-.!|~:$" else letter for letter in text)
