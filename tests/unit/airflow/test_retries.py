"""Which failures are tried again: every error class of the rooms below is thought of, or this fails."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType

import pytest
from airflow.sdk import DAG, RetryAction, RetryRule

from airflow_provider_raydp_spcs.cluster import errors as cluster
from airflow_provider_raydp_spcs.jobs import errors as jobs
from airflow_provider_raydp_spcs.operators import events
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.reap_clusters import ReapRayDPClustersOperator
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.retries import HOPELESS, PASSING, RayDPRetryPolicy
from airflow_provider_raydp_spcs.sensors.ray_job import RayDPJobSensor
from airflow_provider_raydp_spcs.spcs import errors as spcs

AS_THE_TASK_SAYS: dict[type[Exception], str] = {
    spcs.SpcsError: "a root, which says nothing",
    spcs.StatementFailedError: "Snowflake's reason is not known",
    spcs.ObjectAlreadyExistsError: "somebody was faster, and may be again",
    cluster.ClusterError: "a root",
    cluster.ClusterFailedError: "a node may be broken, or an image wrong",
    jobs.RayJobsError: "a root, and answers that are not known",
    jobs.JobNotFoundError: "a head may have been started anew",
    jobs.JobExistsError: "never reaches a task: the job is adopted",
    jobs.HeadGoneError: "somebody may bring the cluster back",
    jobs.JobTimeoutError: "another try gets a new job with time of its own",
    jobs.JobFailedError: "the user's code decides, and the task's retries",
}


def public_errors() -> Iterator[type[Exception]]:
    for room in (spcs, cluster, jobs):
        for name, kind in inspect.getmembers(room, inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__ == room.__name__ and not name.startswith("_"):
                yield kind


ERRORS = sorted(public_errors(), key=lambda kind: kind.__name__)


def decided(error: Exception, policy: RayDPRetryPolicy | None = None) -> RetryAction:
    return (policy or RayDPRetryPolicy()).evaluate(error, 1, 3).action


def test_the_rooms_have_errors() -> None:
    assert len(ERRORS) > 30
    rooms: list[ModuleType] = [spcs, cluster, jobs]
    assert {kind.__module__ for kind in ERRORS} == {room.__name__ for room in rooms}


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_is_classified_once(kind: type[Exception]) -> None:
    found = [kinds for kinds in (HOPELESS, PASSING, AS_THE_TASK_SAYS) if kind in kinds]
    assert len(found) == 1, f"decide for {kind.__name__}: HOPELESS, PASSING, or as the task says"


@pytest.mark.parametrize("kind", ERRORS)
def test_the_policy_decides_as_it_is_classified_and_likewise_for_subclasses(kind: type[Exception]) -> None:
    wanted = {True: RetryAction.FAIL, False: RetryAction.RETRY}.get(kind in HOPELESS)
    if kind in AS_THE_TASK_SAYS:
        wanted = RetryAction.DEFAULT
    assert decided(kind("x")) is wanted
    assert decided(type("OfSomebodys", (kind,), {})("x")) is wanted


def test_what_may_pass_is_given_time() -> None:
    policy = RayDPRetryPolicy(capacity_delay=timedelta(seconds=7))
    assert policy.evaluate(spcs.CapacityError("x"), 1, 3).retry_delay == timedelta(seconds=7)
    assert policy.evaluate(jobs.JobFailedError("x"), 1, 3).retry_delay is None


def test_rules_of_ones_own_come_first() -> None:
    policy = RayDPRetryPolicy(rules=[RetryRule(spcs.CapacityError, RetryAction.FAIL)])
    assert decided(spcs.CapacityError("x"), policy) is RetryAction.FAIL
    assert decided(spcs.SnowflakeUnreachableError("x"), policy) is RetryAction.RETRY


def test_errors_of_others_are_left_to_the_task() -> None:
    assert decided(OSError("x")) is RetryAction.DEFAULT
    assert decided(events.WaitingFailedError("x")) is RetryAction.DEFAULT


@pytest.mark.parametrize("kind", ERRORS)
def test_what_a_trigger_reports_is_decided_alike(kind: type[Exception]) -> None:
    with pytest.raises(kind, match="the words") as caught:
        events.check({"error": "the words", "kind": kind.__name__})
    assert type(caught.value) is kind


def test_every_kind_of_task_has_the_policy_and_may_replace_it() -> None:
    other = RayDPRetryPolicy()
    for made, replaced in (
        (CreateRayDPClusterOperator(task_id="a", cluster_name="C"),
         CreateRayDPClusterOperator(task_id="b", cluster_name="C", retry_policy=other)),
        (SubmitRayDPJobOperator(task_id="a", cluster_name="C"),
         SubmitRayDPJobOperator(task_id="b", cluster_name="C", retry_policy=other)),
        (RayDPJobSensor(task_id="a", cluster_name="C", submission_id="j"),
         RayDPJobSensor(task_id="b", cluster_name="C", submission_id="j", retry_policy=other)),
        (ReapRayDPClustersOperator(task_id="a"), ReapRayDPClustersOperator(task_id="b", retry_policy=other)),
    ):  # fmt: skip
        assert isinstance(made.retry_policy, RayDPRetryPolicy)
        assert replaced.retry_policy is other


def test_mapped_tasks_have_it_too() -> None:
    with DAG("dag", schedule=None):
        mapped = SubmitRayDPJobOperator.partial(task_id="mapped", cluster_name="C").expand(application=["a.py", "b.py"])
    one = mapped.unmap({"application": "a.py"})
    assert isinstance(one.retry_policy, RayDPRetryPolicy)
