"""What the user asks for: a cluster's configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

from airflow_provider_raydp_spcs.cluster.errors import ClusterConfigError
from airflow_provider_raydp_spcs.cluster.worker_rules import (
    CUSTOM_RESOURCE,
    SPARK_RESOURCE,
    check_labels,
    check_resources,
)
from airflow_provider_raydp_spcs.spcs import sql
from airflow_provider_raydp_spcs.spcs.errors import InvalidSpecificationError, SpcsError
from airflow_provider_raydp_spcs.spcs.instance_families import InstanceFamily, instance_family
from airflow_provider_raydp_spcs.spcs.specification_rules import memory_bytes
from airflow_provider_raydp_spcs.version import __version__

MAX_NAME: Final = 40
"""Longest name of a cluster; with the longest group behind it, it still makes a DNS label."""
MAX_GROUP: Final = 20
RESERVED_GROUPS: Final = frozenset({"HEAD", "PROMETHEUS", "GRAFANA", "MONITORING"})
MAX_RETENTION_DAYS: Final = 365
MIN_LIMIT_SECONDS: Final = 60
MAX_LIMIT_SECONDS: Final = 31_536_000
"""Shortest and longest life and idleness that may be asked for; the longest is a year."""
WARM_IDLE_SECONDS: Final = 600
IDLE_ACTIONS: Final = ("suspend", "drop")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class NodeConfig:
    """What every kind of node has.

    :param instance_family: of its compute pool; see ``SHOW COMPUTE POOL INSTANCE FAMILIES``.
    :param memory: memory that its container requests, such as ``"10Gi"``; by default most of the node's.
    :param image: other image than the one of this package, as a path or as a name in the image repository.
    :param env: further environment variables.
    """

    instance_family: str = "CPU_X64_S"
    memory: str | None = None
    image: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        family = instance_family(self.instance_family)
        if self.memory is not None:
            _check_memory(self.memory, family)
        for name, value in self.env.items():
            if (
                not isinstance(value, str)
                or sql.UNSENDABLE.search(value)
                or not _VARIABLE.fullmatch(str(name))
                or name.startswith(("RAYDP_", "SNOWFLAKE_", "SPCS_"))
            ):
                msg = (
                    f"env {str(name)[:200]!r}: {str(value)[:200]!r} is not allowed; values are texts without NUL characters and "
                    "halves of surrogate pairs, names are letters, digits and '_', and must not start with RAYDP_, SNOWFLAKE_ or "
                    "SPCS_, which the cluster and the platform set"
                )
                raise ClusterConfigError(msg)

    @property
    def family(self) -> InstanceFamily:
        """The family's figures."""
        return instance_family(self.instance_family)


@dataclass(frozen=True)
class HeadConfig(NodeConfig):
    """The head: GCS, dashboard, Jobs API, and the drivers of the jobs.

    :param num_cpus: CPUs that Ray hands out on it; 0 keeps tasks and Spark executors off the head.
    """

    num_cpus: int = 0


@dataclass(frozen=True)
class WorkerGroup(NodeConfig):
    """Nodes of one kind.

    :param name: part of the names of its service and pool.
    :param count: how many nodes.
    :param resources: Ray's custom resources of each node, by which tasks reach it (``@ray.remote(resources=…)``). By
        default ``{"worker": 1}`` for the group ``worker`` and ``{"custom_worker": 1}`` for any other.
    :param labels: Ray's labels of each node, by which tasks reach it as well (``@ray.remote(label_selector=…)``); every
        node has ``raydp-role`` and ``raydp-group`` besides.
    :param spark: whether Spark executors run here: True adds the resource ``worker``, on which they run, and False keeps
        it off. By default they run on the group ``worker``, and wherever ``resources`` names ``worker``.
    """

    name: str = "worker"
    count: int = 2
    resources: Mapping[str, float] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    spark: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_name(self.name, "worker group", MAX_GROUP)
        if self.name.upper() in RESERVED_GROUPS:
            msg = f"a worker group cannot be named {self.name!r}; the names {sorted(RESERVED_GROUPS)} are taken"
            raise ClusterConfigError(msg)
        limit = self.family.node_limit or 500
        sql.count(self.count, f"count of worker group {self.name}", minimum=1, maximum=limit)
        check_resources(self.resources or {}, self.name)
        check_labels(self.labels, self.name)
        if self.spark not in (None, True, False):
            msg = f"spark of worker group {self.name} is {self.spark!r}; allowed are True, False and None"
            raise ClusterConfigError(msg)
        if self.spark is False and SPARK_RESOURCE in (self.resources or {}):
            msg = (
                f"worker group {self.name} has spark=False and the resource {SPARK_RESOURCE!r}, on which Spark executors "
                "run; take that resource away, or leave spark out"
            )
            raise ClusterConfigError(msg)

    @property
    def is_spark(self) -> bool:
        """Whether Spark executors run here."""
        return SPARK_RESOURCE in self.ray_resources

    @property
    def ray_resources(self) -> dict[str, float]:
        """The resources of each node."""
        # One per node: Ray hands out any fraction of a resource up to 1, and above it whole numbers only.
        if self.resources is not None:
            found = {name: float(amount) for name, amount in self.resources.items()}
        elif self.name.lower() == "worker" and self.spark is not False:
            found = {SPARK_RESOURCE: 1.0}
        else:
            found = {CUSTOM_RESOURCE: 1.0}
        return {**found, SPARK_RESOURCE: found.get(SPARK_RESOURCE, 1.0)} if self.spark else found


@dataclass(frozen=True)
class MonitoringConfig:
    """Prometheus and Grafana beside the head.

    :param instance_family: of the one node that both run on.
    :param grafana: also run Grafana; otherwise Prometheus alone.
    :param prometheus_image: other image than the one of this package, as a path or as a name in the image repository.
    :param grafana_image: likewise.
    :param retention_days: how long Prometheus keeps what it has gathered.
    """

    instance_family: str = "CPU_X64_S"
    grafana: bool = True
    prometheus_image: str | None = None
    grafana_image: str | None = None
    retention_days: int = 15

    def __post_init__(self) -> None:
        family = instance_family(self.instance_family)
        if family.gpus:
            msg = f"instance_family of monitoring is {family.name}, which has GPUs that nobody would use; take a CPU family"
            raise ClusterConfigError(msg)
        if not isinstance(self.grafana, bool):
            msg = f"grafana of monitoring is {self.grafana!r}; allowed are True and False"
            raise ClusterConfigError(msg)
        sql.count(self.retention_days, "retention_days of monitoring", minimum=1, maximum=MAX_RETENTION_DAYS)

    @classmethod
    def read(cls, value: Any) -> MonitoringConfig | None:
        """From what may be written for it: None or False for none, True for the defaults, or a mapping.

        :raises ClusterConfigError: anything else.
        """
        if value is None or value is False:
            return None
        if value is True:
            return cls()
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            return cls(**_known(cls, value, "monitoring"))
        msg = f"monitoring is {value!r}; allowed are True, False, a MonitoringConfig, and a mapping of its values"
        raise ClusterConfigError(msg)


@dataclass(frozen=True)
class ClusterConfig:
    """A cluster.

    :param name: plain Snowflake identifier; services and compute pools are named after it.
    :param head: the head node.
    :param worker_groups: at least one.
    :param database: where services, stages and images are; by default that of the connection.
    :param schema: likewise.
    :param image_repository: its name, in the same schema unless qualified.
    :param image_tag: version of the images.
    :param artifacts_stage: stage with code and dependencies, mounted into every container.
    :param logs_stage: stage for the logs, mounted into every node, which ships its own there.
    :param query_warehouse: warehouse of the services' own queries.
    :param external_access_integrations: through which containers reach hosts outside.
    :param monitoring: run Prometheus and Grafana beside the head; True, False and a mapping are understood as well.
    :param notebook: run Jupyter Lab on the head.
    :param auto_suspend_secs: idle seconds after which the pools release their nodes.
    :param max_life_seconds: age at which the cluster is dropped, whatever runs on it; None for never.
    :param max_idle_seconds: seconds without any Ray job after which ``idle_action`` is done; None for never.
    :param idle_action: ``suspend`` keeps services and pools without nodes, ``drop`` removes them.
    :param warm_idle_seconds: seconds without a job after which a warm session gives its executors back.
    :param tags: Snowflake tags for services and pools.
    :raises ClusterConfigError, InvalidIdentifierError, InvalidValueError, UnknownInstanceFamilyError: at construction.
    """

    name: str
    head: HeadConfig = field(default_factory=HeadConfig)
    worker_groups: Sequence[WorkerGroup] = field(default_factory=lambda: (WorkerGroup(),))
    database: str | None = None
    schema: str | None = None
    image_repository: str = "RAYDP_SIS_IMAGE_REPO"
    image_tag: str = __version__
    artifacts_stage: str = "RAYDP_ARTIFACTS"
    logs_stage: str = "RAYDPLOGS"
    query_warehouse: str | None = None
    external_access_integrations: Sequence[str] = ()
    monitoring: MonitoringConfig | None = None
    notebook: bool = False
    auto_suspend_secs: int = 600
    max_life_seconds: int | None = None
    max_idle_seconds: int | None = None
    idle_action: str = "suspend"
    warm_idle_seconds: int = WARM_IDLE_SECONDS
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_name(self.name, "cluster name", MAX_NAME)
        object.__setattr__(self, "name", self.name.upper())
        object.__setattr__(self, "worker_groups", tuple(self.worker_groups))
        object.__setattr__(self, "monitoring", MonitoringConfig.read(self.monitoring))
        object.__setattr__(self, "external_access_integrations", tuple(self.external_access_integrations))
        if not self.worker_groups:
            msg = f"cluster {self.name} has no worker group; give at least one, such as WorkerGroup(count=2)"
            raise ClusterConfigError(msg)
        names = [group.name.upper() for group in self.worker_groups]
        if len(set(names)) < len(names):
            msg = f"the worker groups of cluster {self.name} are named {names}; every name must be another"
            raise ClusterConfigError(msg)
        for kind in ("image_repository", "artifacts_stage", "logs_stage"):
            sql.qualified(getattr(self, kind), kind)
        for kind in ("database", "schema", "query_warehouse"):
            if getattr(self, kind) is not None:
                sql.identifier(getattr(self, kind), kind)
        for integration in self.external_access_integrations:
            sql.qualified(integration, "external access integration")
        for limit in ("max_life_seconds", "max_idle_seconds"):
            if getattr(self, limit) is not None:
                sql.count(getattr(self, limit), limit, minimum=MIN_LIMIT_SECONDS, maximum=MAX_LIMIT_SECONDS)
        sql.count(self.warm_idle_seconds, "warm_idle_seconds", minimum=1, maximum=MAX_LIMIT_SECONDS)
        if self.idle_action not in IDLE_ACTIONS:
            msg = f"idle_action of cluster {self.name} is {self.idle_action!r}; allowed are {', '.join(IDLE_ACTIONS)}"
            raise ClusterConfigError(msg)

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, for templates and JSON."""

        def plain(value: Any) -> Any:
            if isinstance(value, NodeConfig | MonitoringConfig):
                return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
            if isinstance(value, Mapping):
                return dict(value)
            if isinstance(value, list | tuple):
                return [plain(each) for each in value]
            return value

        return {each.name: plain(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Read plain values.

        :raises ClusterConfigError: a key nobody knows, or a value of another type than its parameter.
        """
        found = dict(_known(cls, values, "cluster"))
        try:
            if "head" in found and not isinstance(found["head"], HeadConfig):
                found["head"] = HeadConfig(**_known(HeadConfig, found["head"], "head"))
            if "worker_groups" in found:
                found["worker_groups"] = tuple(
                    each if isinstance(each, WorkerGroup) else WorkerGroup(**_known(WorkerGroup, each, "worker group"))
                    for each in found["worker_groups"]
                )
            return cls(**found)
        except (TypeError, AttributeError) as error:
            msg = f"the cluster's configuration cannot be read: {error}"
            raise ClusterConfigError(msg) from error


def _known(kind: type[Any], values: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        msg = f"{what} is {values!r}; it must be a mapping of {', '.join(each.name for each in fields(kind))}"
        raise ClusterConfigError(msg)
    known = {each.name for each in fields(kind)}
    if unknown := set(values) - known:
        msg = f"{what}: unknown {sorted(unknown)}; allowed are {sorted(known)}"
        raise ClusterConfigError(msg)
    return values


def _check_name(name: str, kind: str, longest: int) -> None:
    sql.dns_identifier(name, kind)
    if len(name) > longest:
        msg = f"{kind} {name!r} has {len(name)} characters; at most {longest} are allowed"
        raise ClusterConfigError(msg)


def _check_memory(memory: str, family: InstanceFamily) -> None:
    try:
        wanted = memory_bytes(memory)
    except (InvalidSpecificationError, SpcsError) as error:
        raise ClusterConfigError(str(error)) from error
    if wanted > family.memory_bytes:
        msg = (
            f"memory {memory} is more than a node of {family.name} has: {family.memory_gib}Gi. Ask for less, or take a "
            "larger instance family"
        )
        raise ClusterConfigError(msg)
