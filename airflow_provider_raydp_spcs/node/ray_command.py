"""The command line and environment of ``ray start`` on one node."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.node.address import VARIABLE, is_shared
from airflow_provider_raydp_spcs.node.dashboard_proxy import dashboard_environment
from airflow_provider_raydp_spcs.node.job_files import RESULTS
from airflow_provider_raydp_spcs.node.node_ports import head_gcs, node_ports
from airflow_provider_raydp_spcs.node.settings import NodeSettings, Role
from airflow_provider_raydp_spcs.node.spark_targets import DRIVERS
from airflow_provider_raydp_spcs.runtime import drivers
from airflow_provider_raydp_spcs.runtime.warm import places

_SHM: Final = Path("/dev/shm")  # noqa: S108 - where Ray keeps its object store
_SHM_SHARE: Final = 0.9
MIN_OBJECT_STORE: Final = 80 * 1024**2
"""Ray refuses smaller object stores."""

WARM: Final = "warm"
"""The folder of the warm sessions' sockets, below Ray's."""

# A dead node is noticed after 11 s instead of 31 s (measured with three containers).
_HEALTH_CHECKS: Final = {
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}

# A head that is silent for so long is gone, and Ray's state with it; the worker ends, and joins the next one. Ray's default is a
# minute, for heads whose state outlives them.
_PATIENCE_WITH_HEAD: Final = {"RAY_gcs_rpc_server_reconnect_timeout_s": "20"}


def ray_arguments(settings: NodeSettings, address: str) -> list[str]:
    """Arguments of ``ray start`` with every port that others may need pinned."""
    own = node_ports(address)
    arguments = [
        f"--node-ip-address={address}",
        f"--object-manager-port={own.object_manager}",
        f"--node-manager-port={own.node_manager}",
        f"--dashboard-agent-grpc-port={own.agent_grpc}",
        f"--dashboard-agent-listen-port={own.agent_listen}",
        f"--runtime-env-agent-port={own.runtime_env_agent}",
        f"--metrics-export-port={own.metrics}",
        f"--num-cpus={settings.num_cpus}",
        f"--num-gpus={settings.num_gpus}",
        f"--resources={json.dumps(dict(settings.resources))}",
        "--labels=" + ",".join(f"{key}={value}" for key, value in _labels(settings).items()),
        "--disable-usage-stats",
        "--block",
    ]
    if own.worker_ports:
        arguments += [f"--min-worker-port={own.worker_ports[0]}", f"--max-worker-port={own.worker_ports[1]}"]
    if settings.memory_bytes:
        arguments.append(f"--memory={settings.memory_bytes}")
    if settings.object_store_bytes:
        arguments.append(f"--object-store-memory={_object_store(settings.object_store_bytes)}")
    if settings.role is Role.HEAD:
        return [
            "--head",
            f"--port={own.gcs}",
            f"--ray-client-server-port={ports.RAY_CLIENT}",
            f"--dashboard-host={address if is_shared(address) else '0.0.0.0'}",  # noqa: S104 - the ingress comes from outside
            f"--dashboard-port={ports.DASHBOARD}",
            f"--temp-dir={settings.ray_dir}",
            *arguments,
        ]
    return [f"--address={head_gcs(settings.head_address or '')}", f"--temp-dir={settings.ray_dir}", *arguments]


def ray_command(settings: NodeSettings, address: str) -> list[str]:
    """The whole command."""
    module = "airflow_provider_raydp_spcs.node.ray_start"
    return [sys.executable, "-m", module, "start", *ray_arguments(settings, address)]


def ray_environment(
    settings: NodeSettings, address: str, java_home: Path, jvm_options: str, base: Mapping[str, str]
) -> dict[str, str]:
    """The environment of Ray, and so of every driver, executor and JVM that Ray starts."""
    path = os.pathsep.join([str(Path(sys.executable).parent), str(java_home / "bin"), base.get("PATH", os.defpath)])
    return {
        **base,
        "PATH": path,
        "JAVA_HOME": str(java_home),
        "JDK_JAVA_OPTIONS": f"{base.get('JDK_JAVA_OPTIONS', '')} {jvm_options}".strip(),
        # Spark would otherwise ask the host name, which on a machine with several nodes is the same for all.
        "SPARK_LOCAL_IP": address,
        "RAYDP_RESULTS_DIR": str(settings.ray_dir / RESULTS),
        drivers.VARIABLE: str(settings.ray_dir / DRIVERS),
        VARIABLE: address,
        "RAY_USAGE_STATS_ENABLED": "0",
        # Else Ray decides by whether a token of its own happens to lie in the home folder, node by node. Who reaches these
        # ports is Snowflake's to say: its sign-in from outside, and the owner's role inside the account (reference 3.4).
        "RAY_AUTH_MODE": base.get("RAY_AUTH_MODE", "disabled"),
        "PYTHONUNBUFFERED": "1",
        **(_head_environment(settings, address, base) if settings.role is Role.HEAD else _PATIENCE_WITH_HEAD),
    }


def _head_environment(settings: NodeSettings, address: str, base: Mapping[str, str]) -> dict[str, str]:
    own = node_ports(address)
    return {
        **_HEALTH_CHECKS,
        places.FOLDER: str(settings.ray_dir / WARM),
        **dashboard_environment(base),
        "AUTOSCALER_METRIC_PORT": str(own.autoscaler_metrics),
        "DASHBOARD_METRIC_PORT": str(own.dashboard_metrics),
    }


def _labels(settings: NodeSettings) -> dict[str, str]:
    return {**settings.labels, "raydp-role": settings.role.value, "raydp-group": settings.group.lower()}


def _object_store(wanted: int) -> int:
    """What was asked for, but not more than /dev/shm really offers, for Ray would fall back to slow disk."""
    try:
        stat = os.statvfs(_SHM)
    except OSError:
        return wanted
    return max(MIN_OBJECT_STORE, min(wanted, int(stat.f_bavail * stat.f_frsize * _SHM_SHARE)))
