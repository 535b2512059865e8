"""What Airflow learns of this provider through the entry point ``apache_airflow_provider``."""

from __future__ import annotations

from typing import Any

_PACKAGE = "airflow_provider_raydp_spcs"
_NAME = "RayDP on Snowpark Container Services"


def get_provider_info() -> dict[str, Any]:
    """Describe the provider as Airflow's ``provider_info.schema.json`` asks."""
    return {
        "package-name": "airflow-provider-raydp-spcs",
        "name": _NAME,
        "description": "Spark on Ray (RayDP) inside Snowflake's Snowpark Container Services.",
        "integrations": [
            {
                "integration-name": _NAME,
                "external-doc-url": "https://docs.snowflake.com/en/developer-guide/snowpark-container-services/overview",
                "tags": ["service"],
            }
        ],
        "operators": [
            {
                "integration-name": _NAME,
                "python-modules": [
                    f"{_PACKAGE}.operators.{module}"
                    for module in ("create_cluster", "submit_job", "export_logs", "delete_cluster")
                ],
            }
        ],
        "sensors": [{"integration-name": _NAME, "python-modules": [f"{_PACKAGE}.sensors.ray_job"]}],
        "hooks": [
            {"integration-name": _NAME, "python-modules": [f"{_PACKAGE}.hooks.spcs", f"{_PACKAGE}.hooks.ray_jobs"]}
        ],
        "triggers": [{"integration-name": _NAME, "python-modules": [f"{_PACKAGE}.triggers.ray_job"]}],
    }
