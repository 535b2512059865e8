"""What Prometheus is told of the Spark drivers: ``GET /spark-targets`` of the head's job files.

The form is that of Prometheus' HTTP service discovery. A driver has two servlets: one tells its own metrics, the other
those of its executors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from airflow_provider_raydp_spcs.runtime.drivers import alive
from airflow_provider_raydp_spcs.runtime.metrics import DRIVER_PATH, EXECUTORS_PATH

DRIVERS: Final = "spark-drivers"
"""The folder below Ray's."""
# Spark's servlet answers at its path with a redirection to the path with a slash.
_PARTS: Final = {"driver": f"{DRIVER_PATH}/", "executors": EXECUTORS_PATH}


def spark_targets(ray_dir: Path) -> list[dict[str, Any]]:
    """The drivers that are alive now."""
    return [
        {"targets": [driver.ui], "labels": {"__metrics_path__": path, "app": driver.name, "part": part}}
        for driver in alive(ray_dir / DRIVERS)
        for part, path in _PARTS.items()
    ]
