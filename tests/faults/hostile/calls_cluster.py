"""Calls of the rooms ``cluster`` and ``jobs`` that reach Snowflake: configurations, clusters, logs, applications."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from airflow_provider_raydp_spcs.cluster import container_logs, leasing, live_logs, reaper
from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, MonitoringConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.logs import LogTarget, export_logs
from airflow_provider_raydp_spcs.jobs.application import Application
from airflow_provider_raydp_spcs.streamlit.deployment import deploy
from tests.faults.hostile.world import Call, World
from tests.integration.containers import until

CLUSTER = "HOSTILE_CLUSTER"
FAMILY = "CPU_X64_XS"
HEAD: dict[str, Any] = {"instance_family": FAMILY, "image": "quiet:1", "memory": "1Gi", "env": {"A": "x", "B": "y"}}


def calls() -> Iterator[Call]:
    yield from _configurations()
    yield from _clusters()
    yield from _logs()
    yield from _jobs()


def plan(world: World, config: ClusterConfig, **names: str) -> None:
    """Ask for every pool and service of a cluster; the pools have no nodes, so that nothing starts."""
    blueprint = world.clusters.blueprint(config, **names)
    for pool in blueprint.pools:
        world.client.compute_pools.create(pool)
        world.client.compute_pools.suspend(pool.name)
    for service in blueprint.services:
        world.client.services.create(service)


def _gone(world: World) -> None:
    for row in world.sql(f"SHOW SERVICES LIKE '{CLUSTER}%'"):
        world.sql(f"DROP SERVICE IF EXISTS {row['name']} FORCE")
    until(lambda: not world.sql(f"SHOW SERVICES LIKE '{CLUSTER}%'"))
    for row in world.sql(f"SHOW COMPUTE POOLS LIKE '{CLUSTER}%'"):
        world.sql(f"DROP COMPUTE POOL {row['name']}")


def _config(**values: Any) -> ClusterConfig:
    head, group = HeadConfig(**HEAD), WorkerGroup(**HEAD, count=1)
    return ClusterConfig(**{"name": CLUSTER, "head": head, "worker_groups": (group,), **values})


def _spec(service: str, key: str) -> Callable[[World], Any]:
    def found(world: World) -> Any:
        (row,) = world.sql(f"DESCRIBE SERVICE {CLUSTER}_{service}")
        return yaml.safe_load(row["spec"])["spec"]["containers"][0].get(key)

    return found


def _configurations() -> Iterator[Call]:
    yield Call(
        "cluster.config:HeadConfig",
        lambda world, **given: plan(world, _config(head=HeadConfig(**given))),
        HEAD, _gone, {"env": _spec("HEAD", "env")},
        is_slow=True,
    )  # fmt: skip
    yield Call(
        "cluster.config:NodeConfig",
        lambda world, **given: plan(world, ClusterConfig.from_mapping({"name": CLUSTER, "head": given})),
        HEAD, _gone, {"env": _spec("HEAD", "env")},
        is_slow=True,
    )  # fmt: skip
    yield Call(
        "cluster.config:WorkerGroup",
        lambda world, **given: plan(world, _config(worker_groups=(WorkerGroup(**given),))),
        {**HEAD, "name": "worker", "count": 1, "resources": {"licence": 1}, "labels": {"zone": "a"}, "spark": True},
        _gone, {"env": _spec("WORKER", "env")},
        is_slow=True,
    )  # fmt: skip
    yield Call(
        "cluster.config:MonitoringConfig",
        lambda world, **given: plan(world, _config(monitoring=MonitoringConfig(**given))),
        {"instance_family": FAMILY, "grafana": True, "prometheus_image": "quiet:1", "grafana_image": "quiet:1", "retention_days": 3},
        _gone,
        is_slow=True,
    )  # fmt: skip
    yield Call(
        "cluster.config:ClusterConfig",
        lambda world, **given: plan(world, _config(**given)),
        {"name": CLUSTER, "database": "RAYDP_SIS_DB", "schema": "RAYDP_SIS_CORE_SCHEMA", "image_repository": "RAYDP_SIS_IMAGE_REPO",
         "image_tag": "1", "artifacts_stage": "RAYDP_ARTIFACTS", "logs_stage": "RAYDPLOGS", "query_warehouse": "RAYDP_SIS_XSW",
         "external_access_integrations": ["RAYDP_ACCESS_INTEGRATION"], "monitoring": False, "auto_suspend_secs": 60,
         "max_life_seconds": 600, "max_idle_seconds": 600, "idle_action": "drop", "warm_idle_seconds": 60, "tags": {"COST": "x"}},
        _gone,
        is_slow=True,
    )  # fmt: skip
    yield Call(
        "cluster.config:ClusterConfig.from_mapping",
        lambda world, values: plan(world, ClusterConfig.from_mapping(values)),
        {"values": {"name": CLUSTER, "head": dict(HEAD), "worker_groups": [{**HEAD, "count": 1}], "tags": {"COST": "x"}}},
        _gone,
        is_slow=True,
    )  # fmt: skip

    def comment(part: str) -> Callable[[World], Any]:
        def found(world: World) -> Any:
            read = ClusterComment.read(world.client.services.describe(f"{CLUSTER}_HEAD").comment)
            return getattr(read, part)

        return found

    yield Call(
        "cluster.lifecycle:Clusters.blueprint",
        lambda world, **given: plan(world, _config(), **given),
        {"owner": "o", "run": "r", "expires": "2030-01-01T00:00:00+00:00"},
        _gone, {part: comment(part) for part in ("owner", "run", "expires")},
        is_slow=True,
    )  # fmt: skip


def _clusters() -> Iterator[Call]:
    def there(world: World) -> None:
        if not world.sql(f"SHOW SERVICES LIKE '{CLUSTER}_HEAD'"):
            plan(world, _config(), owner="o", run="r")

    yield Call(
        "cluster.lifecycle:Clusters",
        lambda world, **given: Clusters(world.client, **given).services("OTHER"),
        {"database": "RAYDP_SIS_DB", "schema": "RAYDP_SIS_CORE_SCHEMA"},
    )
    for method in (
        "find", "status", "head_state", "endpoints", "pages", "head_endpoints", "pools", "services", "drop_services",
        "drop_pools", "delete", "last_words", "in_scope",
    ):  # fmt: skip
        yield Call(
            f"cluster.lifecycle:Clusters.{method}",
            lambda world, method=method, **given: getattr(world.clusters, method)(**given),
            {"name": CLUSTER if method in ("find", "status", "pools") else "OTHER"},
            there if method in ("find", "status", "pools") else lambda world: None,
            is_data=True,
        )
    yield Call(
        "cluster.lifecycle:Clusters.take_back",
        lambda world, **given: world.clusters.take_back(**given),
        {"name": "OTHER", "owner": "o", "run": "r"},
        is_data=True,
    )
    yield Call(
        "cluster.reaper:find_expired",
        lambda world, owner: reaper.find_expired(world.client, dt.datetime.now(dt.UTC), owner=owner),
        {"owner": "o"},
    )
    quiet = {"progress": lambda line: None}
    for name, more in (("take", {"owner": "o", "run": "r", "seconds": 60, **quiet}), ("keeps_as_last", quiet), ("is_joined", {}),
                       ("may_delete", quiet), ("closed", {})):  # fmt: skip
        texts = {key: value for key, value in more.items() if isinstance(value, str)}
        fixed = {key: value for key, value in more.items() if not isinstance(value, str)}
        yield Call(
            f"cluster.leasing:{name}",
            lambda world, name=name, fixed=fixed, **given: getattr(leasing, name)(world.client, **given, **fixed),
            {"cluster": CLUSTER, "holder": "o/r", **texts},
            lambda world: world.sql("DELETE FROM RAYDP_LEASES WHERE CLUSTER_NAME = %s", CLUSTER),
            is_data=True,
        )
    yield Call(
        "cluster.leasing:check_unused",
        lambda world, cluster: leasing.check_unused(world.client, cluster),
        {"cluster": CLUSTER},
    )


def _logs() -> Iterator[Call]:
    yield Call(
        "cluster.live_logs:live_logs",
        lambda world, **given: live_logs.live_logs(world.client, **given),
        {"stage": "RAYDPLOGS", "cluster": "OTHER"},
    )
    yield Call(
        "cluster.live_logs:remove_old",
        lambda world, **given: live_logs.remove_old(
            world.client, keep=dt.timedelta(days=1), now=dt.datetime.now(dt.UTC), **given
        ),
        {"stage": "RAYDPLOGS", "cluster": "OTHER"},
    )
    yield Call(
        "cluster.container_logs:sources",
        lambda world, **given: container_logs.sources(world.clusters, **given),
        {"name": "OTHER", "group": "head", "container": "raydp"},
    )
    yield Call(
        "cluster.container_logs:Source",
        lambda world, **given: container_logs.last_lines(world.client, container_logs.Source(**given), 10),
        {"service": "RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.CANARY", "group": "g", "instance": "0", "container": "main"},
    )

    def there(world: World) -> None:
        if not world.sql(f"SHOW SERVICES LIKE '{CLUSTER}_HEAD'"):
            plan(world, _config(), owner="o", run="r")
        world.sql("REMOVE @RAYDPLOGS")

    def export(world: World, submission_ids: list[str], **given: Any) -> None:
        target = LogTarget(**given, attempt=1)
        found = export_logs(world.client, world.clusters, target, submission_ids, None, sleep=lambda seconds: None)
        assert all(name.startswith(f"raydplogs/{target.cluster.upper()}/") for name in found.files), found

    yield Call(
        "cluster.logs:LogTarget",
        lambda world, **given: export(world, ["j"], **given),
        {"stage": "RAYDPLOGS", "cluster": CLUSTER, "dag": "d", "run": "r", "task": "t"},
        there,
    )
    yield Call(
        "cluster.logs:export_logs",
        lambda world, submission_ids: export(world, submission_ids, stage="RAYDPLOGS", cluster=CLUSTER, dag="d", run="r", task="t"),
        {"submission_ids": ["a", "b"]},
        there,
    )  # fmt: skip


def _jobs() -> Iterator[Call]:
    def application(world: World) -> Path:
        file = world.folder / "app.py"
        file.write_text("print('x')")
        return file

    yield Call(
        "jobs.application:Application.upload",
        lambda world, **given: Application.read(application(world)).upload(world.client.stages, **given),
        {"stage": "RAYDP_ARTIFACTS", "cluster": CLUSTER},
    )
    yield Call(
        "jobs.application:Application.read",
        lambda world, path: Application.read(world.folder / path.lstrip("/")).upload(world.client.stages, "RAYDP_ARTIFACTS", CLUSTER),
        {"path": "app.py"},
        application,
    )  # fmt: skip
    yield Call(
        "streamlit.deployment:deploy",
        lambda world, **given: deploy(world.client, **given),
        {"name": "HOSTILE_APP", "stage": "HOSTILE_STAGE", "warehouse": "RAYDP_SIS_XSW"},
        lambda world: world.sql("DROP STREAMLIT IF EXISTS HOSTILE_APP"),
        is_slow=True,
    )
