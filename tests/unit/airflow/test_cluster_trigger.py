"""Waiting for a cluster in the triggerer: what fires, what is told, what it costs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.undertaker import Errand
from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook
from airflow_provider_raydp_spcs.spcs.errors import AuthenticationError, SnowflakeUnreachableError
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from airflow_provider_raydp_spcs.triggers.cluster import RayDPClusterTrigger
from tests.unit.airflow.fakes import FakeSnowflake, fire, of_task, until

Told = Callable[[], list[str]]


def trigger(target: str = "ready", *, name: str = "c", seconds: float = 60, **values: Any) -> RayDPClusterTrigger:
    made: RayDPClusterTrigger = of_task(RayDPClusterTrigger(name, target, {}, 0.01, time.time() + seconds, **values))
    return made


@pytest.fixture
def looks(snowflake: FakeSnowflake, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every SHOW SERVICES and every question for containers."""
    asked: list[str] = []
    show, containers = snowflake.services.show, snowflake.services.containers

    def counting_show(*given: Any, **values: Any) -> Any:
        asked.append("services")
        return show(*given, **values)

    def counting_containers(name: str) -> Any:
        asked.append(name)
        return containers(name)

    monkeypatch.setattr(snowflake.services, "show", counting_show)
    monkeypatch.setattr(snowflake.services, "containers", counting_containers)
    return asked


async def meanwhile(trigger: RayDPClusterTrigger, looks: list[str], *then: Callable[[], object]) -> dict[str, Any]:
    """Fire, and do one thing after the other, each after a further look."""
    running = asyncio.create_task(fire(trigger))
    for act in then:
        seen = looks.count("services")
        await until(lambda seen=seen: looks.count("services") > seen or running.done())
        act()
    return await running


async def test_it_fires_when_the_cluster_is_ready_and_tells_what_changes(
    snowflake: FakeSnowflake, looks: list[str], told: Told
) -> None:
    snowflake.services.come_up = ServiceStatus.PENDING
    snowflake.make("C")
    up = snowflake.services.become
    event = await meanwhile(trigger(), looks, lambda: None, lambda: up(ServiceStatus.RUNNING))
    assert event == {"target": "ready"}
    assert told() == [
        "C_HEAD PENDING - raydp 0: PENDING (Waiting to start)",
        "C_WORKER PENDING - raydp 0: PENDING (Waiting to start)",
        "C_HEAD RUNNING",
        "C_WORKER RUNNING",
    ]


async def test_ready_means_that_its_endpoints_have_addresses(snowflake: FakeSnowflake, looks: list[str]) -> None:
    snowflake.make("C")
    snowflake.services.host = None
    event = await meanwhile(trigger(), looks, lambda: None, lambda: setattr(snowflake.services, "host", "head.example"))
    assert event == {"target": "ready"}
    assert looks.count("services") > 2


@pytest.mark.parametrize(
    ("target", "status", "event"),
    [
        ("suspended", ServiceStatus.SUSPENDED, {"target": "suspended"}),
        ("gone", ServiceStatus.DELETING, {"target": "gone"}),
        ("ready", ServiceStatus.FAILED, {"kind": "ClusterFailedError"}),
    ],
)
async def test_each_target_and_what_is_in_vain(
    snowflake: FakeSnowflake, target: str, status: ServiceStatus, event: dict[str, str]
) -> None:
    snowflake.make("C")
    snowflake.services.become(status)
    fired = await fire(trigger(target))
    assert {key: fired[key] for key in event} == event


async def test_a_cluster_that_is_not_there_is_waited_for_by_nobody(snowflake: FakeSnowflake) -> None:
    event = await fire(trigger())
    assert event["kind"] == "ClusterNotFoundError"
    assert await fire(trigger("gone")) == {"target": "gone"}


async def test_the_deadline_tells_what_each_container_waits_for(snowflake: FakeSnowflake) -> None:
    snowflake.services.come_up = ServiceStatus.PENDING
    snowflake.make("C")
    event = await fire(trigger(seconds=0.2))
    assert event["kind"] == "ClusterNotReadyError"
    assert "C_WORKER PENDING - raydp 0: PENDING (Waiting to start)" in event["error"]


async def test_many_that_wait_cost_one_look(snowflake: FakeSnowflake, looks: list[str], told: Told) -> None:
    snowflake.services.come_up = ServiceStatus.PENDING
    names = [f"C{number}" for number in range(10)]
    for name in names:
        snowflake.make(name)
    looks.clear()
    running = [asyncio.create_task(fire(trigger(name=name))) for name in names for _ in range(5)]
    await until(lambda: len(told()) >= 2 * len(running))  # a line for each service of each
    asked = list(looks)
    snowflake.services.become(ServiceStatus.RUNNING)
    assert {event["target"] for event in await asyncio.gather(*running)} == {"ready"}
    services = asked.count("services")
    assert services < len(names)
    # Containers of every service once, and of one service a look after that.
    assert len(asked) - services <= 2 * len(names) + services


async def test_silence_of_snowflakes_is_borne(
    snowflake: FakeSnowflake, monkeypatch: pytest.MonkeyPatch, looks: list[str]
) -> None:
    snowflake.make("C")
    show, failures = snowflake.services.show, iter([SnowflakeUnreachableError("no"), AuthenticationError("expired")])

    def failing(*given: Any, **values: Any) -> Any:
        for error in failures:
            raise error
        return show(*given, **values)

    monkeypatch.setattr(snowflake.services, "show", failing)
    assert await fire(trigger()) == {"target": "ready"}


async def test_a_session_that_has_ended_is_made_anew_once(
    snowflake: FakeSnowflake, monkeypatch: pytest.MonkeyPatch
) -> None:
    snowflake.make("C")
    closed: list[bool] = []
    monkeypatch.setattr(SpcsHook, "close", lambda hook: closed.append(True))

    def refuse(*given: Any, **values: Any) -> Any:
        raise AuthenticationError("the session has ended")

    monkeypatch.setattr(snowflake.services, "show", refuse)
    # The first call of a connection is not repeated: it was made for it.
    assert (await fire(trigger()))["kind"] == "AuthenticationError"
    assert closed == []
    assert (await fire(trigger()))["kind"] == "AuthenticationError"
    assert closed == [True]


class TestKilled:
    async def test_it_takes_back_what_the_creation_made(self, snowflake: FakeSnowflake, told: Told) -> None:
        snowflake.make("C", owner="dag", run="run")
        await trigger(take_back=asdict(Errand("C", "dag", "run"))).on_kill()
        assert snowflake.services.there == snowflake.compute_pools.there == {}
        assert "took back compute pool C_HEAD_POOL" in told()

    async def test_it_takes_back_nothing_for_a_task_that_made_nothing(self, snowflake: FakeSnowflake) -> None:
        snowflake.make("C")
        await trigger("gone").on_kill()
        assert snowflake.calls == []

    async def test_others_go_on_waiting_meanwhile(self, snowflake: FakeSnowflake, looks: list[str]) -> None:
        """It waits until services are gone, which the connection that all share has no time for."""
        snowflake.make("C", owner="dag", run="run")
        snowflake.make("OTHER")
        for name, info in snowflake.services.there.items():
            status = ServiceStatus.PENDING if name.startswith("OTHER") else info.status
            snowflake.services.there[name] = replace(info, status=status)
        begun, may_end = threading.Event(), threading.Event()

        def slowly(name: str, **values: Any) -> None:
            begun.set()
            assert may_end.wait(30)
            del snowflake.services.there[name.rpartition(".")[2]]

        snowflake.services.drop = slowly  # type: ignore[method-assign]
        waiting = asyncio.create_task(fire(trigger(name="other")))
        killing = asyncio.create_task(trigger(take_back=asdict(Errand("C", "dag", "run"))).on_kill())
        await asyncio.to_thread(begun.wait, 30)
        snowflake.services.become(ServiceStatus.RUNNING)
        assert await waiting == {"target": "ready"}
        assert not killing.done()
        may_end.set()
        await killing
