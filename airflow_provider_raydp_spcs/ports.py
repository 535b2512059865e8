"""The ports of a RayDP cluster: pinned here, declared as endpoints by ``cluster``, opened by ``node`` and ``runtime``.

Between service instances only declared ports are reachable (SPCS reference 8.2, points 1 and 2), so nothing in the
cluster may listen on a port that is not named here. The numbers follow the layout that earlier Ray set-ups on
Snowpark Container Services use (reference 8.1).
"""

from __future__ import annotations

from typing import Final

GCS: Final = 6379
DASHBOARD: Final = 8265
RAY_CLIENT: Final = 10001
OBJECT_MANAGER: Final = 8076
NODE_MANAGER: Final = 8077
RUNTIME_ENV_AGENT: Final = 8078
DASHBOARD_AGENT_GRPC: Final = 8079
DASHBOARD_AGENT_LISTEN: Final = 8081
METRICS_EXPORT: Final = 8082
AUTOSCALER_METRICS: Final = 8083
DASHBOARD_METRICS: Final = 8084
"""Where Ray's nodes, and on the head its autoscaler and its dashboard, tell their metrics."""
HEALTH: Final = 8090
"""HTTP port of the node's own readiness answer (``GET /ready``)."""
JOB_FILES: Final = 8091
"""HTTP port of the head's job files: growing logs from any position, and results."""
DASHBOARD_PROXY: Final = 8092
"""HTTP port under which the head serves Ray's dashboard together with Grafana."""
LOGS: Final = 8093
"""HTTP port under which a node takes the head's orders about its logs."""

WORKER_PORTS: Final = (10002, 19999)
"""First and last port of Ray's worker processes."""

SPARK_DRIVER: Final = 7078
SPARK_BLOCK_MANAGER: Final = 7100
SPARK_UI: Final = 4040
SPARK_PORT_RETRIES: Final = 99
"""How many ports above the pinned one Spark may try: several drivers and executors share one node."""

EPHEMERAL: Final = (32768, 60999)
"""Ports that the kernel hands out; RayDP's app master and Py4J use them."""

NOTEBOOK: Final = 8888
PROMETHEUS: Final = 9090
GRAFANA: Final = 3000
