"""How a node's memory is shared out: the container's request, the object store in ``/dev/shm``, and Ray's own pool.

A memory volume counts in its container's memory (SPCS reference 8.2, point 6), so the object store is part of the
request, and what is left over must hold the processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from airflow_provider_raydp_spcs.cluster.config import NodeConfig
from airflow_provider_raydp_spcs.spcs.specification_rules import memory_bytes

MIB: Final = 1024**2
REQUEST_SHARE: Final = 0.9
"""Of a node's memory; stage volumes run sidecars beside the container, with half a GiB each (reference 3.3)."""
SIDECAR_BYTES: Final = 512 * MIB
SHM_SHARE: Final = 0.3
"""Of the container's memory; Snowflake's own library mounts as much (reference 1.6)."""
OBJECT_STORE_OF_SHM: Final = 0.95
SYSTEM_BYTES: Final = 1024 * MIB
"""Left to Ray's own processes (raylet, agents, and on the head GCS and dashboard)."""


@dataclass(frozen=True)
class NodeSize:
    """Bytes of a node, by use.

    :param request: of the container, object store included.
    :param shm: size of ``/dev/shm``.
    :param object_store: Ray's object store, a little less.
    :param work: what Ray hands out as ``memory``: tasks, actors, Spark executors.
    """

    request: int
    shm: int
    object_store: int
    work: int

    @property
    def request_text(self) -> str:
        """For the specification."""
        return f"{self.request // MIB}Mi"

    @property
    def shm_text(self) -> str:
        """For the specification."""
        return f"{self.shm // MIB}Mi"


def size_node(node: NodeConfig, stage_volumes: int) -> NodeSize:
    """Share out a node's memory.

    :param stage_volumes: how many of them are mounted; each has a sidecar.
    """
    family = node.family.memory_bytes
    if node.memory is None:
        request = min(int(family * REQUEST_SHARE), family - stage_volumes * SIDECAR_BYTES)
    else:
        request = memory_bytes(node.memory)
    request -= request % MIB
    shm = int(request * SHM_SHARE) // MIB * MIB
    store = int(shm * OBJECT_STORE_OF_SHM)
    work = max(512 * MIB, request - shm - SYSTEM_BYTES)
    return NodeSize(request, shm, store, work)
