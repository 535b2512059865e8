"""The ports of one node.

In a container, which has its own network namespace, they are the pinned ones of
:mod:`airflow_provider_raydp_spcs.ports`. Where several nodes share a network namespace, each under its own loopback
address, Ray still binds some ports on *all* addresses, so that equal numbers collide. There each address gets a block
of ports of its own, computed from the address alone: every node can tell the ports of every other. What listens on a
node's own address only (dashboard, Ray Client, notebook, health, job files) has the pinned port everywhere.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.node.address import is_shared

# Between the last port on which Ray Client's proxy starts its servers and the first that the kernel hands out.
_FIRST, _LAST, _BLOCK = 24_000, 32_760, 9
_BLOCKS: Final = (_LAST - _FIRST) // _BLOCK


@dataclass(frozen=True)
class NodePorts:
    """Ports of one node; ``worker_ports`` is None where Ray shall take free ones."""

    gcs: int
    object_manager: int
    node_manager: int
    agent_grpc: int
    agent_listen: int
    metrics: int
    runtime_env_agent: int
    autoscaler_metrics: int
    dashboard_metrics: int
    worker_ports: tuple[int, int] | None


def node_ports(address: str) -> NodePorts:
    """The ports of the node at an address."""
    if not is_shared(address):
        return NodePorts(
            gcs=ports.GCS,
            object_manager=ports.OBJECT_MANAGER,
            node_manager=ports.NODE_MANAGER,
            agent_grpc=ports.DASHBOARD_AGENT_GRPC,
            agent_listen=ports.DASHBOARD_AGENT_LISTEN,
            metrics=ports.METRICS_EXPORT,
            runtime_env_agent=ports.RUNTIME_ENV_AGENT,
            autoscaler_metrics=ports.AUTOSCALER_METRICS,
            dashboard_metrics=ports.DASHBOARD_METRICS,
            worker_ports=ports.WORKER_PORTS,
        )
    first = _FIRST + _BLOCK * (int(ipaddress.ip_address(address)) % _BLOCKS)
    return NodePorts(*range(first, first + _BLOCK), worker_ports=None)  # type: ignore[misc]


def head_gcs(head_address: str) -> str:
    """``address:port`` of the head's GCS, from the ``name:port`` that the cluster was configured with."""
    host, _, port = head_address.rpartition(":")
    try:
        shared = is_shared(host)
    except ValueError:
        return head_address  # a DNS name: containers
    return f"{host}:{node_ports(host).gcs}" if shared else f"{host}:{port}"
