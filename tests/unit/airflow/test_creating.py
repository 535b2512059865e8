"""Creating a cluster: asked for, waited for, taken back where it fails or is killed."""

from __future__ import annotations

import json
import pickle
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_raydp_spcs.cluster import undertaker
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.errors import ClusterConflictError, ClusterFailedError, ClusterNotReadyError
from airflow_provider_raydp_spcs.cluster.undertaker import Errand
from airflow_provider_raydp_spcs.operators import create_cluster
from airflow_provider_raydp_spcs.operators.base import GRACE
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
from airflow_provider_raydp_spcs.spcs.errors import CapacityError, LockConflictError, SnowflakeUnreachableError
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from tests.unit.airflow.fakes import CONNECTION, TOKEN, Airflow, FakeSnowflake, fire, of_task

Told = Callable[[], list[str]]
CLUSTER = {"worker_groups": [{"count": 2}]}
ADDRESSES = {
    "dashboard": "https://127.0.0.1:9", "job-files": "https://127.0.0.1:9", "notebook": "https://notebook.example",
}  # fmt: skip
THERE = {"C_HEAD", "C_WORKER"}


def create(**values: Any) -> CreateRayDPClusterOperator:
    values = {"cluster": CLUSTER, "poll_interval": 0.01, **values}
    return CreateRayDPClusterOperator(task_id="task", cluster_name="c", **values)


def nothing_is_left(snowflake: FakeSnowflake) -> bool:
    snowflake.services.show(schema="D.S")
    return not snowflake.services.there and not snowflake.compute_pools.there


def test_it_is_asked_for_and_its_addresses_come_back(snowflake: FakeSnowflake, airflow: Airflow) -> None:
    assert create().execute(airflow.context()) == {"name": "C", "endpoints": ADDRESSES}
    assert set(snowflake.services.there) == THERE
    comment = json.loads(snowflake.services.there["C_HEAD"].comment)["raydp"]
    assert (comment["owner"], comment["run"]) == ("dag", "run")
    assert snowflake.leases.there == {}


def test_changes_are_told_while_it_comes_up(snowflake: FakeSnowflake, airflow: Airflow, told: Told) -> None:
    snowflake.services.come_up = ServiceStatus.PENDING
    snowflake.on_sleep = lambda: snowflake.services.become(ServiceStatus.RUNNING)
    create().execute(airflow.context())
    assert "C_HEAD PENDING - raydp 0: PENDING (Waiting to start)" in told()
    assert "C_HEAD RUNNING" in told()


def test_without_waiting_it_ends_with_the_asking(snowflake: FakeSnowflake, airflow: Airflow) -> None:
    snowflake.services.come_up = ServiceStatus.PENDING
    snowflake.on_sleep = lambda: pytest.fail("it waits")
    assert create(wait=False).execute(airflow.context())["name"] == "C"


def test_a_mapping_and_a_configuration_mean_the_same() -> None:
    config = ClusterConfig("ANY", worker_groups=[WorkerGroup(count=2)])
    assert create(cluster=config)._config("C") == create()._config("C")


def test_a_refusal_takes_back_what_was_made(snowflake: FakeSnowflake, airflow: Airflow) -> None:
    snowflake.services.fail_on = "C_WORKER"
    with pytest.raises(CapacityError):
        create().execute(airflow.context())
    assert nothing_is_left(snowflake)


def test_a_cluster_that_will_not_come_up_is_taken_back_and_its_last_words_are_told(
    snowflake: FakeSnowflake, airflow: Airflow, told: Told
) -> None:
    snowflake.services.come_up = ServiceStatus.FAILED
    snowflake.services.log = "out of memory"
    with pytest.raises(ClusterFailedError):
        create().execute(airflow.context())
    assert nothing_is_left(snowflake)
    assert told().index("log of C_HEAD 0 raydp ends with:") + 1 == told().index("out of memory")


def test_a_cluster_that_is_late_is_taken_back(snowflake: FakeSnowflake, airflow: Airflow) -> None:
    snowflake.services.come_up = ServiceStatus.PENDING
    with pytest.raises(ClusterNotReadyError, match="is not ready in time"):
        create(timeout=0).execute(airflow.context())
    assert nothing_is_left(snowflake)


def test_an_interruption_takes_it_back(snowflake: FakeSnowflake, airflow: Airflow) -> None:
    """Airflow's execution timeout is an exception in the middle of anything, and no ``Exception``."""
    snowflake.services.come_up = ServiceStatus.PENDING

    def interrupt() -> None:
        snowflake.on_sleep = lambda: None
        raise KeyboardInterrupt

    snowflake.on_sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        create().execute(airflow.context())
    assert nothing_is_left(snowflake)


def test_a_failure_at_the_very_end_takes_it_back(
    snowflake: FakeSnowflake, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A teardown does not run after a setup that failed."""
    context = airflow.context()
    monkeypatch.setattr(context["ti"], "xcom_push", lambda key, value: _raise(OSError("no Airflow")))
    with pytest.raises(OSError, match="no Airflow"):
        create().execute(context)
    assert nothing_is_left(snowflake)


def test_what_others_made_stays(snowflake: FakeSnowflake, airflow: Airflow) -> None:
    snowflake.make("C")
    del snowflake.services.there["C_WORKER"]
    snowflake.services.fail_on = "C_WORKER"
    with pytest.raises(CapacityError):
        create(cluster={"worker_groups": [{"count": 1}]}).execute(airflow.context())
    assert set(snowflake.services.there) == {"C_HEAD"}
    assert set(snowflake.compute_pools.there) == {"C_HEAD_POOL", "C_WORKER_POOL"}


def test_another_configuration_of_somebody_elses_cluster_is_refused_at_once(
    snowflake: FakeSnowflake, airflow: Airflow
) -> None:
    snowflake.make("C")
    snowflake.on_sleep = lambda: pytest.fail("it waits")
    with pytest.raises(ClusterConflictError, match="Give cluster C another name, or ask for the same"):
        create(cluster={"worker_groups": [{"count": 1, "env": {"A": "B"}}]}).execute(airflow.context())
    assert snowflake.calls == []


def test_what_cannot_be_taken_back_hides_no_error(
    snowflake: FakeSnowflake, airflow: Airflow, monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    snowflake.services.fail_on = "C_WORKER"
    monkeypatch.setattr(snowflake.leases, "release", lambda *given: _raise(SnowflakeUnreachableError("nobody there")))
    with pytest.raises(CapacityError):
        create(shared=True).execute(airflow.context())
    assert "cluster C could not be taken back: nobody there" in told()


def test_dry_run_prints_what_would_be_sent_and_needs_no_connection(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SNOWFLAKE_DEFAULT")
    create(database="D", schema="S").dry_run()
    verbs = [line.partition("\n")[0] for line in told()]
    assert verbs == [
        "CREATE COMPUTE POOL IF NOT EXISTS C_HEAD_POOL",
        "CREATE COMPUTE POOL IF NOT EXISTS C_WORKER_POOL",
        "CREATE SERVICE IF NOT EXISTS D.S.C_HEAD",
        "CREATE SERVICE IF NOT EXISTS D.S.C_WORKER",
    ]
    assert "raydp_head:" in told()[2]
    assert "MIN_INSTANCES = 2" in told()[3]


class TestShared:
    def test_a_lease_is_taken_before_anything_is_asked_for(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        snowflake.leases.acquire = lambda cluster, holder, **values: snowflake.calls.append(  # type: ignore[method-assign]
            f"{holder} takes {cluster} for {values['seconds']} s"
        )
        create(shared=True, lease_seconds=77).execute(airflow.context())
        assert snowflake.calls[0] == "dag/run takes C for 77 s"

    def test_without_a_lease_nothing_is_asked_for(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        snowflake.leases.acquire = lambda *given, **values: _raise(LockConflictError("busy"))  # type: ignore[method-assign]
        with pytest.raises(LockConflictError):
            create(shared=True).execute(airflow.context())
        assert snowflake.calls == []

    def test_a_failure_gives_the_lease_back_and_leaves_what_others_use(
        self, snowflake: FakeSnowflake, airflow: Airflow
    ) -> None:
        snowflake.make("C")
        snowflake.leases.acquire("C", "other/run")
        del snowflake.services.there["C_WORKER"]
        snowflake.services.fail_on = "C_WORKER"
        with pytest.raises(CapacityError):
            create(shared=True, cluster={"worker_groups": [{"count": 1}]}).execute(airflow.context())
        assert snowflake.leases.there == {"C": {"other/run"}}
        assert set(snowflake.services.there) == {"C_HEAD"}

    def test_the_last_one_out_takes_everything(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        snowflake.services.fail_on = "C_WORKER"
        with pytest.raises(CapacityError):
            create(shared=True).execute(airflow.context())
        assert nothing_is_left(snowflake)
        assert snowflake.leases.there == {}

    def test_somebodys_cluster_that_nobody_holds_a_lease_of_survives_a_refusal(
        self, snowflake: FakeSnowflake, airflow: Airflow
    ) -> None:
        snowflake.make("C", head=HeadConfig("CPU_X64_M"))
        with pytest.raises(ClusterConflictError):
            create(shared=True).execute(airflow.context())
        assert set(snowflake.services.there) == THERE
        assert snowflake.leases.there == {}


class TestDeferred:
    def defer(self, operator: Any, context: Any) -> TaskDeferred:
        with pytest.raises(TaskDeferred) as caught:
            operator.execute(context)
        of_task(caught.value.trigger)
        return caught.value

    async def test_the_whole_way(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        snowflake.services.come_up = ServiceStatus.PENDING
        context, before = airflow.context(), time.time()
        deferred = self.defer(create(deferrable=True, timeout=60, shared=True, role="R"), context)
        _, arguments = deferred.trigger.serialize()
        assert before + 60 <= arguments.pop("deadline") <= time.time() + 60
        assert arguments["take_back"] == asdict(Errand("C", "dag", "run", shared=True))
        assert (arguments["target"], arguments["poll_interval"], arguments["scope"]["role"]) == ("ready", 0.01, "R")
        assert deferred.timeout is not None
        assert deferred.timeout.total_seconds() == 60 + GRACE.total_seconds()
        assert TOKEN not in json.dumps(arguments)
        snowflake.services.become(ServiceStatus.RUNNING)
        event = await fire(deferred.trigger)
        assert event == {"target": "ready"}
        assert create(deferrable=True).execute_complete(context, event) == {"name": "C", "endpoints": ADDRESSES}

    async def test_waiting_in_vain_takes_it_back(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        snowflake.services.come_up = ServiceStatus.PENDING
        context = airflow.context()
        deferred = self.defer(create(deferrable=True), context)
        snowflake.services.become(ServiceStatus.FAILED)
        event = await fire(deferred.trigger)
        assert event["kind"] == "ClusterFailedError"
        with pytest.raises(ClusterFailedError, match="will not become ready"):
            create(deferrable=True).execute_complete(context, event)
        assert nothing_is_left(snowflake)

    async def test_a_deadline_that_has_passed(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        snowflake.services.come_up = ServiceStatus.PENDING
        context = airflow.context()
        deferred = self.defer(create(deferrable=True, timeout=0.2), context)
        event = await fire(deferred.trigger)
        with pytest.raises(ClusterNotReadyError, match="C_HEAD PENDING"):
            create(deferrable=True).execute_complete(context, event)
        assert nothing_is_left(snowflake)

    async def test_a_kill_drops_what_was_made(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        snowflake.services.come_up = ServiceStatus.PENDING
        deferred = self.defer(create(deferrable=True), airflow.context())
        await deferred.trigger.on_kill()
        assert nothing_is_left(snowflake)


class Undertaker:
    """The process that would be started, and how long it was waited for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.command: list[str] = []
        self.pipe, self.waited = bytearray(), None  # type: tuple[bytearray, float | None]
        monkeypatch.setattr(undertaker.subprocess, "Popen", self)
        self.stdin, self.pid = self, 77

    def __call__(self, command: list[str], **values: Any) -> Undertaker:
        self.command = command
        assert values["start_new_session"] is True
        assert "env" not in values
        return self

    def __enter__(self) -> Undertaker:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def write(self, data: Any) -> int:
        self.pipe += data
        return len(data)

    def wait(self, seconds: float) -> int:
        self.waited = seconds
        raise subprocess.TimeoutExpired(self.command, seconds)


class TestKilled:
    @pytest.fixture
    def sent(self, monkeypatch: pytest.MonkeyPatch) -> Undertaker:
        return Undertaker(monkeypatch)

    def test_while_it_waits(self, snowflake: FakeSnowflake, airflow: Airflow, sent: Undertaker) -> None:
        snowflake.services.come_up = ServiceStatus.PENDING
        operator = create(shared=True)

        def kill() -> None:
            snowflake.on_sleep = lambda: None
            with pytest.MonkeyPatch.context() as nobody_answers:
                nobody_answers.delenv("AIRFLOW_CONN_SNOWFLAKE_DEFAULT")
                nobody_answers.setattr(snowflake.services, "show", lambda *given, **values: pytest.fail("asked"))
                airflow.kill(operator)
            raise KeyboardInterrupt

        snowflake.on_sleep = kill
        with operator.spcs() as hook:
            hook.arguments()  # read when the connection was opened, which this Snowflake needs none of
            operator.spcs = lambda: hook  # type: ignore[method-assign]
            with pytest.raises(KeyboardInterrupt):
                operator.execute(airflow.context())
        assert sent.waited is not None
        assert sent.waited <= 4.0
        order = pickle.loads(bytes(sent.pipe))
        assert order.errand == Errand("C", "dag", "run", shared=True)
        assert order.connection["password"] == CONNECTION["password"]
        assert TOKEN not in " ".join(sent.command)
        assert TOKEN not in repr(order)

    def test_while_it_asks(self, snowflake: FakeSnowflake, airflow: Airflow, sent: Undertaker) -> None:
        operator = create()
        pools = snowflake.compute_pools.create

        def asked(pool: Any) -> None:
            pools(pool)
            if not sent.command:
                airflow.kill(operator)

        snowflake.compute_pools.create = asked  # type: ignore[method-assign]
        operator.execute(airflow.context())
        assert sent.command[-1] == undertaker.__name__

    def test_before_anything_was_asked_for(self, snowflake: FakeSnowflake, airflow: Airflow, sent: Undertaker) -> None:
        operator = create()
        airflow.context()
        airflow.kill(operator)
        assert sent.command == []
        assert create_cluster.KILL_SECONDS < 5


def _raise(error: BaseException) -> Any:
    raise error
