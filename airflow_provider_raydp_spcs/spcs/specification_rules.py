"""The rules that Snowflake checks a service specification by (SPCS reference 3.2 and 3.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.spcs.errors import InvalidSpecificationError

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.spcs.specification import (
        Container,
        Endpoint,
        Resources,
        ServiceSpecification,
        SessionToken,
        Volume,
    )

_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_ROLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_MEMORY: Final = re.compile(r"(\d+(?:\.\d+)?)(Gi|Mi|G|M)\Z")
_CPU: Final = re.compile(r"\d+(\.\d+)?m?\Z")
_RANGE: Final = re.compile(r"(\d+)-(\d+)\Z")
_PERMISSION: Final = re.compile(r"0[46][04][04]\Z")
_RESERVED: Final = ("/proc", "/sys", "/dev")
_TOKEN_PATH: Final = re.compile(r"(/[A-Za-z0-9_.-]+)+\Z")
_UNITS: Final = {"Gi": 1024**3, "Mi": 1024**2, "G": 10**9, "M": 10**6}
MAX_CONTAINERS, MAX_ENDPOINTS, MAX_VOLUMES, MAX_BLOCK_VOLUMES, MAX_SECRETS = 20, 100, 20, 3, 50
SECRET_KEYS: Final = ("username", "password", "secret_string", "access_token")
SOURCES: Final = ("local", "memory", "block", "stage")
_NUMBER, _SQLSTATE = 395018, "22023"


def invalid(message: str) -> InvalidSpecificationError:
    """The error for a broken rule, worded as Snowflake does."""
    return InvalidSpecificationError(f"Invalid spec: {message}", _NUMBER, _SQLSTATE)


def memory_bytes(text: str) -> int:
    """Bytes of a memory text such as ``8Gi``.

    :raises InvalidSpecificationError: no number with a unit out of M, Mi, G, Gi.
    """
    match = _MEMORY.match(str(text))
    if not match:
        msg = f"invalid memory {text!r}; write a number with a unit out of M, Mi, G, Gi, such as 8Gi"
        raise invalid(msg)
    return int(float(match[1]) * _UNITS[match[2]])


def cpu_count(value: float | str) -> float:
    """Virtual cores of ``0.5`` or ``500m``.

    :raises InvalidSpecificationError: neither form.
    """
    text = str(value)
    if not _CPU.match(text):
        msg = f"invalid cpu {value!r}; write cores such as 0.5, or thousandths such as 500m"
        raise invalid(msg)
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


def check(specification: ServiceSpecification) -> None:
    """Check every rule.

    :raises InvalidSpecificationError: the first one that is broken.
    """
    _counted("containers", specification.containers, MAX_CONTAINERS, least=1)
    _counted("endpoints", specification.endpoints, MAX_ENDPOINTS)
    _counted("volumes", specification.volumes, MAX_VOLUMES)
    for kind, named in (
        ("container", specification.containers),
        ("endpoint", specification.endpoints),
        ("volume", specification.volumes),
    ):
        _names(kind, [each.name for each in named])
    volumes = {volume.name for volume in specification.volumes}
    for container in specification.containers:
        _container(container, volumes)
    for endpoint in specification.endpoints:
        _endpoint(endpoint)
    for volume in specification.volumes:
        _volume(volume)
    blocks = sum(volume.source == "block" for volume in specification.volumes)
    if blocks > MAX_BLOCK_VOLUMES:
        msg = f"{blocks} block volumes; at most {MAX_BLOCK_VOLUMES} are allowed per service"
        raise invalid(msg)
    known = {endpoint.name for endpoint in specification.endpoints}
    for role in specification.service_roles:
        if not _ROLE.match(role.name):
            msg = f"service role name {role.name!r} may hold letters, digits and underscores only"
            raise invalid(msg)
        if unknown := set(role.endpoints) - known:
            msg = f"service role {role.name!r} names unknown endpoints {sorted(unknown)}"
            raise invalid(msg)


def _counted(kind: str, values: tuple[object, ...], most: int, least: int = 0) -> None:
    if not least <= len(values) <= most:
        msg = f"{len(values)} {kind}; allowed are {least} to {most}"
        raise invalid(msg)


def _names(kind: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if not isinstance(name, str) or not _NAME.match(name):
            msg = (
                f"{kind} name {name!r} must start with a lower-case letter, go on with lower-case letters, digits or '-', "
                "end with a letter or digit, and have at most 63 characters"
            )
            raise invalid(msg)
        if name in seen:
            msg = f"two {kind}s are named {name!r}"
            raise invalid(msg)
        seen.add(name)


def _container(container: Container, volumes: set[str]) -> None:
    where = f"container {container.name!r}"
    if not container.image or any(character.isspace() for character in container.image):
        msg = f"{where} needs an image such as /database/schema/repository/image:tag, not {container.image!r}"
        raise invalid(msg)
    for probe in (container.readiness_probe, container.liveness_probe):
        if probe is not None:
            _port(probe.port, f"probe of {where}")
            if not probe.path.startswith("/"):
                msg = f"probe path {probe.path!r} of {where} must start with /"
                raise invalid(msg)
    for name, value in container.env.items():
        if not isinstance(value, str):
            msg = f"environment variable {name!r} of {where} must be a text, not {value!r}"
            raise invalid(msg)
    for mount in container.volume_mounts:
        if mount.name not in volumes:
            msg = f"{where} mounts the unknown volume {mount.name!r}"
            raise invalid(msg)
        _absolute(mount.mount_path, f"mount path of volume {mount.name!r} in {where}")
    _counted(f"secrets of {where}", container.secrets, MAX_SECRETS)
    for secret in container.secrets:
        _secret(secret, where)
    _resources(container, where)
    if container.session_token is not None:
        _session_token(container.session_token, container, where)


def _session_token(token: SessionToken, container: Container, where: str) -> None:
    """SPCS reference 3.2."""
    if not container.mount_session_token:
        msg = f"sessionTokenConfig of {where} needs mountSessionToken to be true"
        raise invalid(msg)
    if token.permission is not None and token.path is None:
        msg = f"sessionTokenConfig of {where} has a permission, so it needs a path"
        raise invalid(msg)
    if token.path is not None:
        _absolute(token.path, f"sessionTokenConfig path of {where}")
        if not _TOKEN_PATH.match(token.path) or {".", ".."} & set(token.path.split("/")):
            msg = (
                f"sessionTokenConfig path {token.path!r} of {where} must be a normal path of letters, digits, '-', '_' and "
                "'.', without '.' or '..' as a part and without a slash too many"
            )
            raise invalid(msg)
        others = [*_RESERVED, *(mount.mount_path for mount in container.volume_mounts)]
        others += [str(secret["directoryPath"]) for secret in container.secrets if "directoryPath" in secret]
        for other in others:
            if _overlap(token.path, other):
                msg = f"sessionTokenConfig path {token.path!r} of {where} overlaps what is at {other!r} already; choose another"
                raise invalid(msg)
    if token.permission is not None and not (isinstance(token.permission, str) and _PERMISSION.match(token.permission)):
        msg = (
            f"permission {token.permission!r} of {where} must be a quoted text of four octal digits that lets the owner read "
            'and is no wider than 0644, such as "0600"'
        )
        raise invalid(msg)


def _overlap(one: str, other: str) -> bool:
    """Whether two paths are the same, or one lies below the other."""
    first, second = f"{one.rstrip('/')}/", f"{other.rstrip('/')}/"
    return first.startswith(second) or second.startswith(first)


def _secret(secret: Mapping[str, object], where: str) -> None:
    given = secret.get("snowflakeSecret")
    name = given.get("objectName") if isinstance(given, Mapping) else given
    if not isinstance(name, str) or not name:
        msg = f"a secret of {where} needs snowflakeSecret with a name, not {given!r}"
        raise invalid(msg)
    if "directoryPath" in secret:
        _absolute(str(secret["directoryPath"]), f"directoryPath of secret {name!r} in {where}")
        if "envVarName" in secret:
            msg = f"secret {name!r} of {where} has both directoryPath and envVarName; one of them is allowed"
            raise invalid(msg)
    elif not secret.get("envVarName") or secret.get("secretKeyRef") not in SECRET_KEYS:
        msg = (
            f"secret {name!r} of {where} needs a directoryPath, or an envVarName with a secretKeyRef out of "
            f"{', '.join(SECRET_KEYS)}"
        )
        raise invalid(msg)


def _absolute(path: str, what: str) -> None:
    if not isinstance(path, str) or not path.startswith("/") or ".." in path.split("/"):
        msg = f"{what} must be an absolute path without '..', not {path!r}"
        raise invalid(msg)


def _resources(container: Container, where: str) -> None:
    requests, limits = container.requests, container.limits
    for resources in (requests, limits):
        if resources.memory is not None:
            memory_bytes(resources.memory)
        if resources.cpu is not None:
            cpu_count(resources.cpu)
    if (requests.gpus or limits.gpus) and requests.gpus != limits.gpus:
        msg = f"{where} requests {requests.gpus} GPUs and limits {limits.gpus}; both must be given and equal"
        raise invalid(msg)
    _ordered(requests, limits, where)


def _ordered(requests: Resources, limits: Resources, where: str) -> None:
    if requests.memory and limits.memory and memory_bytes(requests.memory) > memory_bytes(limits.memory):
        msg = f"{where} requests memory {requests.memory} above its limit {limits.memory}"
        raise invalid(msg)
    if requests.cpu is not None and limits.cpu is not None and cpu_count(requests.cpu) > cpu_count(limits.cpu):
        msg = f"{where} requests cpu {requests.cpu} above its limit {limits.cpu}"
        raise invalid(msg)


def _port(port: object, what: str) -> None:
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        msg = f"{what}: port {port!r} must be a number from 1 to 65535"
        raise invalid(msg)


def _endpoint(endpoint: Endpoint) -> None:
    where = f"endpoint {endpoint.name!r}"
    if (endpoint.port is None) == (endpoint.port_range is None):
        msg = f"{where} needs exactly one of port and portRange"
        raise invalid(msg)
    if endpoint.protocol not in ("HTTP", "HTTPS", "TCP"):
        msg = f"{where} has protocol {endpoint.protocol!r}; allowed are HTTP, HTTPS, TCP"
        raise invalid(msg)
    if endpoint.public and endpoint.protocol == "TCP":
        msg = f"{where} is public, so its protocol must be HTTP"
        raise invalid(msg)
    origins = endpoint.cors.get("Access-Control-Allow-Origin", ())
    if endpoint.cors and (not origins or "*" in origins):
        msg = f"corsSettings of {where} need Access-Control-Allow-Origin with the origins by name, not '*'"
        raise invalid(msg)
    if endpoint.port_range is None:
        _port(endpoint.port, where)
        return
    match = _RANGE.match(endpoint.port_range)
    if not match or not 1 <= int(match[1]) <= int(match[2]) <= 65535:
        msg = f"{where} has portRange {endpoint.port_range!r}; write first-last within 1-65535"
        raise invalid(msg)
    if endpoint.protocol != "TCP" or endpoint.public:
        msg = f"{where} has a portRange, so its protocol must be TCP and it cannot be public"
        raise invalid(msg)


def _volume(volume: Volume) -> None:
    where = f"volume {volume.name!r}"
    source = "stage" if str(volume.source).startswith("@") else volume.source
    if source not in SOURCES:
        msg = f"{where} has source {volume.source!r}; allowed are {', '.join(SOURCES)}"
        raise invalid(msg)
    if source in ("memory", "block"):
        if volume.size is None:
            msg = f"{where} of source {source} needs a size"
            raise invalid(msg)
        memory_bytes(volume.size)
        if source == "block" and not re.fullmatch(r"\d+Gi", volume.size):
            msg = f"{where} has size {volume.size!r}; block volumes take whole Gi"
            raise invalid(msg)
    if volume.source == "stage" and not str(volume.stage or "").startswith("@"):
        msg = f"{where} needs stageConfig.name of the form @database.schema.stage, not {volume.stage!r}"
        raise invalid(msg)
