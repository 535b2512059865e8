"""The service specification as dataclasses: what a service consists of, to and from YAML.

Shape and rules are those of the SPCS reference, parts 3.1 to 3.3. The rules themselves stand in
:mod:`airflow_provider_raydp_spcs.spcs.specification_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_raydp_spcs.spcs import exact_yaml
from airflow_provider_raydp_spcs.spcs.specification_rules import check, invalid


@dataclass(frozen=True)
class Probe:
    """An HTTP GET that tells whether a container is ready."""

    port: int
    path: str
    period_seconds: int | None = None
    failure_threshold: int | None = None


@dataclass(frozen=True)
class VolumeMount:
    """Where a volume appears in a container."""

    name: str
    mount_path: str


@dataclass(frozen=True)
class Resources:
    """What a container asks for, or may use at most.

    :param cpu: virtual cores, such as ``0.5`` or ``"500m"``.
    :param memory: with a unit out of M, Mi, G, Gi.
    :param gpus: whole GPUs.
    """

    cpu: float | str | None = None
    memory: str | None = None
    gpus: int | None = None


@dataclass(frozen=True)
class SessionToken:
    """Where the platform puts the service's OAuth token (``sessionTokenConfig``).

    :param path: absolute folder; the file in it is named ``token``.
    :param permission: four octal digits, no wider than 0644; of the connection file as well.
    :param connection_config: whether there shall be a ``connections.toml`` that leads to it.
    """

    path: str | None = None
    permission: str | None = None
    connection_config: bool = False


@dataclass(frozen=True)
class Container:
    """One container. ``command`` replaces the image's ENTRYPOINT, ``args`` its CMD."""

    name: str
    image: str
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    volume_mounts: tuple[VolumeMount, ...] = ()
    requests: Resources = Resources()
    limits: Resources = Resources()
    session_token: SessionToken | None = None
    mount_session_token: bool = True
    secrets: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Endpoint:
    """A port, or a range of ports, that may be reached; everything else is closed (reference 3.4).

    :param port_range: ``first-last``; TCP and not public only, reached by instance address only.
    :param cors: ``corsSettings``: what pages of other origins are told, by header (reference 4.4).
    """

    name: str
    port: int | None = None
    port_range: str | None = None
    protocol: str = "HTTP"
    public: bool = False
    cors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Volume:
    """A volume of source ``local``, ``memory``, ``block`` or ``stage``.

    :param size: of memory and block volumes, such as ``8Gi``.
    :param stage: of stage volumes: ``@database.schema.stage[/folder]``.
    """

    name: str
    source: str
    size: str | None = None
    stage: str | None = None


@dataclass(frozen=True)
class ServiceRole:
    """A named right to use some endpoints."""

    name: str
    endpoints: tuple[str, ...]


@dataclass(frozen=True)
class ServiceSpecification:
    """Containers, endpoints and volumes of a service. Validated when made.

    :raises InvalidSpecificationError: a rule of the reference is broken; nothing was sent anywhere.
    """

    containers: tuple[Container, ...]
    endpoints: tuple[Endpoint, ...] = ()
    volumes: tuple[Volume, ...] = ()
    service_roles: tuple[ServiceRole, ...] = ()
    log_level: str | None = None
    metric_groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check(self)

    def to_mapping(self) -> dict[str, Any]:
        """The specification in Snowflake's own keys, defaults left out."""
        spec: dict[str, Any] = {"containers": [_container(each) for each in self.containers]}
        if self.endpoints:
            spec["endpoints"] = [_endpoint(each) for each in self.endpoints]
        if self.volumes:
            spec["volumes"] = [_volume(each) for each in self.volumes]
        if self.log_level:
            spec["logExporters"] = {"eventTableConfig": {"logLevel": self.log_level}}
        if self.metric_groups:
            spec["platformMonitor"] = {"metricConfig": {"groups": list(self.metric_groups)}}
        whole: dict[str, Any] = {"spec": spec}
        if self.service_roles:
            whole["serviceRoles"] = [
                {"name": role.name, "endpoints": list(role.endpoints)} for role in self.service_roles
            ]
        return whole

    def to_yaml(self) -> str:
        """The text to send."""
        return exact_yaml.dump(self.to_mapping())

    @classmethod
    def from_mapping(cls, whole: Mapping[str, Any]) -> ServiceSpecification:
        """Read Snowflake's own keys.

        :raises InvalidSpecificationError: an unknown key, or a broken rule.
        """
        from airflow_provider_raydp_spcs.spcs.specification_reader import read

        return read(whole)

    @classmethod
    def from_yaml(cls, text: str) -> ServiceSpecification:
        """Read YAML, or JSON, which is a subset of it.

        :raises InvalidSpecificationError: no YAML mapping, an unknown key, or a broken rule.
        """
        from airflow_provider_raydp_spcs.spcs import bounded_yaml

        try:
            whole = bounded_yaml.load(text)
        except bounded_yaml.BoundedYamlError as error:
            raise invalid(str(error)) from error
        if not isinstance(whole, Mapping):
            msg = "the text must be a mapping with the key 'spec'"
            raise invalid(msg)
        return cls.from_mapping(whole)


def _filled(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, (), {}, [])}


def _probe(probe: Probe | None) -> dict[str, Any] | None:
    if probe is None:
        return None
    return _filled(
        port=probe.port, path=probe.path, periodSeconds=probe.period_seconds, failureThreshold=probe.failure_threshold
    )


def _resources(resources: Resources) -> dict[str, Any]:
    found = _filled(cpu=resources.cpu, memory=resources.memory)
    return found | ({"nvidia.com/gpu": resources.gpus} if resources.gpus else {})


def _session_token(token: SessionToken) -> dict[str, Any]:
    return _filled(path=token.path, permission=token.permission, mountConnectionConfig=token.connection_config or None)


def _container(container: Container) -> dict[str, Any]:
    token = container.session_token
    return _filled(
        name=container.name,
        image=container.image,
        command=None if container.command is None else list(container.command),
        args=None if container.args is None else list(container.args),
        env=dict(container.env),
        readinessProbe=_probe(container.readiness_probe),
        livenessProbe=_probe(container.liveness_probe),
        volumeMounts=[{"name": each.name, "mountPath": each.mount_path} for each in container.volume_mounts],
        resources=_filled(requests=_resources(container.requests), limits=_resources(container.limits)),
        sessionTokenConfig=_session_token(token) if token else None,
        mountSessionToken=None if container.mount_session_token else False,
        secrets=[dict(each) for each in container.secrets],
    )


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return _filled(
        name=endpoint.name,
        port=endpoint.port,
        portRange=endpoint.port_range,
        protocol=endpoint.protocol,
        public=endpoint.public or None,
        corsSettings={name: list(values) for name, values in endpoint.cors.items()},
    )


def _volume(volume: Volume) -> dict[str, Any]:
    return _filled(
        name=volume.name,
        source=volume.source,
        size=volume.size,
        stageConfig={"name": volume.stage} if volume.stage else None,
    )
