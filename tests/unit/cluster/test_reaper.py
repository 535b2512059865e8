"""Which clusters are reaped, which are spared, and what a failure does."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.errors import ClustersNotReapedError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.reaper import find_expired, reap
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from tests.unit.cluster.fakes import FakeClient

NOW = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)
PAST, FUTURE = "2030-01-01T11:59:59+00:00", "2030-01-01T12:00:01+00:00"


@pytest.fixture
def clusters(client: FakeClient) -> Clusters:
    return Clusters(client, sleep=lambda seconds: None)  # type: ignore[arg-type]


def found_in(client: FakeClient, **options: Any) -> list[tuple[str, str]]:
    return [(each.cluster, each.reason) for each in find_expired(client, NOW, **options)]  # type: ignore[arg-type]


def set_ages(client: FakeClient, age: dt.timedelta) -> None:
    for room in (client.services, client.compute_pools):
        room.there = {name: replace(info, created_on=NOW - age) for name, info in room.there.items()}  # type: ignore[attr-defined]


def test_a_cluster_is_found_once_its_time_has_passed(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(ClusterConfig("OVER"), owner="dag", expires=PAST)
    clusters.create(ClusterConfig("YOUNG"), expires=FUTURE)
    clusters.create(ClusterConfig("ENDLESS"))
    (found,) = find_expired(client, NOW)  # type: ignore[arg-type]
    assert (found.cluster, found.owner, found.reason) == ("OVER", "dag", f"expired at {PAST}")
    assert found.services == ("OVER_HEAD", "OVER_WORKER")
    assert found.pools == ("OVER_HEAD_POOL", "OVER_WORKER_POOL")
    assert str(found).startswith("OVER of dag: expired at")


@pytest.mark.parametrize(("head", "worker", "count"), [(PAST, FUTURE, 1), (FUTURE, PAST, 0), ("", PAST, 0)])
def test_the_heads_word_counts(client: FakeClient, clusters: Clusters, head: str, worker: str, count: int) -> None:
    clusters.create(ClusterConfig("C"), expires=head)
    there = client.services.there["C_WORKER"]
    clusters.create(ClusterConfig("X"), expires=worker)
    comment = client.services.there["X_WORKER"].comment.replace('"X"', '"C"')
    client.services.there = {
        "C_HEAD": client.services.there["C_HEAD"],
        "C_WORKER": replace(there, comment=comment),
    }
    assert len(found_in(client)) == count


def test_without_a_head_all_must_have_expired(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(ClusterConfig("C"), expires=PAST)
    del client.services.there["C_HEAD"]
    assert found_in(client) == [("C", f"expired at {PAST}")]


def test_a_greatest_age_may_be_given(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(ClusterConfig("C"), expires=FUTURE)
    assert found_in(client, max_age=dt.timedelta(hours=1)) == [], "the age is not known"
    set_ages(client, dt.timedelta(hours=2))
    assert found_in(client, max_age=dt.timedelta(hours=3)) == []
    ((_, reason),) = found_in(client, max_age=dt.timedelta(hours=1))
    assert reason == "created at 2030-01-01T10:00:00+00:00, more than 1:00:00 ago"


def test_pools_without_services_are_orphaned_after_a_while(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(ClusterConfig("C"), owner="dag")
    client.services.there.clear()
    assert found_in(client) == [], "the age is not known"
    set_ages(client, dt.timedelta(minutes=14))
    assert found_in(client) == []
    set_ages(client, dt.timedelta(minutes=15))
    assert found_in(client) == [("C", "orphaned pool")]
    pools = client.compute_pools
    pools.there["C_HEAD_POOL"] = replace(pools.there["C_HEAD_POOL"], num_services=1)
    assert found_in(client) == [], "a service of another schema runs there"


def test_foreign_things_are_not_looked_at(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(ClusterConfig("C"), expires=PAST)
    set_ages(client, dt.timedelta(days=1))
    for room in (client.services, client.compute_pools):
        room.there = {name: replace(info, comment="mine") for name, info in room.there.items()}  # type: ignore[attr-defined]
    assert found_in(client, max_age=dt.timedelta(0)) == []


def test_only_one_owners(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(ClusterConfig("A"), owner="x", expires=PAST)
    clusters.create(ClusterConfig("B"), owner="y", expires=PAST)
    assert [name for name, _ in found_in(client, owner="y")] == ["B"]
    assert found_in(client, owner="z") == []


def test_what_is_found_is_deleted_and_nothing_else(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(ClusterConfig("OVER"), expires=PAST)
    clusters.create(ClusterConfig("YOUNG"), expires=FUTURE)
    found = find_expired(client, NOW)  # type: ignore[arg-type]
    assert reap(clusters, found) == found
    assert set(client.services.there) == {"YOUNG_HEAD", "YOUNG_WORKER"}
    assert set(client.compute_pools.there) == {"YOUNG_HEAD_POOL", "YOUNG_WORKER_POOL"}


def test_a_dry_run_only_tells(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(ClusterConfig("C"), expires=PAST)
    client.calls.clear()
    lines: list[str] = []
    found = find_expired(client, NOW)  # type: ignore[arg-type]
    assert reap(clusters, found, dry_run=True, progress=lines.append) == found
    assert client.calls == []
    assert lines == [f"would delete {found[0]}"]


def test_what_is_held_is_spared(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(ClusterConfig("A"), expires=PAST)
    clusters.create(ClusterConfig("B"), expires=PAST)
    lines: list[str] = []
    found = find_expired(client, NOW)  # type: ignore[arg-type]
    reaped = reap(clusters, found, progress=lines.append, is_held=lambda cluster: cluster == "A")
    assert [each.cluster for each in reaped] == ["B"]
    assert set(client.services.there) == {"A_HEAD", "A_WORKER"}
    assert lines[0] == f"spared, for it is in use: {found[0]}"


def test_one_failure_does_not_stop_the_others(client: FakeClient, clusters: Clusters) -> None:
    for name in ("A", "B", "C"):
        clusters.create(ClusterConfig(name), expires=PAST)
    client.services.fail_on = "B_HEAD"
    with pytest.raises(
        ClustersNotReapedError, match=r"1 of 3 clusters could not be reaped.* B: nobody there"
    ) as caught:
        reap(clusters, find_expired(client, NOW))  # type: ignore[arg-type]
    assert isinstance(caught.value.__cause__, ExceptionGroup)
    assert {info.name for info in client.services.there.values()} == {"B_HEAD"}
    assert {info.status for info in client.services.there.values()} == {ServiceStatus.PENDING}


def test_a_cluster_that_somebody_holds_is_spared(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(ClusterConfig("OVER"), expires=PAST)
    client.leases.acquire("OVER", "dag/run")
    lines: list[str] = []
    found = find_expired(client, NOW)  # type: ignore[arg-type]
    assert reap(clusters, found, progress=lines.append) == []
    assert lines[0].startswith("spared, for it is in use: OVER")
    assert "OVER_HEAD" in client.services.there
