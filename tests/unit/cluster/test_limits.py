"""Limits of age and idleness: where they are written down."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from airflow_provider_raydp_spcs.cluster.blueprint import draw
from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.runtime.warm.places import IDLE, IDLE_SECONDS
from tests.unit.cluster.fakes import FakeClient

CONFIG = ClusterConfig("C", worker_groups=[WorkerGroup(count=2)])


@pytest.fixture
def clusters(client: FakeClient) -> Clusters:
    return Clusters(client, sleep=lambda seconds: None)  # type: ignore[arg-type]


def test_limits_reach_the_heads_container_only() -> None:
    def limits(config: ClusterConfig) -> list[dict[str, str]]:
        found = [service.specification.containers[0].env for service in draw(config, "D", "S").services]
        names = ("RAYDP_MAX_LIFE_SECONDS", "RAYDP_MAX_IDLE_SECONDS", "RAYDP_IDLE_ACTION", IDLE)
        return [{name: env[name] for name in names if name in env} for env in found]

    assert limits(CONFIG) == [{}, {}]
    assert limits(replace(CONFIG, max_life_seconds=60)) == [{"RAYDP_MAX_LIFE_SECONDS": "60"}, {}]
    assert limits(replace(CONFIG, max_idle_seconds=90, idle_action="drop")) == [
        {"RAYDP_MAX_IDLE_SECONDS": "90", "RAYDP_IDLE_ACTION": "drop"}, {},
    ]  # fmt: skip
    assert limits(replace(CONFIG, warm_idle_seconds=90)) == [{IDLE: "90"}, {}]
    assert CONFIG.warm_idle_seconds == IDLE_SECONDS


def test_the_time_of_expiry_is_written_down_and_changes_nothing_else(client: FakeClient, clusters: Clusters) -> None:
    config = replace(CONFIG, max_life_seconds=3600)
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    clusters.create(config)
    after = dt.datetime.now(dt.UTC)
    things = [*client.services.there.values(), *client.compute_pools.there.values()]
    comments = [ClusterComment.read(each.comment) for each in things]
    assert len(comments) == 4
    for comment in comments:
        assert comment is not None
        assert comment.expiry is not None
        assert before <= comment.expiry - dt.timedelta(hours=1) <= after
    client.calls.clear()
    clusters.create(config, expires="2030-01-01T00:00:00+00:00")
    assert client.calls == [], "the digest does not know of the expiry"


def test_an_expiry_can_be_given(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG, expires="2030-01-01T00:00:00Z")
    assert '"expires": "2030-01-01T00:00:00Z"' in client.services.there["C_WORKER"].comment
    assert '"expires": "2030-01-01T00:00:00Z"' in client.compute_pools.there["C_HEAD_POOL"].comment


@pytest.mark.parametrize("text", ["", "soon", "2030-13-01T00:00:00Z"])
def test_what_is_no_time_never_expires(text: str) -> None:
    assert ClusterComment("C", "HEAD", expires=text).expiry is None


def test_a_time_without_zone_is_utc() -> None:
    comment = ClusterComment("C", "HEAD", expires="2030-01-01T00:00:00")
    assert comment.expiry == dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    assert ClusterComment.read(str(comment)) == comment
