"""What a node is told: environment variables that the cluster's specification sets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from airflow_provider_raydp_spcs.cluster.config import IDLE_ACTIONS
from airflow_provider_raydp_spcs.node.errors import SettingError

# Ray's sockets lie in <temp dir>/session_<date>_<time>_<microseconds>_<pid>/sockets/plasma_store,
# and a socket's path may have 107 bytes.
MAX_RAY_DIR: Final = 40
T = TypeVar("T")


class Role(StrEnum):
    """What a node is in its cluster."""

    HEAD = "head"
    WORKER = "worker"
    CUSTOM_WORKER = "custom-worker"


@dataclass(frozen=True)
class NodeSettings:
    """One node's settings.

    :param num_cpus: what Ray hands out, not what there is; 0 keeps all work off the node.
    :param memory_bytes: Ray's logical memory; None lets Ray decide.
    :param object_store_bytes: size of the object store; None lets Ray decide.
    :param resources: Ray's custom resources.
    :param labels: Ray's labels, besides those that every node has.
    :param ray_dir: Ray's temporary folder.
    :param artifacts_dir: where the artifacts stage is mounted; None where it is not.
    :param logs_dir: where the logs stage is mounted; None where it is not.
    :param logs_stage: its name, ``@DATABASE.SCHEMA.STAGE``.
    :param live_log_days: how long the head lets what nodes shipped while they ran lie there.
    :param notebook: whether the head runs Jupyter Lab.
    :param head_address: ``name:port`` of the head's GCS; None on the head.
    :param head_timeout: seconds that a worker waits for its head.
    :param max_life_seconds: see :mod:`airflow_provider_raydp_spcs.node.lifetime`, as for the two below; None for never.
    """

    role: Role
    cluster: str
    group: str
    num_cpus: int
    num_gpus: int
    memory_bytes: int | None
    object_store_bytes: int | None
    resources: Mapping[str, float]
    labels: Mapping[str, str]
    ray_dir: Path
    artifacts_dir: Path | None
    logs_dir: Path | None
    logs_stage: str
    live_log_days: int
    notebook: bool
    head_address: str | None
    head_timeout: float
    max_life_seconds: int | None
    max_idle_seconds: int | None
    idle_action: str

    @classmethod
    def read(cls, role: Role, environment: Mapping[str, str]) -> NodeSettings:
        """Read the variables ``RAYDP_…``.

        :raises SettingError: names the variable, its value, and what is allowed.
        """
        ray_dir = Path(environment.get("RAYDP_RAY_DIR", "/tmp/ray"))  # noqa: S108 - Ray's own default
        if len(str(ray_dir)) > MAX_RAY_DIR:
            msg = (
                f"RAYDP_RAY_DIR is {str(ray_dir)!r}, {len(str(ray_dir))} characters long; at most {MAX_RAY_DIR} leave room "
                "for the sockets that Ray makes below it"
            )
            raise SettingError(msg)
        head = environment.get("RAYDP_HEAD_ADDRESS")
        if role is not Role.HEAD and not (head and head.rpartition(":")[2].isdigit()):
            msg = f"RAYDP_HEAD_ADDRESS is {head!r}; a {role} needs the head's name:port, such as my-cluster-head:6379"
            raise SettingError(msg)
        action = environment.get("RAYDP_IDLE_ACTION") or IDLE_ACTIONS[0]
        if action not in IDLE_ACTIONS:
            msg = f"RAYDP_IDLE_ACTION is {action!r}; allowed are {', '.join(IDLE_ACTIONS)}"
            raise SettingError(msg)
        return cls(
            role=role,
            cluster=environment.get("RAYDP_CLUSTER", ""),
            group=environment.get("RAYDP_NODE_GROUP", role.value),
            num_cpus=_whole(environment, "RAYDP_NUM_CPUS", 0) or 0,
            num_gpus=_whole(environment, "RAYDP_NUM_GPUS", 0) or 0,
            memory_bytes=_whole(environment, "RAYDP_MEMORY_BYTES", None),
            object_store_bytes=_whole(environment, "RAYDP_OBJECT_STORE_BYTES", None),
            resources=_mapping(environment, "RAYDP_RESOURCES", float, '{"worker": 1}'),
            labels=_mapping(environment, "RAYDP_LABELS", str, '{"zone": "a"}'),
            ray_dir=ray_dir,
            artifacts_dir=_folder(environment, "RAYDP_ARTIFACTS_DIR"),
            logs_dir=_folder(environment, "RAYDP_LOGS_DIR"),
            logs_stage=environment.get("RAYDP_LOGS_STAGE", ""),
            live_log_days=_whole(environment, "RAYDP_LIVE_LOG_DAYS", 7) or 7,
            notebook=role is Role.HEAD and environment.get("RAYDP_NOTEBOOK") == "1",
            head_address=None if role is Role.HEAD else head,
            head_timeout=float(_whole(environment, "RAYDP_HEAD_TIMEOUT_SECONDS", 120) or 0),
            max_life_seconds=_whole(environment, "RAYDP_MAX_LIFE_SECONDS", None),
            max_idle_seconds=_whole(environment, "RAYDP_MAX_IDLE_SECONDS", None),
            idle_action=action,
        )


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    found = environment.get(name)
    return Path(found) if found else None


def _whole(environment: Mapping[str, str], name: str, default: int | None) -> int | None:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isdigit():
        msg = f"{name} is {text!r}; allowed are whole numbers from 0"
        raise SettingError(msg)
    return int(text)


def _mapping(environment: Mapping[str, str], name: str, read: Callable[[Any], T], such_as: str) -> dict[str, T]:
    text = environment.get(name) or "{}"
    try:
        return {str(key): read(value) for key, value in json.loads(text).items()}
    except (ValueError, AttributeError, TypeError) as error:
        msg = f"{name} is {text!r}; write a JSON mapping, such as {such_as}"
        raise SettingError(msg) from error
