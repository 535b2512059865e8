"""What Airflow learns of this provider through the entry point ``apache_airflow_provider``."""

from __future__ import annotations

from typing import Any, Final

_PACKAGE: Final = "airflow_provider_raydp_spcs"
_NAME: Final = "RayDP on Snowpark Container Services"
_OPERATORS: Final = (
    "create_cluster",
    "delete_cluster",
    "export_logs",
    "reap_clusters",
    "resume_cluster",
    "scale_cluster",
    "submit_job",
    "suspend_cluster",
)
_LINKS: Final = ("RayDashboardLink", "RayJobLink", "GrafanaLink", "JupyterLink", "SnowsightLink")


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
        "operators": [_modules("operators", *_OPERATORS)],
        "sensors": [_modules("sensors", "ray_job", "cluster")],
        "hooks": [_modules("hooks", "spcs", "ray_jobs")],
        "triggers": [_modules("triggers", "ray_job", "cluster", "lease")],
        "task-decorators": [{"name": "raydp", "class-name": f"{_PACKAGE}.decorators.raydp.raydp_task"}],
        "extra-links": [f"{_PACKAGE}.links.raydp.{link}" for link in _LINKS],
        "connection-types": [_connection_type()],
        "config": {"raydp_spcs": _config()},
    }


def _modules(room: str, *names: str) -> dict[str, Any]:
    return {"integration-name": _NAME, "python-modules": [f"{_PACKAGE}.{room}.{name}" for name in names]}


def _connection_type() -> dict[str, Any]:
    """A connection whose form shows what this provider needs; a connection of the type ``snowflake`` does as well."""
    return {
        "connection-type": "raydp_spcs",
        "hook-class-name": f"{_PACKAGE}.hooks.spcs.SpcsHook",
        "hook-name": "Snowflake for RayDP (SPCS)",
        "ui-field-behaviour": {
            "hidden-fields": ["port"],
            "relabeling": {"login": "User", "schema": "Schema"},
            "placeholders": {"host": "only for a local Snowflake; empty for a real account"},
        },
        "conn-fields": {
            name: {"label": label, "schema": {"type": ["string", "null"], **extra}}
            for name, label, extra in (
                ("account", "Account (organisation-account)", {}),
                ("role", "Role", {}),
                ("database", "Database", {}),
                ("warehouse", "Warehouse", {}),
                ("authenticator", "Authenticator, such as PROGRAMMATIC_ACCESS_TOKEN", {}),
                ("private_key_content", "Private key (PEM)", {"format": "password"}),
            )
        },
    }


def _config() -> dict[str, Any]:
    return {
        "description": "Waiting for clusters and jobs. Seconds throughout; an operator's own parameter wins.",
        "options": {
            "job_poll_interval": _seconds("Between looks at a job that a task waits for in its worker.", 1.0),
            "deferred_poll_interval": _seconds("Between looks in the triggerer, shared by all that wait.", 5.0),
        },
    }


def _seconds(description: str, default: float) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": "float",
        "example": None,
        "default": str(default),
    }
