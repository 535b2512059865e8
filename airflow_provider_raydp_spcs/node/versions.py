"""What runs on a node, by version: clients compare it with their own before they send anything."""

from __future__ import annotations

import functools
import sys
from importlib import metadata

from airflow_provider_raydp_spcs.version import __version__


@functools.cache
def versions() -> dict[str, str | None]:
    """Of this package, Ray, RayDP, Spark, and the minor version of Python; None for what is not installed."""
    return {
        "package": __version__,
        "ray": _of("ray"),
        "raydp": _of("raydp"),
        "spark": _of("pyspark"),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }


def _of(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
