"""The hooks: how they sign in, and the one connection that all triggers of a triggerer share."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.errors import ClusterNotReadyError
from airflow_provider_raydp_spcs.hooks import shared
from airflow_provider_raydp_spcs.hooks.ray_jobs import RayJobsHook
from airflow_provider_raydp_spcs.hooks.scope import SpcsScope
from airflow_provider_raydp_spcs.hooks.shared import shared_spcs
from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook
from airflow_provider_raydp_spcs.jobs.head import Head
from airflow_provider_raydp_spcs.jobs.submission import HeadAddress
from airflow_provider_raydp_spcs.spcs.errors import (
    AuthenticationError,
    CapacityError,
    SessionEndedError,
    SnowflakeUnreachableError,
)
from tests.unit.airflow.fakes import CONNECTION, FakeSnowflake, until


def connection(monkeypatch: pytest.MonkeyPatch, **extra: Any) -> None:
    values = {**CONNECTION, "extra": {"account": "a", **extra}}
    monkeypatch.setenv("AIRFLOW_CONN_SNOWFLAKE_DEFAULT", json.dumps(values))


@pytest.mark.parametrize(
    "spelling", ["PROGRAMMATIC_ACCESS_TOKEN", "programmatic_access_token", "Programmatic_Access_Token"]
)
def test_an_access_token_signs_in_and_opens_the_ingress_however_it_is_spelt(
    monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    """The connector takes every spelling, and reads nothing but the argument ``token``."""
    connection(monkeypatch, authenticator=spelling)
    hook = SpcsHook()
    assert hook.arguments()["token"] == CONNECTION["password"]
    assert RayJobsHook("C", hook).tokens().headers() == {"Authorization": f'Snowflake Token="{CONNECTION["password"]}"'}


def test_other_logins_get_a_token_of_their_session(monkeypatch: pytest.MonkeyPatch) -> None:
    connection(monkeypatch)
    asked: list[str] = []

    class Rest:
        def _token_request(self, kind: str) -> dict[str, Any]:
            asked.append(kind)
            return {"success": True, "data": {"sessionToken": "of the session"}}

    class Connection:
        _rest = Rest()

        def close(self) -> None: ...

    monkeypatch.setattr(SpcsHook, "get_conn", lambda hook: Connection())
    hook = SpcsHook()
    assert "token" not in hook.arguments()
    assert RayJobsHook("C", hook).tokens().headers() == {"Authorization": 'Snowflake Token="of the session"'}
    assert asked == ["ISSUE"]


def test_a_long_wait_outlives_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SpcsHook().arguments()["client_session_keep_alive"] is True


def test_airflow_is_asked_for_its_connection_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = SpcsHook()
    first = hook.arguments()
    monkeypatch.delenv("AIRFLOW_CONN_SNOWFLAKE_DEFAULT")
    assert hook.arguments() == first


def test_an_endpoint_without_an_address_is_waited_for_elsewhere(snowflake: FakeSnowflake) -> None:
    snowflake.make("C")
    snowflake.services.host = None
    with pytest.raises(ClusterNotReadyError, match="wait until the cluster is ready"):
        RayJobsHook("C", SpcsHook()).address()


def test_jobs_go_past_the_proxy_of_the_dashboard(snowflake: FakeSnowflake, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"dashboard": "https://proxy", "jobs-api": "https://ray", "job-files": "https://files"}
    monkeypatch.setattr(Head, "endpoints", lambda head: found)
    assert RayJobsHook("C", SpcsHook()).address() == HeadAddress("https://ray", "https://files")


class Connections:
    """Counts the hooks that were made and closed; each of them answers its number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = self.closed = 0
        self.threads: set[str] = set()
        outer = self

        class Hook:
            def __init__(self) -> None:
                outer.made += 1
                self.number = outer.made

            def close(self) -> None:
                outer.closed += 1

        monkeypatch.setattr(SpcsScope, "hook", lambda scope: Hook())

    async def call(self, scope: SpcsScope, *errors: Exception) -> int:
        left = list(errors)

        def act(hook: Any) -> int:
            self.threads.add(threading.current_thread().name)
            if left:
                raise left.pop(0)
            return int(hook.number)

        return await shared_spcs(scope).call(act)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    return Connections(monkeypatch)


class TestShared:
    async def test_one_connection_serves_all_off_the_event_loop(self, connections: Connections) -> None:
        found = await asyncio.gather(*(connections.call(SpcsScope("a")) for _ in range(20)))
        assert set(found) == {1}
        assert len(connections.threads) == 1
        assert threading.current_thread().name not in connections.threads

    async def test_another_role_is_another_connection(self, connections: Connections) -> None:
        assert await connections.call(SpcsScope("a", role="R")) != await connections.call(SpcsScope("a", role="Q"))

    @pytest.mark.parametrize(
        "error", [AuthenticationError("expired"), SessionEndedError("ended"), SnowflakeUnreachableError("reset")]
    )
    async def test_a_connection_that_has_ended_is_made_anew(self, connections: Connections, error: Exception) -> None:
        assert await connections.call(SpcsScope()) == 1
        assert await connections.call(SpcsScope(), error) == 2
        assert connections.closed == 1

    async def test_a_refusal_is_no_end(self, connections: Connections) -> None:
        await connections.call(SpcsScope())
        with pytest.raises(CapacityError):
            await connections.call(SpcsScope(), CapacityError("no nodes"))
        assert (connections.made, connections.closed) == (1, 0)

    async def test_it_is_closed_when_nobody_used_it_for_a_while(
        self, connections: Connections, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shared, "IDLE_SECONDS", 0.05)
        await asyncio.gather(*(connections.call(SpcsScope()) for _ in range(5)))
        await until(lambda: connections.closed)
        assert await connections.call(SpcsScope()) == 2

    async def test_calls_that_overlap_leave_one_time_of_closing(
        self, connections: Connections, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each one of its own would close the connection under those that still use it, again and again."""
        loop, timers = asyncio.get_running_loop(), []
        call_later = loop.call_later

        def counting(delay: float, *given: Any, **values: Any) -> Any:
            timer = call_later(delay, *given, **values)
            if delay == shared.IDLE_SECONDS:
                timers.append(timer)
            return timer

        monkeypatch.setattr(loop, "call_later", counting)
        await asyncio.gather(*(connections.call(SpcsScope()) for _ in range(20)))
        assert len([timer for timer in timers if not timer.cancelled()]) == 1
        assert len(timers) == 20
