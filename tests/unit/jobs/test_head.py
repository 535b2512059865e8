"""Why a head is silent: one that starts anew is waited for, however often it did so before; one that never comes up is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.status import ServiceState
from airflow_provider_raydp_spcs.jobs.errors import HeadGoneError
from airflow_provider_raydp_spcs.jobs.head import NEXT_SILENCE_SECONDS, Head, Restarts
from airflow_provider_raydp_spcs.spcs.service_info import ContainerInfo, ContainerStatus, ServiceInfo, ServiceStatus


def state(restarts: int | None) -> ServiceState:
    """A head that starts anew; without a number one that is up."""
    status = ServiceStatus.RUNNING if restarts is None else ServiceStatus.PENDING
    service = ServiceInfo("C_HEAD", status, "DB", "SCH", "R", "P", "c-head", 0, 1, "", "")
    if restarts is None:
        return ServiceState(service)
    container = ContainerInfo("C_HEAD", "0", "raydp", ContainerStatus.FAILED, "fatal", "image", restarts, "137")
    return ServiceState(service, (container,))


class Clusters:
    def __init__(self, *restarts: int | None) -> None:
        self._states: Iterator[ServiceState] = iter([state(each) for each in restarts])

    def head_state(self, name: str) -> ServiceState:
        assert name == "C"
        return next(self._states)


def diagnosed(*restarts: int | None, pause: float = 1.0) -> Head:
    now = [0.0]

    def clock() -> float:
        now[0] += pause
        return now[0]

    clusters: Any = Clusters(*restarts)
    head = Head("C", lambda: clusters, lambda: None, Restarts(clock))  # type: ignore[arg-type,return-value]
    for _ in restarts:
        head.diagnose()
    return head


@pytest.mark.parametrize("restarts", [(7, 7, 8, 9), (None, 7, 8), (7, None, 8), (5, 1, 2, 3)])
def test_one_that_came_up_after_many_restarts_is_waited_for(restarts: tuple[int | None, ...]) -> None:
    diagnosed(*restarts)


def test_silences_long_after_each_other_are_not_one() -> None:
    diagnosed(1, 2, 3, 4, 5, 6, 7, pause=NEXT_SILENCE_SECONDS + 1)


@pytest.mark.parametrize("restarts", [(0, 1, 2, 3), (7, 8, 9, 10), (7, None, 10)])
def test_one_that_ends_again_and_again_in_one_silence_is_given_up(restarts: tuple[int | None, ...]) -> None:
    with pytest.raises(HeadGoneError, match=rf"ended {restarts[-1]} times \(last exit code 137\)"):
        diagnosed(*restarts)
