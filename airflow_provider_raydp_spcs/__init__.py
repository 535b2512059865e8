"""Airflow provider that runs Spark-on-Ray (RayDP) jobs inside Snowpark Container Services."""

from __future__ import annotations

from airflow_provider_raydp_spcs.version import __version__

__all__ = ["__version__"]
