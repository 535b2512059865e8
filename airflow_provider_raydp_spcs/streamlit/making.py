"""A creation under way: a few short steps each time the page looks, so that it never stands still."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

import streamlit as st

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.stepwise import Step, creation_steps
from airflow_provider_raydp_spcs.streamlit import navigation

STEPS_SECONDS: Final = 2.0
"""For how long steps are begun each time."""
_KEY: Final = "making_{}"


@dataclass
class Making:
    """A creation that this browser asked for.

    :param steps: what is left to do; None where nothing was looked at yet.
    :param whole: how many steps there were.
    :param done: a line for each thing done.
    :param failed: why it stands still until somebody says how to go on.
    """

    config: ClusterConfig
    steps: list[Step] | None = None
    whole: int = 0
    done: list[str] = field(default_factory=list)
    failed: Exception | None = None

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1."""
        return 1 - len(self.steps or ()) / self.whole if self.whole else 0.0

    def go_on(self, clusters: Clusters) -> bool:
        """Do a few steps; answer whether all are done. A step that fails is the next one again.

        :raises SpcsError, ClusterError: Snowflake refuses a step, or the name is somebody else's.
        """
        if self.steps is None:
            owner = clusters.client.current_user_and_role()[0]
            self.steps = creation_steps(clusters, self.config, owner=owner, progress=self.done.append)
            self.whole = len(self.steps)
        until = time.monotonic() + STEPS_SECONDS
        while self.steps and time.monotonic() < until:
            self.steps[0]()
            del self.steps[0]
        return not self.steps


def begin(config: ClusterConfig) -> None:
    """Ask for a cluster, or for what is missing of it."""
    st.session_state[_KEY.format(config.name)] = Making(config)


def under_way(name: str) -> Making | None:
    """The creation that this browser asked for, if any."""
    found = st.session_state.get(_KEY.format(name.upper()))
    return found if isinstance(found, Making) else None


def end(name: str) -> None:
    """It is done, or given up."""
    st.session_state.pop(_KEY.format(name.upper()), None)


def go_on(clusters: Clusters, made: Making) -> bool:
    """Do a few steps and show how far it is; answer whether all are done.

    :raises SpcsError, ClusterError: see :meth:`Making.go_on`; the creation then waits for "Try again" or "Take back".
    """
    bar = st.progress(made.share, _words_of(made))
    if made.failed is not None:
        raise made.failed
    try:
        finished = made.go_on(clusters)
    except Exception as error:
        made.failed = error
        raise
    bar.progress(made.share, _words_of(made))
    if finished:
        end(made.config.name)
        navigation.forget_wanted()
    return finished


def _words_of(made: Making) -> str:
    return (
        made.done[-1][:1].upper() + made.done[-1][1:]
        if made.done
        else "Asking Snowflake for compute pools and services"
    )
