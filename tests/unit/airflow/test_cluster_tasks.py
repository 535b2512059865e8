"""The tasks about a cluster that is there: scale, suspend, resume, delete, export, reap."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.errors import (
    ClusterNotFoundError,
    ClusterNotReadyError,
    ClustersNotReapedError,
    WorkerGroupNotFoundError,
)
from airflow_provider_raydp_spcs.operators.base import JOB_XCOM
from airflow_provider_raydp_spcs.operators.delete_cluster import COST_XCOM, DeleteRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.export_logs import ExportRayDPLogsOperator
from airflow_provider_raydp_spcs.operators.reap_clusters import ReapRayDPClustersOperator
from airflow_provider_raydp_spcs.operators.resume_cluster import ResumeRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.scale_cluster import ScaleRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.suspend_cluster import SuspendRayDPClusterOperator
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePoolState
from airflow_provider_raydp_spcs.spcs.errors import InvalidValueError
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from tests.unit.airflow.fakes import Airflow, FakeHead, FakeSnowflake, fire, of_task

Told = Callable[[], list[str]]
THERE = {"C_HEAD", "C_WORKER"}


@pytest.fixture(autouse=True)
def cluster(snowflake: FakeSnowflake) -> None:
    snowflake.make("C")


def task(kind: type[Any], **values: Any) -> Any:
    return kind(task_id="task", cluster_name="c", **values)


async def wait_deferred(operator: Any, context: Any, until: Callable[[], None]) -> tuple[dict[str, Any], Any]:
    """The whole way through the triggerer; ``until`` happens meanwhile."""
    operator.deferrable, operator.poll_interval = True, 0.01
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    until()
    event = await fire(of_task(caught.value.trigger))
    return event, getattr(operator, caught.value.method_name)(context, event)


class TestScale:
    @pytest.mark.parametrize("count", [3, "3"])
    def test_a_group_gets_its_nodes(self, snowflake: FakeSnowflake, airflow: Airflow, count: Any) -> None:
        assert task(ScaleRayDPClusterOperator, count=count).execute(airflow.context()) == 3
        assert snowflake.services.there["C_WORKER"].target_instances == 3
        assert snowflake.compute_pools.there["C_WORKER_POOL"].max_nodes == 3

    async def test_deferred(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        snowflake.services.become(ServiceStatus.PENDING)
        operator = task(ScaleRayDPClusterOperator, count=2)
        event, count = await wait_deferred(
            operator, airflow.context(), lambda: snowflake.services.become(ServiceStatus.RUNNING)
        )
        assert (event, count) == ({"target": "ready"}, 2)

    def test_a_count_that_is_none_is_refused_before_anything_is_sent(
        self, snowflake: FakeSnowflake, airflow: Airflow
    ) -> None:
        with pytest.raises(InvalidValueError, match="'many'; it must be a whole number"):
            task(ScaleRayDPClusterOperator, count="many").execute(airflow.context())
        assert snowflake.calls == []

    def test_a_group_that_is_not_there_is_refused(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        with pytest.raises(WorkerGroupNotFoundError, match=r"it has \['WORKER'\]"):
            task(ScaleRayDPClusterOperator, count=2, worker_group="gpu").execute(airflow.context())
        assert snowflake.calls == []

    def test_a_cluster_that_does_not_become_ready_again_is_kept(
        self, snowflake: FakeSnowflake, airflow: Airflow
    ) -> None:
        snowflake.services.become(ServiceStatus.PENDING)
        with pytest.raises(ClusterNotReadyError):
            task(ScaleRayDPClusterOperator, count=2, timeout=0).execute(airflow.context())
        assert set(snowflake.services.there) == THERE


class TestSleep:
    def test_suspended_and_woken(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        assert task(SuspendRayDPClusterOperator).execute(airflow.context()) is None
        assert {each.status for each in snowflake.services.there.values()} == {ServiceStatus.SUSPENDED}
        assert {each.state for each in snowflake.compute_pools.there.values()} == {ComputePoolState.SUSPENDED}
        snowflake.on_sleep = lambda: snowflake.services.become(ServiceStatus.RUNNING)
        found = task(ResumeRayDPClusterOperator).execute(airflow.context())
        assert found["endpoints"]["dashboard"] == f"https://{snowflake.services.host}"
        assert "resume pool C_HEAD_POOL" in snowflake.calls

    async def test_deferred(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        event, _ = await wait_deferred(task(SuspendRayDPClusterOperator), airflow.context(), lambda: None)
        assert event == {"target": "suspended"}
        operator = task(ResumeRayDPClusterOperator)
        event, found = await wait_deferred(
            operator, airflow.context(), lambda: snowflake.services.become(ServiceStatus.RUNNING)
        )
        assert (event, found["name"]) == ({"target": "ready"}, "C")

    @pytest.mark.parametrize("kind", [SuspendRayDPClusterOperator, ResumeRayDPClusterOperator])
    def test_a_cluster_that_is_not_there_is_said_so(
        self, snowflake: FakeSnowflake, airflow: Airflow, kind: type[Any]
    ) -> None:
        snowflake.services.there.clear()
        with pytest.raises(ClusterNotFoundError, match="create it with CreateRayDPClusterOperator"):
            task(kind).execute(airflow.context())


class TestDelete:
    @pytest.fixture(autouse=True)
    def bought(self, snowflake: FakeSnowflake) -> None:
        """Two hours ago: a node of CPU_X64_S and one of a family without a published rate."""
        born = dt.datetime.now(dt.UTC) - dt.timedelta(hours=2)
        pools = snowflake.compute_pools.there
        pools["C_HEAD_POOL"] = replace(pools["C_HEAD_POOL"], created_on=born, instance_family="CPU_X64_SL")
        pools["C_WORKER_POOL"] = replace(pools["C_WORKER_POOL"], created_on=born, instance_family="CPU_NEW")

    def test_everything_goes_and_its_cost_is_told(self, snowflake: FakeSnowflake, airflow: Airflow, told: Told) -> None:
        found = task(DeleteRayDPClusterOperator).execute(airflow.context())
        assert found == {"services": ["C_HEAD", "C_WORKER"], "pools": ["C_HEAD_POOL", "C_WORKER_POOL"]}
        assert snowflake.services.there == snowflake.compute_pools.there == {}
        cost = airflow.xcoms["task", COST_XCOM]
        assert cost["credits_at_most"] == pytest.approx(2 * 0.41, rel=1e-3)
        assert [pool["credits"] is None for pool in cost["pools"]] == [False, True]
        assert any("no rate is published for CPU_NEW" in line for line in told())

    async def test_deferred(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        operator = task(DeleteRayDPClusterOperator)
        event, found = await wait_deferred(operator, airflow.context(), lambda: None)
        assert event == {"target": "gone"}
        assert found == {"services": ["C_HEAD", "C_WORKER"], "pools": ["C_HEAD_POOL", "C_WORKER_POOL"]}
        assert snowflake.compute_pools.there == {}

    def test_nothing_to_delete_is_well(self, snowflake: FakeSnowflake, airflow: Airflow, told: Told) -> None:
        task(DeleteRayDPClusterOperator).execute(airflow.context())
        airflow.xcoms.clear()  # as Airflow does before another try
        assert task(DeleteRayDPClusterOperator).execute(airflow.context()) == {"services": [], "pools": []}
        assert told()[-1] == "there is nothing of cluster c"
        assert ("task", COST_XCOM) not in airflow.xcoms

    def test_a_shared_cluster_stays_while_others_hold_it(
        self, snowflake: FakeSnowflake, airflow: Airflow, told: Told
    ) -> None:
        for holder in ("dag/run", "dag/other"):
            snowflake.leases.acquire("C", holder)
        found = task(DeleteRayDPClusterOperator, shared=True).execute(airflow.context())
        assert (found, snowflake.calls) == ({"services": [], "pools": []}, [])
        assert snowflake.leases.there == {"C": {"dag/other"}}
        assert any("dag/other" in line for line in told())

    def test_it_runs_however_the_jobs_ended(self) -> None:
        assert task(DeleteRayDPClusterOperator).trigger_rule == "all_done"


class TestExport:
    @pytest.fixture(autouse=True)
    def ran(self, head: FakeHead, airflow: Airflow) -> None:
        head.run("raydp-1", log="of the driver\n", status="SUCCEEDED")
        head.run("raydp-2", log="of another\n", status="FAILED")
        airflow.xcoms["job", JOB_XCOM] = {
            "submission_id": "raydp-1",
            "task_id": "job",
            "map_index": -1,
            "try_number": 2,
        }
        mapped = [("raydp-1", 0), ("raydp-2", 1)]
        airflow.xcoms["mapped", JOB_XCOM] = [
            {"submission_id": name, "task_id": "mapped", "map_index": index, "try_number": 1} for name, index in mapped
        ]

    def test_the_logs_of_a_job_go_where_its_task_and_try_say(
        self, snowflake: FakeSnowflake, airflow: Airflow, head: FakeHead
    ) -> None:
        files = task(ExportRayDPLogsOperator, job_task_id="job").execute(airflow.context())
        there = snowflake.stages.files_there
        assert there["RAYDPLOGS/C/dag/run/job/2/driver.log"] == "of the driver\n"
        assert there["RAYDPLOGS/C/dag/run/job/2/containers/C_HEAD-0-raydp.log"] == "hello\n"
        assert set(files) == set(there)

    def test_of_mapped_jobs_index_by_index(self, snowflake: FakeSnowflake, airflow: Airflow, head: FakeHead) -> None:
        task(ExportRayDPLogsOperator, job_task_ids=["mapped"]).execute(airflow.context())
        there = snowflake.stages.files_there
        assert there["RAYDPLOGS/C/dag/run/mapped-0/1/driver.log"] == "of the driver\n"
        assert there["RAYDPLOGS/C/dag/run/mapped-1/1/driver.log"] == "of another\n"

    def test_where_no_job_was_told_of_the_containers_logs_come_all_the_same(
        self, snowflake: FakeSnowflake, airflow: Airflow
    ) -> None:
        task(ExportRayDPLogsOperator, job_task_id="never_ran").execute(airflow.context())
        assert "RAYDPLOGS/C/dag/run/never_ran/0/containers/C_HEAD-0-raydp.log" in snowflake.stages.files_there

    def test_a_head_that_is_silent_for_a_moment_loses_no_log(
        self, snowflake: FakeSnowflake, airflow: Airflow, head: FakeHead
    ) -> None:
        head.silent = 3
        task(ExportRayDPLogsOperator, job_task_id="job").execute(airflow.context())
        assert snowflake.stages.files_there["RAYDPLOGS/C/dag/run/job/2/driver.log"] == "of the driver\n"

    def test_a_head_that_is_gone_is_not_waited_for_and_the_rest_is_exported(
        self, snowflake: FakeSnowflake, airflow: Airflow, head: FakeHead, told: Told
    ) -> None:
        head.silent = 10**9
        snowflake.services.become(ServiceStatus.FAILED)
        task(ExportRayDPLogsOperator, job_task_id="job").execute(airflow.context())
        there = snowflake.stages.files_there
        assert "RAYDPLOGS/C/dag/run/job/2/containers/C_HEAD-0-raydp.log" in there
        assert there["RAYDPLOGS/C/dag/run/job/2/missing.txt"] == "Ray's logs: the head does not answer\n"
        assert "not exported: Ray's logs: the head does not answer" in told()

    def test_a_cluster_that_is_not_there_is_said_so(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        snowflake.services.there.clear()
        with pytest.raises(ClusterNotFoundError, match="there is no cluster C"):
            task(ExportRayDPLogsOperator, job_task_id="job").execute(airflow.context())

    def test_it_runs_however_the_jobs_ended(self) -> None:
        assert task(ExportRayDPLogsOperator, job_task_id="job").trigger_rule == "all_done"


class TestReap:
    @pytest.fixture(autouse=True)
    def old(self, snowflake: FakeSnowflake) -> None:
        past = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).isoformat(timespec="seconds")
        snowflake.services.there.clear()
        snowflake.compute_pools.there.clear()
        for name, owner, expires in (("OLD", "etl", past), ("OTHER", "ml", past), ("NEW", "etl", "")):
            snowflake.clusters().create(ClusterConfig(name), owner=owner, run="r", expires=expires)

    def reap(self, airflow: Airflow, **values: Any) -> list[str]:
        found: list[str] = ReapRayDPClustersOperator(task_id="task", **values).execute(airflow.context())
        return found

    def left(self, snowflake: FakeSnowflake) -> set[str]:
        snowflake.services.show(schema="D.S")
        return {name.partition("_")[0] for name in snowflake.services.there}

    def test_what_is_past_its_time_goes(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        assert self.reap(airflow) == ["OLD", "OTHER"]
        assert self.left(snowflake) == {"NEW"}

    def test_only_of_one_owner(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        assert self.reap(airflow, cluster_owner="ml") == ["OTHER"]
        assert self.left(snowflake) == {"OLD", "NEW"}

    def test_what_is_too_old_goes_whatever_it_was_made_for(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        born = dt.datetime.now(dt.UTC) - dt.timedelta(days=2)
        snowflake.services.there = {
            name: replace(info, created_on=born) for name, info in snowflake.services.there.items()
        }
        assert self.reap(airflow, max_age=dt.timedelta(days=3)) == ["OLD", "OTHER"]
        assert self.reap(airflow, max_age=dt.timedelta(days=1)) == ["NEW"]

    def test_only_told(self, snowflake: FakeSnowflake, airflow: Airflow, told: Told) -> None:
        assert self.reap(airflow, only_tell=True) == ["OLD", "OTHER"]
        assert self.left(snowflake) == {"OLD", "OTHER", "NEW"}
        assert any(line.startswith("would delete OLD of etl") for line in told())

    def test_what_somebody_holds_is_spared(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        snowflake.leases.acquire("OLD", "dag/run")
        assert self.reap(airflow) == ["OTHER"]

    def test_one_failure_hinders_no_other(self, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        snowflake.services.fail_on = "OLD_HEAD"
        with pytest.raises(ClustersNotReapedError, match=r"1 of 2 clusters.*OLD: nobody there"):
            self.reap(airflow)
        assert "OTHER" not in self.left(snowflake)
