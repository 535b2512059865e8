"""The task group that brings its own cluster: wired, serialised, and no hiding place for failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from airflow.models.dagrun import DagRun
from airflow.sdk import DAG, TaskGroup, chain, task, task_group
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.state import TaskInstanceState

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.links.raydp import CLUSTER_LINKS
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.sensors.ray_job import RayDPJobSensor
from airflow_provider_raydp_spcs.task_groups import RayDPClusterTaskGroup

CLUSTER = {"snowflake": {"snowflake_conn_id": "mine", "role": "R"}, "cluster": ClusterConfig("ANY")}


@pytest.fixture
def dag() -> Iterator[DAG]:
    with DAG("dag", schedule=None) as made:
        yield made


def submit(name: str = "job", **values: Any) -> SubmitRayDPJobOperator:
    return SubmitRayDPJobOperator(task_id=name, cluster_name="C", application="job.py", **values)


def group(**values: Any) -> RayDPClusterTaskGroup:
    return RayDPClusterTaskGroup("spark", cluster_name="C_{{ ds_nodash }}", **{**CLUSTER, **values})


def wiring(dag: Any) -> dict[str, set[str]]:
    """Task → those directly before it, without the group's name."""
    short = {name: name.removeprefix("spark.") for name in dag.task_dict}
    return {short[each.task_id]: {short[name] for name in each.upstream_task_ids} for each in dag.tasks}


def serialised(dag: DAG) -> Any:
    """The DAG as scheduler and API server have it, after the way through the database."""
    return DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))


class State(NamedTuple):
    task_id: str
    state: TaskInstanceState = TaskInstanceState.SUCCESS


def decide_run(dag: Any) -> set[str]:
    """The tasks whose states decide about the run, by Airflow's own rule."""
    found = DagRun._tis_for_dagrun_state(None, dag=dag, tis=[State(name) for name in dag.task_dict])
    return {each.task_id for each in found}


def test_jobs_run_between_creation_and_deletion_and_the_export_before_it(dag: DAG) -> None:
    with group():
        submit("one") >> submit("two")
        submit("three")
    assert wiring(dag) == {
        "create_cluster": set(),
        "one": {"create_cluster"},
        "two": {"one"},
        "three": {"create_cluster"},
        "export_logs": {"create_cluster", "two", "three"},
        "delete_cluster": {"create_cluster", "export_logs"},
    }
    roles = {name: (each.is_setup, each.is_teardown) for name, each in dag.task_dict.items()}
    assert roles["spark.create_cluster"] == (True, False)
    assert roles["spark.export_logs"] == roles["spark.delete_cluster"] == (False, True)
    assert roles["spark.one"] == (False, False)


def test_teardowns_run_however_the_jobs_ended_where_there_is_a_cluster(dag: DAG) -> None:
    with group():
        submit()
    for name in ("export_logs", "delete_cluster"):
        assert dag.get_task(f"spark.{name}").trigger_rule == "all_done_setup_success"


def test_parameters_reach_every_task(dag: DAG) -> None:
    with group(shared=True, logs_stage="LOGS", create={"timeout": 7}, delete={"timeout": 8, "deferrable": True}):
        submit()
    tasks: Any = {name.removeprefix("spark."): each for name, each in dag.task_dict.items()}
    for name in ("create_cluster", "export_logs", "delete_cluster"):
        where = tasks[name].scope
        assert (where.snowflake_conn_id, where.role, tasks[name].cluster_name) == ("mine", "R", "C_{{ ds_nodash }}")
    assert (tasks["create_cluster"].timeout, tasks["create_cluster"].shared) == (7, True)
    assert (tasks["delete_cluster"].timeout, tasks["delete_cluster"].shared) == (8, True)
    assert tasks["delete_cluster"].deferrable is True
    assert (tasks["export_logs"].logs_stage, tasks["export_logs"].job_task_ids) == ("LOGS", ["spark.job"])


def test_the_logs_of_every_job_are_exported_and_of_nothing_else(dag: DAG) -> None:
    with group():
        SubmitRayDPJobOperator.partial(task_id="mapped", cluster_name="C", application="x.py").expand(
            application_args=[["1"], ["2"]]
        )

        @task.raydp(cluster_name="C")
        def function() -> None: ...

        @task.raydp(cluster_name="C")
        def of_each(number: int) -> None: ...

        @task
        def elsewhere() -> None: ...

        function()
        of_each.expand(number=[1, 2])
        elsewhere()
        job = submit(wait_for_completion=False)
        job >> RayDPJobSensor(task_id="wait", cluster_name="C", submission_id=str(job.output))
        with TaskGroup("inner"):
            submit("nested")
    export: Any = dag.get_task("spark.export_logs")
    jobs = {"mapped", "function", "of_each", "job", "inner.nested"}
    assert set(export.job_task_ids) == {f"spark.{name}" for name in jobs}


def test_nested_and_mapped_groups_are_inside_too(dag: DAG) -> None:
    @task_group
    def each(argument: str) -> None:
        submit("of_each") >> submit("then")

    with group():
        with TaskGroup("inner"):
            submit("nested")
        each.expand(argument=["1", "2"])
    found = wiring(dag)
    assert found["inner.nested"] == found["each.of_each"] == {"create_cluster"}
    assert found["export_logs"] == {"create_cluster", "inner.nested", "each.then"}


def test_what_comes_from_outside_does_not_wait_for_the_cluster_nor_it_for_that(dag: DAG) -> None:
    @task
    def before() -> str:
        return "x"

    @task
    def after(value: Any) -> None: ...

    outside = before()
    with group():
        job = submit(application_args=[outside])
    after(job.output)
    found = wiring(dag)
    assert found["job"] == {"create_cluster", "before"}
    assert found["create_cluster"] == set()
    assert found["after"] == {"job"}


def test_what_follows_the_group_follows_its_jobs_and_not_its_teardowns(dag: DAG) -> None:
    @task
    def after() -> None: ...

    with group() as made:
        submit()
    chain(made, after())
    assert wiring(dag)["after"] == {"job"}


def test_an_empty_group_is_a_cluster_that_comes_and_goes(dag: DAG) -> None:
    with group():
        pass
    assert wiring(dag) == {
        "create_cluster": set(), "export_logs": {"create_cluster"}, "delete_cluster": {"create_cluster", "export_logs"},
    }  # fmt: skip


def test_an_error_inside_is_the_users_and_nothing_is_wired(dag: DAG) -> None:
    def of_a_user() -> None:
        with group():
            submit()
            raise LookupError

    with pytest.raises(LookupError):
        of_a_user()
    assert set(dag.task_dict) == {"spark.job"}


class TestSerialised:
    def test_it_is_the_same_behind_the_database(self, dag: DAG) -> None:
        with group():
            submit("one") >> submit("two", deferrable=True)
            SubmitRayDPJobOperator.partial(task_id="mapped", cluster_name="C", application="x.py").expand(
                application_args=[["1"], ["2"]]
            )
        found = serialised(dag)
        assert wiring(found) == wiring(dag)
        for name, each in dag.task_dict.items():
            other = found.get_task(name)
            assert (other.is_setup, other.is_teardown) == (each.is_setup, each.is_teardown), name
            assert set(other.template_fields) == set(each.template_fields), name
        links = found.get_task("spark.create_cluster").operator_extra_link_dict
        assert set(links) == {link.name for link in CLUSTER_LINKS}
        assert {links[link.name].xcom_key for link in CLUSTER_LINKS} == {link.xcom_key for link in CLUSTER_LINKS}
        assert set(found.task_group.get_task_group_dict()["spark"].children) == set(dag.task_dict)

    def test_a_failed_job_fails_the_run_and_teardowns_have_no_say(self, dag: DAG) -> None:
        with group():
            submit("one") >> submit("two")
        assert decide_run(serialised(dag)) == {"spark.two"}

    def test_a_creation_that_fails_fails_the_run_of_an_empty_group(self, dag: DAG) -> None:
        with group():
            pass
        assert decide_run(serialised(dag)) == {"spark.create_cluster"}

    def test_a_deletion_may_be_given_a_say(self, dag: DAG) -> None:
        with group():
            submit()
        dag.get_task("spark.delete_cluster").on_failure_fail_dagrun = True
        assert decide_run(serialised(dag)) >= {"spark.delete_cluster"}
