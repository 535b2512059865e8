"""Creating, watching and deleting clusters, over a Snowflake in memory."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.cluster import power
from airflow_provider_raydp_spcs.cluster.blueprint import draw
from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.errors import (
    ClusterConflictError,
    ClusterFailedError,
    ClusterNotFoundError,
    ClusterNotReadyError,
    NameTakenError,
    WorkerGroupNotFoundError,
)
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.target import Target
from airflow_provider_raydp_spcs.cluster.wholeness import check_whole
from airflow_provider_raydp_spcs.spcs.errors import CapacityError
from airflow_provider_raydp_spcs.spcs.service_info import ContainerStatus, ServiceStatus
from airflow_provider_raydp_spcs.spcs.specification import ServiceSpecification
from tests.unit.cluster.fakes import FakeClient

CONFIG = ClusterConfig("C", worker_groups=[WorkerGroup(count=2)])


@pytest.fixture
def clusters(client: FakeClient) -> Clusters:
    return Clusters(client, sleep=lambda seconds: None)  # type: ignore[arg-type]


def test_everything_is_asked_for_before_anything_is_awaited(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG, owner="dag", run="r1")
    assert set(client.calls[:2]) == {"create pool C_HEAD_POOL", "create pool C_WORKER_POOL"}
    assert set(client.calls[2:]) == {"create service C_HEAD", "create service C_WORKER"}
    comment = ClusterComment.read(client.services.there["C_HEAD"].comment)
    assert comment is not None
    assert (comment.cluster, comment.owner, comment.run) == ("C", "dag", "r1")


def test_creating_again_uses_what_is_there(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG)
    client.calls.clear()
    clusters.create(CONFIG)
    assert client.calls == []


def test_creating_after_a_crash_makes_what_is_missing(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG)
    del client.services.there["C_WORKER"]
    client.calls.clear()
    clusters.create(CONFIG)
    assert client.calls == ["create service C_WORKER"]


def test_what_changed_is_altered(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG)
    client.calls.clear()
    clusters.create(replace(CONFIG, worker_groups=(WorkerGroup(count=3, env={"A": "B"}),)))
    assert client.calls == [
        "alter pool C_WORKER_POOL ['max_nodes', 'min_nodes']", "alter specification C_WORKER", "alter service C_WORKER",
    ]  # fmt: skip


def test_another_owners_cluster_is_used_but_not_changed(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG, owner="first", run="1")
    client.calls.clear()
    clusters.create(CONFIG, owner="second", run="2")
    with pytest.raises(ClusterConflictError, match=r"made by first with another configuration than second"):
        clusters.create(replace(CONFIG, worker_groups=(WorkerGroup(count=3),)), owner="second", run="2")
    with pytest.raises(ClusterConflictError, match=r"nodes of CPU_X64_S, not CPU_X64_M"):
        clusters.create(replace(CONFIG, head=HeadConfig("CPU_X64_M")), owner="first", run="1")
    assert client.calls == []


def test_what_sleeps_is_woken(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG)
    client.services.become(ServiceStatus.SUSPENDED)
    for pool in list(client.compute_pools.there):
        client.compute_pools.suspend(pool)
    client.calls.clear()
    clusters.create(CONFIG)
    assert set(client.calls) == {
        "resume pool C_HEAD_POOL", "resume pool C_WORKER_POOL", "resume service C_HEAD", "resume service C_WORKER",
    }  # fmt: skip


def test_a_group_is_scaled_and_others_are_named(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG)
    client.calls.clear()
    power.scale(clusters, "C", "worker", 5)
    assert client.calls == ["alter pool C_WORKER_POOL ['max_nodes', 'min_nodes']", "alter service C_WORKER"]
    assert client.services.there["C_WORKER"].target_instances == 5
    with pytest.raises(WorkerGroupNotFoundError, match=r"no worker group 'gpu'; it has \['WORKER'\]"):
        power.scale(clusters, "C", "gpu", 5)
    with pytest.raises(WorkerGroupNotFoundError):
        power.scale(clusters, "C", "head", 2)


def test_only_what_this_run_made_is_taken_back(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG, owner="dag", run="1")
    del client.services.there["C_WORKER"], client.compute_pools.there["C_WORKER_POOL"]
    client.services.fail_on = "C_WORKER"
    with pytest.raises(CapacityError):
        clusters.create(CONFIG, owner="dag", run="2")
    assert set(client.services.there) == {"C_HEAD"}
    assert set(client.compute_pools.there) == {"C_HEAD_POOL"}


def test_foreign_pools_are_left_alone(client: FakeClient, clusters: Clusters) -> None:
    client.compute_pools.create(replace(draw(CONFIG, "D", "S").pools[0], comment="mine"))
    with pytest.raises(NameTakenError, match="C_HEAD_POOL"):
        clusters.create(CONFIG)
    assert clusters.delete("C").pools == ()
    assert set(client.compute_pools.there) == {"C_HEAD_POOL"}


def test_deleting_takes_only_this_cluster_and_may_be_repeated(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG)
    clusters.create(replace(CONFIG, name="C_2"))
    deleted = clusters.delete("c")
    assert set(deleted.services) == {"C_HEAD", "C_WORKER"}
    assert set(client.services.there) == {"C_2_HEAD", "C_2_WORKER"}
    assert set(client.compute_pools.there) == {"C_2_HEAD_POOL", "C_2_WORKER_POOL"}
    assert clusters.delete("C").services == ()


def test_a_pool_is_dropped_with_one_statement_unless_something_still_runs_on_it(
    client: FakeClient, clusters: Clusters
) -> None:
    clusters.create(CONFIG)
    client.compute_pools.in_use.add("C_WORKER_POOL")
    client.calls.clear()
    assert set(clusters.delete("C").pools) == {"C_HEAD_POOL", "C_WORKER_POOL"}
    calls = [call for call in client.calls if "service" not in call]
    assert sorted(calls) == ["drop pool C_HEAD_POOL", *["drop pool C_WORKER_POOL"] * 2, "stop all C_WORKER_POOL"]
    assert calls.index("stop all C_WORKER_POOL") > calls.index("drop pool C_WORKER_POOL")


def test_what_takes_a_short_time_is_not_seen_a_long_time_late(client: FakeClient) -> None:
    now, naps = [0.0], []  # type: tuple[list[float], list[float]]

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        now[0] += seconds
        if now[0] > 100:
            client.services.become(ServiceStatus.RUNNING)

    clusters = Clusters(client, sleep=sleep)  # type: ignore[arg-type]
    clusters.create(CONFIG)
    clusters.wait_for("C", deadline=math.inf, clock=lambda: now[0])
    assert (naps[0], naps[-1]) == (0.5, 2.0)
    assert naps == sorted(naps)
    so_far = [sum(naps[:index]) for index in range(len(naps))]
    assert all(nap <= max(0.5, 0.05 * before) + 1e-9 for nap, before in zip(naps, so_far, strict=True))


def test_a_cluster_that_is_going_is_waited_for(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG)
    client.services.become(ServiceStatus.DELETING)
    lines: list[str] = []
    clusters.create(CONFIG, progress=lines.append)
    assert lines[0] == "waiting until C_HEAD, C_WORKER is gone"
    assert client.services.there["C_HEAD"].status is ServiceStatus.PENDING


def test_waiting_ends_when_all_services_answer(client: FakeClient) -> None:
    naps = iter(range(10))

    def sleep(seconds: float) -> None:
        del seconds
        if next(naps) == 2:
            client.services.become(ServiceStatus.RUNNING)

    clusters = Clusters(client, sleep=sleep)  # type: ignore[arg-type]
    clusters.create(CONFIG)
    lines: list[str] = []
    assert clusters.wait_for("C", deadline=math.inf, progress=lines.append).is_ready
    assert lines == [
        "C_HEAD PENDING - raydp 0: PENDING (Waiting to start)",
        "C_WORKER PENDING - raydp 0: PENDING (Waiting to start)",
        "C_HEAD RUNNING",
        "C_WORKER RUNNING",
    ]
    assert clusters.endpoints("C") == clusters.head_endpoints("c") == {"dashboard": "https://h.example"}
    page = "https://app.snowflake.com/my%20org/acct/#/data/databases/D/schemas/S/service/C_HEAD"
    assert clusters.pages("c") == {"dashboard": "https://h.example", "snowsight": page}
    client.organisation = None
    assert clusters.pages("c") == {"dashboard": "https://h.example"}
    for ask in (clusters.pages, clusters.endpoints):
        with pytest.raises(ClusterNotFoundError):
            ask("OTHER")


def test_a_cluster_that_lacks_a_service_is_not_taken_for_whole(client: FakeClient, clusters: Clusters) -> None:
    """The others are ready, and Spark would wait for executors that never come."""
    clusters.create(CONFIG)
    client.services.become(ServiceStatus.RUNNING)
    check_whole(clusters, CONFIG)
    del client.services.there["C_WORKER"]
    assert clusters.wait_for("C", deadline=math.inf).is_ready
    with pytest.raises(ClusterFailedError, match="cluster C lacks C_WORKER, dropped by somebody else"):
        check_whole(clusters, CONFIG)


@pytest.mark.parametrize(
    ("change", "status", "part"),
    [
        ({"restart_count": 3, "last_exit_code": "1"}, ServiceStatus.PENDING, r"ended 3 times \(last exit code 1\)"),
        ({"status": ContainerStatus.FAILED, "message": "OOMKilled"}, ServiceStatus.FAILED, "FAILED: OOMKilled"),
        ({}, ServiceStatus.INTERNAL_ERROR, "INTERNAL_ERROR"),
    ],
)
def test_what_never_comes_up_is_not_waited_for(
    client: FakeClient, clusters: Clusters, change: dict[str, Any], status: ServiceStatus, part: str
) -> None:
    clusters.create(CONFIG)
    client.services.container = replace(client.services.container, **change)
    client.services.become(status)
    with pytest.raises(ClusterFailedError, match=part):
        clusters.wait_for("C", deadline=math.inf)


def test_too_late_names_what_each_container_waits_for(client: FakeClient, clusters: Clusters) -> None:
    clusters.create(CONFIG)
    with pytest.raises(ClusterNotReadyError, match=r"C_WORKER PENDING - raydp 0: PENDING \(Waiting to start\)"):
        clusters.wait_for("C", deadline=0)


def test_no_cluster_is_no_status(clusters: Clusters) -> None:
    for look in (clusters.status, clusters.head_endpoints, clusters.head_state):
        with pytest.raises(ClusterNotFoundError, match="there is no cluster C"):
            look("c")
    assert clusters.wait_for("C", Target.GONE, deadline=0).services == ()
    with pytest.raises(ClusterNotFoundError):
        clusters.wait_for("C", Target.SUSPENDED, deadline=math.inf)


def test_every_pinned_port_is_declared() -> None:
    """SPCS reference 8.2, point 1: an undeclared port is closed."""
    head = draw(CONFIG, "D", "S").services[0].specification
    single = {each.port for each in head.endpoints if each.port}
    ranges = [tuple(map(int, each.port_range.split("-"))) for each in head.endpoints if each.port_range]
    wanted = {
        ports.GCS, ports.DASHBOARD, ports.RAY_CLIENT, ports.OBJECT_MANAGER, ports.NODE_MANAGER, ports.RUNTIME_ENV_AGENT,
        ports.DASHBOARD_AGENT_GRPC, ports.DASHBOARD_AGENT_LISTEN, ports.METRICS_EXPORT,
        ports.AUTOSCALER_METRICS, ports.DASHBOARD_METRICS, ports.LOGS,
    }  # fmt: skip
    assert wanted <= single
    for first, last in (
        ports.WORKER_PORTS,
        ports.EPHEMERAL,
        (ports.SPARK_BLOCK_MANAGER, ports.SPARK_BLOCK_MANAGER + 99),
    ):
        assert any(low <= first and last <= high for low, high in ranges)
    assert [each.name for each in head.endpoints if each.public] == ["dashboard", "job-files"]
    assert not [(port, low) for port in single for low, high in ranges if port and low <= port <= high]


def test_the_blueprint_is_what_was_asked_for() -> None:
    config = ClusterConfig(
        "C", monitoring=True, notebook=True, image_repository="DB.SC.REPO",
        worker_groups=[WorkerGroup(count=2), WorkerGroup("GPU_NV_S", name="gpu", count=1)],
    )  # fmt: skip
    drawn = draw(config, "D", "S")
    assert [service.name for service in drawn.services] == [
        f"D.S.C_{group}" for group in ("HEAD", "WORKER", "GPU", "PROMETHEUS", "GRAFANA")
    ]
    (gpu,) = drawn.services[2].specification.containers
    assert (gpu.requests.gpus, gpu.limits.gpus, gpu.env["RAYDP_RESOURCES"]) == (1, 1, '{"custom_worker": 1.0}')
    assert gpu.image == f"/db/sc/repo/raydp_custom_worker:{config.image_tag}"
    assert gpu.env["RAYDP_HEAD_ADDRESS"] == "c-head:6379"
    assert (gpu.env["RAYDP_LOGS_DIR"], gpu.env["RAYDP_LOGS_STAGE"]) == ("/raydp/logs", "@D.S.RAYDPLOGS")
    stages = {each.name: each.stage for each in drawn.services[2].specification.volumes if each.source == "stage"}
    assert stages == {"artifacts": "@D.S.RAYDP_ARTIFACTS", "logs": "@D.S.RAYDPLOGS"}
    assert "notebook" in [each.name for each in drawn.services[0].specification.endpoints]
    for service in drawn.services:
        assert ServiceSpecification.from_yaml(service.specification.to_yaml()) == service.specification
