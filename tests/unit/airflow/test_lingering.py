"""The last one out of a shared cluster waits a while for the next one."""

from __future__ import annotations

import time
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_raydp_spcs.operators.delete_cluster import DeleteRayDPClusterOperator
from airflow_provider_raydp_spcs.triggers.lease import RayDPLeaseTrigger
from tests.unit.airflow.fakes import Airflow, FakeSnowflake

ME, OTHER = "dag/run", "dag/other"


@pytest.fixture
def client(snowflake: FakeSnowflake) -> FakeSnowflake:
    snowflake.make("C")
    snowflake.leases.acquire("C", ME)
    return snowflake


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + sum(slept))
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def delete(**values: Any) -> DeleteRayDPClusterOperator:
    return DeleteRayDPClusterOperator(task_id="delete", cluster_name="c", shared=True, **values)


def test_nobody_comes(airflow: Airflow, client: FakeSnowflake, naps: list[float]) -> None:
    dropped = delete(linger_seconds=12, poll_interval=4).execute(airflow.context())
    assert naps[:3] == [4, 4, 4]
    assert dropped == {"services": ["C_HEAD", "C_WORKER"], "pools": ["C_HEAD_POOL", "C_WORKER_POOL"]}
    assert client.leases.live("C") == []


def test_somebody_comes(
    airflow: Airflow, client: FakeSnowflake, naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nap(seconds: float) -> None:
        naps.append(seconds)
        client.leases.acquire("C", OTHER)

    monkeypatch.setattr(time, "sleep", nap)
    dropped = delete().execute(airflow.context())
    assert len(naps) == 1
    assert dropped == {"services": [], "pools": []}
    assert client.calls == []
    assert [lease.holder for lease in client.leases.live("C")] == [OTHER]


def test_others_are_there_already(airflow: Airflow, client: FakeSnowflake, naps: list[float]) -> None:
    client.leases.acquire("C", OTHER)
    delete().execute(airflow.context())
    assert (naps, client.calls) == ([], [])


def test_a_retry_of_the_one_that_deletes_does_not_wait_again(
    airflow: Airflow, client: FakeSnowflake, naps: list[float]
) -> None:
    assert client.leases.release("C", ME)
    delete(poll_interval=4).execute(airflow.context())
    assert 4 not in naps
    assert not client.compute_pools.there


def test_it_waits_in_the_triggerer(airflow: Airflow, client: FakeSnowflake, naps: list[float]) -> None:
    task, context = delete(deferrable=True), airflow.context()
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    trigger = deferred.value.trigger
    assert isinstance(trigger, RayDPLeaseTrigger)
    assert (trigger.holder, trigger.until) == (ME, time.time() + 60)
    assert deferred.value.method_name == "lingered"
    assert client.calls == []
    with pytest.raises(TaskDeferred) as deferred:
        task.lingered(context, {"joined": False})
    assert deferred.value.method_name == "execute_complete"
    assert "drop service C_HEAD" in client.calls


@pytest.mark.parametrize("joined", [True, False])
async def test_the_trigger_fires(client: FakeSnowflake, joined: bool) -> None:
    if joined:
        client.leases.acquire("C", OTHER)
    until = time.time() + (60 if joined else 0.05)
    trigger = RayDPLeaseTrigger("c", ME, {"snowflake_conn_id": "snowflake_default"}, 0.01, until)
    assert RayDPLeaseTrigger(**trigger.serialize()[1]).serialize() == trigger.serialize()
    events = [event.payload async for event in trigger.run()]
    assert events == [{"joined": joined}]
