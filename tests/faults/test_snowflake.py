"""Faults on Snowflake's side, each somewhere in the whole life of a shared cluster with two jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import pytest

from airflow_provider_raydp_spcs.spcs.errors import (
    CapacityError,
    SessionEndedError,
    StatementFailedError,
)
from tests.faults.door import Rule
from tests.faults.door_actions import Action, Reset, refused
from tests.faults.door_wire import Asked
from tests.faults.light import Light
from tests.faults.suite import Fault

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
REQUESTS: Final = 90
"""So many requests to Snowflake has a life, at least."""
STRIKES: Final = 6
"""So many of them are struck: the connector waits for seconds before it asks again."""


class Moments:
    """Random ones of the requests that fit.

    :param fits: which are counted.
    """

    def __init__(self, fault: Fault, many: int, strikes: int, fits: Callable[[Asked], bool]) -> None:
        self._chosen, self._fits, self._seen = set(fault.chance.sample(range(many), strikes)), fits, 0

    def __call__(self, asked: Asked) -> bool:
        if not self._fits(asked):
            return False
        self._seen += 1
        return self._seen - 1 in self._chosen


def statement(asked: Asked) -> bool:
    """Whether a request runs a statement."""
    return bool(asked.sql)


@pytest.mark.parametrize(
    ("what", "action"),
    [
        ("connection reset before a request arrives", Reset(is_carried_out=False)),
        ("connection reset mid-statement: it is carried out, its answer is lost", Reset(is_carried_out=True)),
    ],
)
def test_reset_connections_are_borne(light: Light, what: str, action: Action) -> None:
    with light.fault("Snowflake", what, "the connector asks again; nothing is done twice") as fault:
        run = light.run("RESETS")
        fault.expects(run.name, 2)
        moments = Moments(fault, REQUESTS, STRIKES, lambda asked: asked.port == light.port)
        rule = Rule(action, when=moments, times=None)
        with light.door.breaking(rule):
            run.live(deferrable=fault.chance.random() < 0.5)
        fault.struck(rule.strikes)
        assert not run.errors
        fault.seen("the cluster lived and went, both jobs ran once, and no task failed")
