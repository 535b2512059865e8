"""Prometheus and Grafana of a cluster: their services, and what the head has to know of them.

Prometheus finds Ray's nodes and the Spark drivers through the head, for no volume can be shared between services. It
has no public endpoint; what of it is wanted outside goes through the head. Its data lie on a block volume, which is kept
across suspend and upgrade and needs as many instances at least as at most (SPCS reference 3.3).

Grafana is opened at its own endpoint, and inside Ray's dashboard. The ingress gives every endpoint a host of its own and
forbids frames of other hosts (reference 4.4); so where there is Grafana, the head's public dashboard is a proxy that
serves Grafana below ``/grafana/`` and everything else from Ray (:mod:`airflow_provider_raydp_spcs.node.dashboard_proxy`),
and clients of the Jobs API have an endpoint that leads straight to Ray.
"""

from __future__ import annotations

from typing import Final

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.cluster import endpoints
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.naming import HEAD, host
from airflow_provider_raydp_spcs.spcs.specification import (
    Container,
    Endpoint,
    Probe,
    Resources,
    ServiceSpecification,
    Volume,
    VolumeMount,
)

PROMETHEUS: Final = "PROMETHEUS"
GRAFANA: Final = "GRAFANA"
"""Groups of the two services; they share the pool of the group ``MONITORING``."""
DATA_DIR: Final = "/data"
DATA_SIZE: Final = "20Gi"
RETENTION_SIZE: Final = "16GB"
"""What Prometheus may fill of its volume: the rest is for what it has not compacted yet."""
DATASOURCE: Final = "Prometheus"
"""The datasource's name in images/grafana, which Ray's dashboard asks for."""
GRAFANA_PATH: Final = "/grafana"


def prometheus(config: ClusterConfig, image: str) -> ServiceSpecification:
    """The specification of the Prometheus service."""
    retention = config.monitoring.retention_days if config.monitoring else 0
    head = host(config.name, HEAD)
    container = Container(
        name="prometheus",
        image=image,
        env={
            "RAYDP_CLUSTER": config.name,
            "RAYDP_RAY_TARGETS": f"http://{head}:{ports.DASHBOARD}/api/prometheus/sd",
            "RAYDP_SPARK_TARGETS": f"http://{head}:{ports.JOB_FILES}/spark-targets",
            "RAYDP_DATA_DIR": DATA_DIR,
            "RAYDP_PORT": str(ports.PROMETHEUS),
            "RAYDP_RETENTION": f"{retention}d",
            "RAYDP_RETENTION_SIZE": RETENTION_SIZE,
        },
        readiness_probe=Probe(ports.PROMETHEUS, "/-/ready", period_seconds=1),
        volume_mounts=(VolumeMount("data", DATA_DIR),),
        # Both services fit on the smallest family.
        requests=Resources(cpu=0.5, memory="4Gi"),
    )
    return ServiceSpecification(
        containers=(container,),
        endpoints=(Endpoint("prometheus", ports.PROMETHEUS),),
        volumes=(Volume("data", "block", size=DATA_SIZE),),
    )


def grafana(config: ClusterConfig, image: str) -> ServiceSpecification:
    """The specification of the Grafana service; it keeps nothing, for everything in it comes from files of its image."""
    container = Container(
        name="grafana",
        image=image,
        env={"RAYDP_CLUSTER": config.name, "RAYDP_PROMETHEUS": _prometheus_address(config)},
        readiness_probe=Probe(ports.GRAFANA, f"{GRAFANA_PATH}/api/health", period_seconds=1),
        requests=Resources(cpu=0.25, memory="1Gi"),
    )
    return ServiceSpecification(
        containers=(container,), endpoints=(Endpoint(endpoints.GRAFANA, ports.GRAFANA, public=True),)
    )


def dashboard_endpoints(config: ClusterConfig) -> tuple[Endpoint, ...]:
    """Where the head's dashboard and its Jobs API are reached."""
    if not (config.monitoring and config.monitoring.grafana):
        return (Endpoint(endpoints.DASHBOARD, ports.DASHBOARD, public=True),)
    return (
        Endpoint(endpoints.DASHBOARD, ports.DASHBOARD_PROXY, public=True),
        Endpoint(endpoints.JOBS_API, ports.DASHBOARD, public=True),
    )


def head_environment(config: ClusterConfig) -> dict[str, str]:
    """What the head is told, so that Ray's dashboard shows what Prometheus and Grafana have."""
    if config.monitoring is None:
        return {}
    seen = {"RAYDP_PROMETHEUS": _prometheus_address(config)}
    if config.monitoring.grafana:
        seen["RAYDP_GRAFANA"] = f"http://{host(config.name, GRAFANA)}:{ports.GRAFANA}{GRAFANA_PATH}"
    return seen


def _prometheus_address(config: ClusterConfig) -> str:
    return f"http://{host(config.name, PROMETHEUS)}:{ports.PROMETHEUS}"
