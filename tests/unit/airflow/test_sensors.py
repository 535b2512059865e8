"""The sensors: looking in the worker, waiting in the triggerer, and what they make of silence."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException, TaskDeferred

from airflow_provider_raydp_spcs.cluster.errors import ClusterFailedError, ClusterNotFoundError
from airflow_provider_raydp_spcs.hooks.scope import SpcsScope
from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook
from airflow_provider_raydp_spcs.jobs.errors import HeadGoneError, JobFailedError, JobLostError, RayUnreachableError
from airflow_provider_raydp_spcs.operators.base import GRACE
from airflow_provider_raydp_spcs.sensors.cluster import RayDPClusterSensor
from airflow_provider_raydp_spcs.sensors.ray_job import RayDPJobSensor
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from tests.unit.airflow.fakes import ENDS_WELL, FAILS, GOES_ON, Airflow, FakeHead, FakeSnowflake, fire, of_task

Told = Callable[[], list[str]]


def job(**values: Any) -> RayDPJobSensor:
    values = {"poke_interval": 0.01, "timeout": 60, **values}
    return RayDPJobSensor(task_id="task", cluster_name="c", submission_id="j", **values)


def cluster(**values: Any) -> RayDPClusterSensor:
    values = {"poke_interval": 0.01, "timeout": 60, **values}
    return RayDPClusterSensor(task_id="task", cluster_name="c", **values)


async def in_triggerer(sensor: Any, context: Any, until: Callable[[], object] = lambda: None) -> Any:
    """The whole way through the triggerer; ``until`` happens when the sensor has gone there."""
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute(context)
    deferred = caught.value
    assert deferred.timeout is not None
    assert deferred.timeout.total_seconds() == sensor.timeout + GRACE.total_seconds()
    until()
    event = await fire(of_task(deferred.trigger))
    return sensor.resume_execution(deferred.method_name, {"event": event, **(deferred.kwargs or {})}, context)


class TestJob:
    def test_it_waits_until_the_job_has_ended(self, head: FakeHead, airflow: Airflow) -> None:
        head.run("j", *GOES_ON, *GOES_ON, *ENDS_WELL)
        job().execute(airflow.context())
        assert head.jobs["j"].status == "SUCCEEDED"

    async def test_it_waits_in_the_triggerer(self, head: FakeHead, airflow: Airflow, told: Told) -> None:
        head.run("j", *GOES_ON, *GOES_ON, *ENDS_WELL)
        await in_triggerer(job(deferrable=True), airflow.context())
        assert head.jobs["j"].status == "SUCCEEDED"
        assert "first line" not in told(), "the job's log belongs to its own task"

    def test_a_job_that_has_ended_is_not_waited_for(self, head: FakeHead, airflow: Airflow) -> None:
        head.run("j", status="SUCCEEDED")
        job(deferrable=True).execute(airflow.context())

    def test_a_failed_job_fails_it_with_the_last_lines(self, head: FakeHead, airflow: Airflow) -> None:
        head.run("j", *FAILS, exit_code=3)
        with pytest.raises(JobFailedError, match=r"exit code 3[\s\S]*first line\nthe reason"):
            job().execute(airflow.context())

    async def test_a_failed_job_fails_it_in_the_triggerer_too(self, head: FakeHead, airflow: Airflow) -> None:
        head.run("j", *GOES_ON, *FAILS)
        with pytest.raises(JobFailedError, match="the reason"):
            await in_triggerer(job(deferrable=True), airflow.context())

    @pytest.mark.parametrize(("soft", "raised"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)])
    async def test_its_time_ends_alike_in_both_and_the_job_goes_on(
        self, head: FakeHead, airflow: Airflow, soft: bool, raised: type[Exception]
    ) -> None:
        head.run("j", *GOES_ON)
        with pytest.raises(raised):
            job(timeout=0.05, soft_fail=soft).execute(airflow.context())
        with pytest.raises(raised):
            await in_triggerer(job(timeout=0.05, soft_fail=soft, deferrable=True), airflow.context())
        assert (head.jobs["j"].status, head.stops("j")) == ("RUNNING", 0)

    def test_an_unknown_job_is_said_so(self, head: FakeHead, airflow: Airflow) -> None:
        with pytest.raises(JobLostError, match="does not know job j"):
            job().execute(airflow.context())

    def test_silence_is_borne(self, head: FakeHead, airflow: Airflow) -> None:
        head.run("j", *ENDS_WELL)
        head.silent = 3
        job().execute(airflow.context())

    def test_silence_has_its_bounds(self, head: FakeHead, airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("airflow_provider_raydp_spcs.jobs.wait.Patience", lambda: _Impatience())
        head.run("j", *GOES_ON)
        head.silent = 10**9
        with pytest.raises(RayUnreachableError, match="no service hosts found"):
            job().execute(airflow.context())

    def test_a_head_that_does_not_run_is_told_from_silence(
        self, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow
    ) -> None:
        head.run("j", *GOES_ON)
        head.silent = 10**9
        snowflake.services.become(ServiceStatus.SUSPENDED)
        with pytest.raises(HeadGoneError, match="SUSPENDED; resume the cluster"):
            job().execute(airflow.context())

    def test_a_cluster_that_is_gone_is_said_so(
        self, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow
    ) -> None:
        snowflake.services.there.clear()
        with pytest.raises(ClusterNotFoundError, match="there is no cluster C"):
            job().execute(airflow.context())


@pytest.mark.parametrize("make", [job, lambda: cluster(target="suspended")])
def test_one_connection_serves_all_looks_and_is_closed(
    head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow, monkeypatch: pytest.MonkeyPatch, make: Any
) -> None:
    head.run("j", *GOES_ON, *GOES_ON, *GOES_ON, *ENDS_WELL)
    made: list[SpcsHook] = []
    closed: list[SpcsHook] = []
    hook = SpcsScope.hook

    def counting(scope: SpcsScope) -> SpcsHook:
        made.append(hook(scope))
        return made[-1]

    monkeypatch.setattr(SpcsScope, "hook", counting)
    monkeypatch.setattr(SpcsHook, "close", lambda hook: closed.append(hook))
    sensor = make()
    poke, looks = sensor.poke, iter(range(10))

    def third_time(context: Any) -> Any:
        if next(looks) == 2:
            snowflake.services.become(ServiceStatus.SUSPENDED)
        return poke(context)

    sensor.poke = poke if isinstance(sensor, RayDPJobSensor) else third_time
    sensor.execute(airflow.context())
    assert (len(made), closed) == (1, made)


class TestCluster:
    def test_it_waits_until_the_cluster_is_ready(self, snowflake: FakeSnowflake, airflow: Airflow, told: Told) -> None:
        snowflake.services.come_up = ServiceStatus.PENDING
        snowflake.make("C")
        sensor = cluster()
        looks = iter(range(10))

        def poke(context: Any) -> bool:
            if next(looks) == 2:
                snowflake.services.become(ServiceStatus.RUNNING)
            return RayDPClusterSensor.poke(sensor, context)

        sensor.poke = poke  # type: ignore[method-assign]
        sensor.execute(airflow.context())
        assert told().count("C_HEAD PENDING - raydp 0: PENDING (Waiting to start)") == 1
        assert "C_HEAD RUNNING" in told()

    @pytest.mark.parametrize(
        ("target", "status"), [("suspended", ServiceStatus.SUSPENDED), ("ready", ServiceStatus.RUNNING)]
    )
    async def test_it_waits_in_the_triggerer(
        self, snowflake: FakeSnowflake, airflow: Airflow, target: str, status: ServiceStatus
    ) -> None:
        snowflake.services.come_up = ServiceStatus.PENDING
        snowflake.make("C")
        sensor = cluster(target=target, deferrable=True)
        await in_triggerer(sensor, airflow.context(), lambda: snowflake.services.become(status))

    async def test_gone_is_a_target_too(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        snowflake.make("C")
        await in_triggerer(
            cluster(target="gone", deferrable=True), airflow.context(), lambda: snowflake.services.there.clear()
        )

    @pytest.mark.parametrize(("soft", "raised"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)])
    async def test_its_time_ends_alike_in_both(
        self, snowflake: FakeSnowflake, airflow: Airflow, soft: bool, raised: type[Exception]
    ) -> None:
        snowflake.services.come_up = ServiceStatus.PENDING
        snowflake.make("C")
        with pytest.raises(raised):
            cluster(timeout=0.05, soft_fail=soft).execute(airflow.context())
        with pytest.raises(raised):
            await in_triggerer(cluster(timeout=0.05, soft_fail=soft, deferrable=True), airflow.context())
        assert set(snowflake.services.there) == {"C_HEAD", "C_WORKER"}

    def test_what_will_never_be_ready_is_not_waited_for(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        snowflake.services.come_up = ServiceStatus.FAILED
        snowflake.make("C")
        with pytest.raises(ClusterFailedError, match="will not become ready"):
            cluster().execute(airflow.context())
        with pytest.raises(ClusterFailedError):
            cluster(deferrable=True).execute(airflow.context())

    def test_a_target_that_is_none_is_refused_when_the_dag_is_parsed(self) -> None:
        with pytest.raises(ValueError, match="asleep"):
            cluster(target="asleep")
        assert cluster(target="{{ params.target }}").target == "{{ params.target }}"


class _Impatience:
    """Patience that has ended."""

    def bear(self, error: Exception) -> float:
        raise error


def test_a_triggers_deadline_is_the_sensors() -> None:
    before = time.time()
    _, arguments = job(timeout=30).trigger(before + 30).serialize()
    assert (arguments["give_up_at"], arguments["deadline"], arguments["log"]) == (before + 30, None, False)
