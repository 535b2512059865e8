"""Prometheus and Grafana: what may be asked for, and which services that makes."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.cluster.blueprint import draw
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, MonitoringConfig
from airflow_provider_raydp_spcs.cluster.errors import ClusterConfigError
from airflow_provider_raydp_spcs.spcs.services import Service
from airflow_provider_raydp_spcs.spcs.specification import Container, ServiceSpecification, Volume


def services(**values: Any) -> dict[str, Service]:
    drawn = draw(ClusterConfig.from_mapping({"name": "my_c", **values}), "D", "S")
    return {service.name.removeprefix("D.S.MY_C_"): service for service in drawn.services}


def container(service: Service) -> Container:
    (found,) = service.specification.containers
    return found


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (True, MonitoringConfig()),
        (False, None),
        (None, None),
        ({}, MonitoringConfig()),
        ({"grafana": False, "retention_days": 3}, MonitoringConfig(grafana=False, retention_days=3)),
        (MonitoringConfig("CPU_X64_M"), MonitoringConfig("CPU_X64_M")),
    ],
)
def test_monitoring_may_be_asked_for_in_several_ways(value: Any, read: MonitoringConfig | None) -> None:
    config = ClusterConfig.from_mapping({"name": "C", "monitoring": value})
    assert config.monitoring == read
    assert ClusterConfig.from_mapping(config.to_mapping()) == config
    assert ClusterConfig("C", monitoring=value) == config


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("yes", "monitoring is 'yes'; allowed are True, False"),
        (1, "monitoring is 1; allowed are"),
        ({"nonsense": 1}, "monitoring: unknown ['nonsense']"),
        ({"retention_days": 0}, "retention_days of monitoring is 0; allowed are whole numbers from 1 to 365"),
        ({"retention_days": "15"}, "retention_days of monitoring is '15'"),
        ({"grafana": "no"}, "grafana of monitoring is 'no'; allowed are True and False"),
        ({"instance_family": "CPU_X64_XXS"}, "did you mean CPU_X64_XS"),
        ({"instance_family": "GPU_NV_S"}, "take a CPU family"),
    ],
)
def test_what_monitoring_cannot_be_is_refused(value: Any, part: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - several classes, one interface
        ClusterConfig.from_mapping({"name": "C", "monitoring": value})
    assert part in str(caught.value)
    if "did you mean" not in part and "retention" not in part:
        assert isinstance(caught.value, ClusterConfigError)


def test_prometheus_keeps_its_data_and_has_no_public_endpoint() -> None:
    service = services(monitoring={"retention_days": 3})["PROMETHEUS"]
    specification = service.specification
    assert [(each.port, each.public) for each in specification.endpoints] == [(ports.PROMETHEUS, False)]
    assert specification.volumes == (Volume("data", "block", size="20Gi"),)
    # A block volume needs as many instances at most as at least.
    assert service.instances == 1
    found = container(service)
    assert [mount.mount_path for mount in found.volume_mounts] == [found.env["RAYDP_DATA_DIR"]]
    assert found.env["RAYDP_RETENTION"] == "3d"
    assert found.env["RAYDP_RAY_TARGETS"] == "http://my-c-head:8265/api/prometheus/sd"
    assert found.env["RAYDP_SPARK_TARGETS"] == "http://my-c-head:8091/spark-targets"
    assert found.readiness_probe is not None
    assert (found.readiness_probe.port, found.readiness_probe.path) == (ports.PROMETHEUS, "/-/ready")


def test_grafana_is_public_and_asks_prometheus() -> None:
    service = services(monitoring=True)["GRAFANA"]
    assert [(each.name, each.public) for each in service.specification.endpoints] == [("grafana", True)]
    assert container(service).env["RAYDP_PROMETHEUS"] == "http://my-c-prometheus:9090"
    assert not [name for name in container(service).env if "PASSWORD" in name.upper()]


@pytest.mark.parametrize("family", ["CPU_X64_XS", "CPU_X64_S", "HIGHMEM_X64_S"])
def test_both_fit_on_one_node(family: str) -> None:
    drawn = draw(ClusterConfig.from_mapping({"name": "C", "monitoring": {"instance_family": family}}), "D", "S")
    (pool,) = (pool for pool in drawn.pools if pool.name == "C_MONITORING_POOL")
    assert (pool.instance_family, pool.min_nodes, pool.max_nodes) == (family, 1, 1)
    wanted = [container(each).requests for each in drawn.services if each.compute_pool == pool.name]
    assert len(wanted) == 2
    assert sum(each.cpu or 0 for each in wanted if each) <= 1


def test_own_images_are_used() -> None:
    found = services(monitoring={"prometheus_image": "/db/s/r/prom:1", "grafana_image": "mine:2"})
    assert container(found["PROMETHEUS"]).image == "/db/s/r/prom:1"
    assert container(found["GRAFANA"]).image == "/d/s/raydp_sis_image_repo/mine:2"


@pytest.mark.parametrize(
    ("monitoring", "public", "told"),
    [
        (False, {"dashboard": 8265}, set()),
        ({"grafana": False}, {"dashboard": 8265}, {"RAYDP_PROMETHEUS"}),
        # With Grafana the dashboard is that of the proxy, and the Jobs API has a way that leads past it.
        (True, {"dashboard": 8092, "jobs-api": 8265}, {"RAYDP_PROMETHEUS", "RAYDP_GRAFANA"}),
    ],
)
def test_the_head_knows_what_runs_beside_it(monitoring: Any, public: dict[str, int], told: set[str]) -> None:
    head = services(monitoring=monitoring)["HEAD"]
    found = {each.name: each.port for each in head.specification.endpoints if each.public}
    assert found == {**public, "job-files": 8091}
    assert {name for name in container(head).env if name in ("RAYDP_PROMETHEUS", "RAYDP_GRAFANA")} == told
    assert ServiceSpecification.from_yaml(head.specification.to_yaml()) == head.specification
