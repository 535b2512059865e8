"""Where in the app one is: all of it in the address, so that a page can be reloaded, kept and shared."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, Final

import streamlit as st

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.errors import ClusterError
from airflow_provider_raydp_spcs.spcs.errors import SpcsError
from airflow_provider_raydp_spcs.streamlit.wishes import Wish, wish_of

CLUSTER: Final = "cluster"
NEW: Final = "new"
"""In its place: what is asked for, as JSON. Opening such an address fills in the form and asks for nothing."""


class UnreadableAddressError(ValueError):
    """What stands in the address is no configuration; the message says why."""


def current_cluster() -> str:
    """The cluster whose page is open; empty for none."""
    return str(st.query_params.get(CLUSTER, ""))


def wanted() -> str | None:
    """The configuration in the address; None where no new cluster is being made."""
    return st.query_params.get(NEW)


def go_to_list() -> None:
    """Open the list of all clusters."""
    _go({})


def go_to_form(config: ClusterConfig | None = None) -> None:
    """Open the form for a new cluster.

    :param config: what is filled in.
    """
    _go({NEW: to_text(config) if config else "{}"})


def go_to_cluster(name: str, config: ClusterConfig | None = None) -> None:
    """Open a cluster's page.

    :param config: while it is being made: what was asked for, so that another browser can go on.
    """
    _go({CLUSTER: name, **({NEW: to_text(config)} if config else {})})


def forget_wanted() -> None:
    """All that was asked for is there."""
    st.query_params.pop(NEW, None)


def to_text(config: ClusterConfig) -> str:
    """A configuration as short JSON: only what differs from the defaults."""
    return json.dumps(_different(config.to_mapping(), ClusterConfig(config.name).to_mapping()))


def from_text(text: str) -> Wish:
    """What was asked for with :func:`to_text`: as much of it as the form has fields for, since addresses come from anywhere.

    :raises UnreadableAddressError: it is no configuration.
    """
    try:
        return wish_of(ClusterConfig.from_mapping(json.loads(text)))
    except (ClusterError, SpcsError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableAddressError(str(error)) from error


def _different(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    known = {each.name for each in fields(ClusterConfig)}
    return {key: value for key, value in values.items() if key in known and (key == "name" or value != defaults[key])}


def _go(parameters: dict[str, str]) -> None:
    st.query_params.from_dict(parameters)
    st.rerun()
