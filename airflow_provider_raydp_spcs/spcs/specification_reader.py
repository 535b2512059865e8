"""Reading a specification from Snowflake's own keys; a key nobody knows is an error (SPCS reference 3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from airflow_provider_raydp_spcs.spcs.specification import (
    Container,
    Endpoint,
    Probe,
    Resources,
    ServiceRole,
    ServiceSpecification,
    SessionToken,
    Volume,
    VolumeMount,
)
from airflow_provider_raydp_spcs.spcs.specification_rules import invalid

# Snowflake's own samples write some keys in the singular.
_ALIASES: Final = {"container": "containers", "endpoint": "endpoints", "volume": "volumes"}
_TOP = {"spec", "serviceRoles", "capabilities"}
_SPEC = {
    "containers",
    "endpoints",
    "volumes",
    "logExporters",
    "platformMonitor",
    "resourceManagement",
    "networkPolicyConfig",
}
_CONTAINER = {
    "name",
    "image",
    "command",
    "args",
    "env",
    "readinessProbe",
    "livenessProbe",
    "volumeMounts",
    "resources",
    "mountSessionToken",
    "sessionTokenConfig",
    "secrets",
    "sha256",
}
_CORS = {f"Access-Control-{name}" for name in ("Allow-Origin", "Allow-Methods", "Allow-Headers", "Expose-Headers")}
_GPU: Final = "nvidia.com/gpu"


def read(whole: Mapping[str, Any]) -> ServiceSpecification:
    """Read the whole mapping.

    :raises InvalidSpecificationError: an unknown or missing key, a wrong type, or a broken rule.
    """
    _only(whole, _TOP, "")
    spec = {_ALIASES.get(key, key): value for key, value in _mapping(whole.get("spec"), "spec").items()}
    _only(spec, _SPEC, "spec")
    exporters = _mapping(spec.get("logExporters") or {}, "logExporters")
    table = _mapping(exporters.get("eventTableConfig") or {}, "eventTableConfig")
    monitor = _mapping(spec.get("platformMonitor") or {}, "platformMonitor")
    metrics = _mapping(monitor.get("metricConfig") or {}, "metricConfig")
    return ServiceSpecification(
        containers=tuple(_container(each, f"containers[{i}]") for i, each in _listed(spec, "containers")),
        endpoints=tuple(_endpoint(each, f"endpoints[{i}]") for i, each in _listed(spec, "endpoints")),
        volumes=tuple(_volume(each, f"volumes[{i}]") for i, each in _listed(spec, "volumes")),
        service_roles=tuple(_role(each, f"serviceRoles[{i}]") for i, each in _listed(whole, "serviceRoles")),
        log_level=table.get("logLevel"),
        metric_groups=tuple(metrics.get("groups") or ()),
    )


def _only(mapping: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in mapping:
        if key not in known:
            msg = f"unknown option '{key}'" + (f" for '{where}'." if where else ".")
            raise invalid(msg)


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        msg = f"'{where}' must be a mapping, not {value!r:.80}"
        raise invalid(msg)
    return value


def _listed(mapping: Mapping[str, Any], key: str) -> list[tuple[int, Mapping[str, Any]]]:
    value = mapping.get(key) or []
    if not isinstance(value, Sequence) or isinstance(value, str):
        msg = f"'{key}' must be a list, not {value!r:.80}"
        raise invalid(msg)
    return [(i, _mapping(each, f"{key}[{i}]")) for i, each in enumerate(value)]


def _required(mapping: Mapping[str, Any], key: str, where: str) -> Any:
    if mapping.get(key) in (None, ""):
        msg = f"missing '{key}' for '{where}'."
        raise invalid(msg)
    return mapping[key]


def _texts(value: object, where: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, Sequence) or isinstance(value, str):
        msg = f"'{where}' must be a list of texts, not {value!r:.80}"
        raise invalid(msg)
    return tuple(str(each) for each in value)


def _container(value: Mapping[str, Any], where: str) -> Container:
    _only(value, _CONTAINER, where)
    resources = _mapping(value.get("resources") or {}, f"{where}.resources")
    _only(resources, {"requests", "limits"}, f"{where}.resources")
    for number, each in _listed(value, "secrets"):
        _only(each, {"snowflakeSecret", "envVarName", "secretKeyRef", "directoryPath"}, f"{where}.secrets[{number}]")
    return Container(
        name=_required(value, "name", where),
        image=str(_required(value, "image", where)),
        command=_texts(value.get("command"), f"{where}.command"),
        args=_texts(value.get("args"), f"{where}.args"),
        env={str(name): str(text) for name, text in _mapping(value.get("env") or {}, f"{where}.env").items()},
        readiness_probe=_probe(value.get("readinessProbe"), f"{where}.readinessProbe"),
        liveness_probe=_probe(value.get("livenessProbe"), f"{where}.livenessProbe"),
        volume_mounts=tuple(_mount(each, f"{where}.volumeMounts[{i}]") for i, each in _listed(value, "volumeMounts")),
        requests=_resources(resources.get("requests"), f"{where}.resources.requests"),
        limits=_resources(resources.get("limits"), f"{where}.resources.limits"),
        session_token=_token(value.get("sessionTokenConfig"), f"{where}.sessionTokenConfig"),
        mount_session_token=value.get("mountSessionToken") is not False,
        secrets=tuple(each for _, each in _listed(value, "secrets")),
    )


def _probe(value: object, where: str) -> Probe | None:
    if value is None:
        return None
    probe = _mapping(value, where)
    _only(probe, {"port", "path", "periodSeconds", "failureThreshold"}, where)
    return Probe(
        port=_required(probe, "port", where),
        path=str(_required(probe, "path", where)),
        period_seconds=probe.get("periodSeconds"),
        failure_threshold=probe.get("failureThreshold"),
    )


def _mount(value: Mapping[str, Any], where: str) -> VolumeMount:
    _only(value, {"name", "mountPath"}, where)
    return VolumeMount(_required(value, "name", where), _required(value, "mountPath", where))


def _resources(value: object, where: str) -> Resources:
    resources = _mapping(value or {}, where)
    _only(resources, {"cpu", "memory", _GPU}, where)
    return Resources(resources.get("cpu"), resources.get("memory"), resources.get(_GPU))


def _token(value: object, where: str) -> SessionToken | None:
    if value is None:
        return None
    token = _mapping(value, where)
    _only(token, {"path", "permission", "mountConnectionConfig"}, where)
    connection_config = token.get("mountConnectionConfig", False)
    if not isinstance(connection_config, bool):
        msg = f"'{where}.mountConnectionConfig' must be true or false, not {connection_config!r:.80}"
        raise invalid(msg)
    if not token:
        msg = f"'{where}' needs at least one field of path, permission and mountConnectionConfig"
        raise invalid(msg)
    return SessionToken(token.get("path"), token.get("permission"), connection_config)


def _endpoint(value: Mapping[str, Any], where: str) -> Endpoint:
    _only(value, {"name", "port", "portRange", "public", "protocol", "corsSettings"}, where)
    return Endpoint(
        name=_required(value, "name", where),
        port=value.get("port"),
        port_range=value.get("portRange"),
        protocol=str(value.get("protocol") or "HTTP").upper(),
        public=bool(value.get("public")),
        cors=_cors(value.get("corsSettings"), f"{where}.corsSettings"),
    )


def _cors(value: object, where: str) -> dict[str, tuple[str, ...]]:
    settings = _mapping(value or {}, where)
    _only(settings, _CORS, where)
    return {name: _texts(values, f"{where}.{name}") or () for name, values in settings.items()}


def _volume(value: Mapping[str, Any], where: str) -> Volume:
    _only(value, {"name", "source", "size", "stageConfig", "blockConfig", "uid", "gid"}, where)
    source = str(_required(value, "source", where))
    stage = _mapping(value.get("stageConfig") or {}, f"{where}.stageConfig").get("name")
    if source.startswith("@"):  # the older form of a stage volume
        return Volume(_required(value, "name", where), "stage", stage=source)
    size = value.get("size")
    return Volume(_required(value, "name", where), source, None if size is None else str(size), stage)


def _role(value: Mapping[str, Any], where: str) -> ServiceRole:
    _only(value, {"name", "endpoints"}, where)
    return ServiceRole(str(_required(value, "name", where)), _texts(value.get("endpoints"), where) or ())
