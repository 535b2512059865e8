"""What Airflow learns of this provider through the entry point ``apache_airflow_provider``."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Describe the provider as Airflow's ``provider_info.schema.json`` asks."""
    return {
        "package-name": "airflow-provider-raydp-spcs",
        "name": "RayDP on Snowpark Container Services",
        "description": "Spark on Ray (RayDP) inside Snowpark Container Services.",
    }
