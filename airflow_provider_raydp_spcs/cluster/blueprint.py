"""From a configuration to compute pools and services."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.cluster import monitoring
from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, MonitoringConfig, NodeConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.endpoints import JOB_FILES, NOTEBOOK
from airflow_provider_raydp_spcs.cluster.naming import HEAD, host, pool_name, service_name
from airflow_provider_raydp_spcs.cluster.sizing import size_node
from airflow_provider_raydp_spcs.spcs import sql
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePool
from airflow_provider_raydp_spcs.spcs.services import Service
from airflow_provider_raydp_spcs.spcs.specification import (
    Container,
    Endpoint,
    Probe,
    Resources,
    ServiceSpecification,
    SessionToken,
    Volume,
    VolumeMount,
)

ARTIFACTS_DIR: Final = "/raydp/artifacts"
RAY_DIR: Final = "/raydp/ray"
SESSION_DIR: Final = "/raydp/session"
CONTAINER: Final = "raydp"
READY_PATH: Final = "/ready"


@dataclass(frozen=True)
class Blueprint:
    """Everything that makes up a cluster; the head comes first."""

    pools: tuple[ComputePool, ...]
    services: tuple[Service, ...]


def draw(
    config: ClusterConfig, database: str, schema: str, *, owner: str = "", run: str = "", expires: str = ""
) -> Blueprint:
    """The pools and services of a cluster.

    :param database: of services, stages and images where the configuration names none.
    :param owner: written into every COMMENT, with ``run`` and ``expires``
        (see :class:`~airflow_provider_raydp_spcs.cluster.comment.ClusterComment`).
    :raises InvalidSpecificationError: what would be sent breaks a rule of Snowflake's.
    """
    scope = f"{sql.identifier(config.database or database)}.{sql.identifier(config.schema or schema)}"
    draft = _Draft(config, scope, ClusterComment(config.name, "", owner, run, expires=expires))
    groups = [draft.head(), *(draft.worker(group) for group in config.worker_groups)]
    if config.monitoring:
        groups += draft.monitoring(config.monitoring)
    pools: dict[str, ComputePool] = {}
    for pool, _ in groups:
        pools.setdefault(pool.name, pool)
    return Blueprint(tuple(pools.values()), tuple(service for _, service in groups))


@dataclass(frozen=True)
class _Draft:
    config: ClusterConfig
    scope: str
    comment: ClusterComment

    def head(self) -> tuple[ComputePool, Service]:
        config, head = self.config, self.config.head
        notebook = (Endpoint(NOTEBOOK, ports.NOTEBOOK, public=True),) if config.notebook else ()
        endpoints = (
            *monitoring.dashboard_endpoints(config),
            Endpoint(JOB_FILES, ports.JOB_FILES, public=True),
            Endpoint("gcs", ports.GCS, protocol="TCP"),
            Endpoint("autoscaler-metrics", ports.AUTOSCALER_METRICS, protocol="TCP"),
            Endpoint("dashboard-metrics", ports.DASHBOARD_METRICS, protocol="TCP"),
            Endpoint("ray-client", ports.RAY_CLIENT, protocol="TCP"),
            *notebook,
            *_node_endpoints(),
        )
        switches = {**({"RAYDP_NOTEBOOK": "1"} if config.notebook else {}), **monitoring.head_environment(config)}
        return self._group(HEAD, head, "raydp_head", endpoints, 1, head.num_cpus, {}, {**switches, **_limits(config)})

    def worker(self, group: WorkerGroup) -> tuple[ComputePool, Service]:
        image = "raydp_worker" if group.is_spark else "raydp_custom_worker"
        env = {"RAYDP_HEAD_ADDRESS": f"{host(self.config.name, HEAD)}:{ports.GCS}"}
        if group.labels:
            env["RAYDP_LABELS"] = json.dumps(dict(group.labels))
        cpus = group.family.vcpus
        return self._group(
            group.name.upper(), group, image, _node_endpoints(), group.count, cpus, group.ray_resources, env
        )

    def monitoring(self, wanted: MonitoringConfig) -> list[tuple[ComputePool, Service]]:
        pool = self._pool("MONITORING", wanted.instance_family, 1)
        image = self._image("prometheus", wanted.prometheus_image)
        services = [self._service(monitoring.PROMETHEUS, pool.name, monitoring.prometheus(self.config, image), 1)]
        if wanted.grafana:
            image = self._image("grafana", wanted.grafana_image)
            services.append(self._service(monitoring.GRAFANA, pool.name, monitoring.grafana(self.config, image), 1))
        return [(pool, service) for service in services]

    def _group(
        self,
        group: str,
        node: NodeConfig,
        image: str,
        endpoints: tuple[Endpoint, ...],
        count: int,
        cpus: int,
        resources: Mapping[str, float],
        env: Mapping[str, str],
    ) -> tuple[ComputePool, Service]:
        size = size_node(node, stage_volumes=1)
        family = node.family
        gpus = family.gpus or None
        container = Container(
            name=CONTAINER,
            image=self._image(image, node.image),
            env={
                "RAYDP_CLUSTER": self.config.name,
                "RAYDP_NODE_GROUP": group.lower(),
                "RAYDP_NUM_CPUS": str(cpus),
                "RAYDP_NUM_GPUS": str(family.gpus),
                "RAYDP_MEMORY_BYTES": str(size.work),
                "RAYDP_OBJECT_STORE_BYTES": str(size.object_store),
                "RAYDP_RESOURCES": json.dumps(dict(resources)),
                "RAYDP_ARTIFACTS_DIR": ARTIFACTS_DIR,
                "RAYDP_ARTIFACTS_STAGE": "@" + self._in_scope(self.config.artifacts_stage),
                "RAYDP_RAY_DIR": RAY_DIR,
                "RAYDP_SESSION_DIR": SESSION_DIR,
                **env,
                **node.env,
            },
            readiness_probe=Probe(ports.HEALTH, READY_PATH, period_seconds=1),
            volume_mounts=(
                VolumeMount("shm", "/dev/shm"),  # noqa: S108 - where Ray keeps its object store
                VolumeMount("ray", RAY_DIR),
                VolumeMount("artifacts", ARTIFACTS_DIR),
            ),
            # One instance fills a node, so that each gets one of its own; half a core is for the sidecars.
            requests=Resources(cpu=max(0.5, family.vcpus - 0.5), memory=size.request_text, gpus=gpus),
            limits=Resources(memory=size.request_text, gpus=gpus),
            session_token=SessionToken(SESSION_DIR, "0600"),
        )
        specification = ServiceSpecification(
            containers=(container,),
            endpoints=endpoints,
            volumes=(
                Volume("shm", "memory", size=size.shm_text),
                Volume("ray", "local"),
                Volume("artifacts", "stage", stage="@" + self._in_scope(self.config.artifacts_stage)),
            ),
        )
        pool = self._pool(group, family.name, count)
        return pool, self._service(group, pool.name, specification, count)

    def _pool(self, group: str, family: str, count: int) -> ComputePool:
        return ComputePool(
            name=pool_name(self.config.name, group),
            instance_family=family,
            min_nodes=count,
            max_nodes=count,
            auto_suspend_secs=self.config.auto_suspend_secs,
            comment=str(replace(self.comment, group=group)),
            tags=self.config.tags,
        )

    def _service(self, group: str, pool: str, specification: ServiceSpecification, count: int) -> Service:
        service = Service(
            name=f"{self.scope}.{service_name(self.config.name, group)}",
            compute_pool=pool,
            specification=specification,
            instances=count,
            external_access_integrations=tuple(self.config.external_access_integrations),
            query_warehouse=self.config.query_warehouse,
            # A request would wake its own service only, so a look at a sleeping cluster would pay for half of one.
            auto_resume=False,
            tags=self.config.tags,
        )
        digest = hashlib.sha256(specification.to_yaml().encode()).hexdigest()[:16]
        return replace(service, comment=str(replace(self.comment, group=group, digest=digest)))

    def _image(self, name: str, own: str | None) -> str:
        if own is not None and own.startswith("/"):
            return own
        repository = self._in_scope(self.config.image_repository).lower().replace(".", "/")
        return f"/{repository}/{own or f'{name}:{self.config.image_tag}'}"

    def _in_scope(self, name: str) -> str:
        parts = sql.qualified(name).split(".")
        return ".".join([*self.scope.split(".")[: 3 - len(parts)], *parts])


def _limits(config: ClusterConfig) -> dict[str, str]:
    """What the head's dead-man's switch needs; nothing where no limit is set."""
    limits = {"RAYDP_MAX_LIFE_SECONDS": config.max_life_seconds, "RAYDP_MAX_IDLE_SECONDS": config.max_idle_seconds}
    env = {name: str(seconds) for name, seconds in limits.items() if seconds is not None}
    return {**env, "RAYDP_IDLE_ACTION": config.idle_action} if "RAYDP_MAX_IDLE_SECONDS" in env else env


def _node_endpoints() -> tuple[Endpoint, ...]:
    """Every port that nodes reach each other by; what is not declared is closed (SPCS reference 3.4)."""
    tcp = {
        "object-manager": ports.OBJECT_MANAGER,
        "node-manager": ports.NODE_MANAGER,
        "runtime-env-agent": ports.RUNTIME_ENV_AGENT,
        "agent-grpc": ports.DASHBOARD_AGENT_GRPC,
        "agent-listen": ports.DASHBOARD_AGENT_LISTEN,
        "metrics": ports.METRICS_EXPORT,
    }
    ranges = {
        "worker-ports": ports.WORKER_PORTS,
        "spark-driver": (ports.SPARK_DRIVER, ports.SPARK_BLOCK_MANAGER - 1),
        "spark-blocks": (ports.SPARK_BLOCK_MANAGER, ports.SPARK_BLOCK_MANAGER + ports.SPARK_PORT_RETRIES),
        "spark-ui": (ports.SPARK_UI, ports.SPARK_UI + ports.SPARK_PORT_RETRIES),
        "ephemeral": ports.EPHEMERAL,
    }
    return (
        *(Endpoint(name, port, protocol="TCP") for name, port in tcp.items()),
        *(Endpoint(name, port_range=f"{first}-{last}", protocol="TCP") for name, (first, last) in ranges.items()),
    )
