"""Creating and deleting without waiting, and looking closely."""

from __future__ import annotations

import pytest

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.errors import ClusterNotDeletedError, NameTakenError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.listing import ClusterState
from airflow_provider_raydp_spcs.cluster.look import look_at
from airflow_provider_raydp_spcs.cluster.stepwise import creation_steps, delete_further
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePool
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from tests.unit.cluster.fakes import FakeClient

CONFIG = ClusterConfig("C", worker_groups=[WorkerGroup(name="apt"), WorkerGroup(count=1)])


def never(seconds: float) -> None:
    raise AssertionError(f"waited for {seconds} s")


@pytest.fixture
def clusters(client: FakeClient) -> Clusters:
    return Clusters(client, sleep=never)  # type: ignore[arg-type]


def create(clusters: Clusters, steps: int = 99) -> None:
    for step in creation_steps(clusters, CONFIG, owner="me")[:steps]:
        step()


def test_steps_are_single_statements_and_may_be_gone_on_with(clusters: Clusters, client: FakeClient) -> None:
    told: list[str] = []
    steps = creation_steps(clusters, CONFIG, progress=told.append)
    for number, step in enumerate(steps, 1):
        step()
        assert (len(client.calls), len(told)) == (number, number)
    assert client.calls[2:4] == ["create pool C_WORKER_POOL", "create service C_HEAD"]
    create(clusters)
    assert len(client.calls) == 6, "what is there already is used"


def test_a_name_that_is_somebody_elses_is_found_before_anything_is_asked_for(
    clusters: Clusters, client: FakeClient
) -> None:
    client.compute_pools.create(ComputePool("C_HEAD_POOL", "CPU_X64_S"))
    client.calls.clear()
    with pytest.raises(NameTakenError):
        creation_steps(clusters, CONFIG)
    assert client.calls == []


def test_nothing_is_created_while_it_is_still_being_deleted(clusters: Clusters, client: FakeClient) -> None:
    create(clusters)
    delete_further(clusters, "c")
    with pytest.raises(ClusterNotDeletedError, match="still being deleted"):
        creation_steps(clusters, CONFIG)


def test_a_deletion_is_called_until_all_is_gone(clusters: Clusters, client: FakeClient) -> None:
    create(clusters, steps=5)
    answers = [delete_further(clusters, "c")]
    while not answers[-1]:
        answers.append(delete_further(clusters, "c"))
    assert (client.services.there, client.compute_pools.there) == ({}, {})
    assert sum(call.startswith("drop service") for call in client.calls) == 2, "each is dropped once"
    assert delete_further(clusters, "c"), "nothing to delete is no error"


def test_a_look_orders_the_groups_and_knows_the_addresses(clusters: Clusters, client: FakeClient) -> None:
    create(clusters)
    assert look_at(clusters, "c").pages == {}
    client.services.become(ServiceStatus.RUNNING)
    look = look_at(clusters, "c")
    assert list(look.groups) == ["HEAD", "WORKER", "APT"]
    assert list(look.worker_groups) == ["WORKER", "APT"]
    assert look.pages == {"dashboard": "https://h.example"}
    assert look.is_open
    assert not look.is_incomplete
    assert [len(state.containers) for state in look.status.services] == [1, 1, 1]


@pytest.mark.parametrize("steps", [1, 3, 4, 5])
def test_a_look_sees_that_a_creation_stopped_half_way(clusters: Clusters, steps: int) -> None:
    create(clusters, steps)
    assert look_at(clusters, "C").is_incomplete
    create(clusters)
    assert not look_at(clusters, "C").is_incomplete


def test_a_look_sees_pools_that_a_deletion_left(clusters: Clusters) -> None:
    create(clusters)
    delete_further(clusters, "c")
    deleting = look_at(clusters, "c")
    assert deleting.summary is not None
    assert deleting.summary.state is ClusterState.DELETING
    assert not deleting.is_incomplete
    left = look_at(clusters, "c")
    assert left.summary is not None
    assert left.summary.state is ClusterState.LEFT_OVER
    assert left.is_incomplete


def test_a_look_at_nothing(clusters: Clusters) -> None:
    assert look_at(clusters, "c").summary is None
