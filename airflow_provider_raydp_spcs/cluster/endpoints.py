"""Names of what a person or a client opens on a cluster. A file of its own, since every Airflow process reads them."""

from __future__ import annotations

from typing import Final

DASHBOARD: Final = "dashboard"
"""Ray's dashboard with the Jobs API."""
JOBS_API: Final = "jobs-api"
"""The Jobs API without the proxy that adds Grafana to the dashboard; only where the cluster has Grafana."""
JOB_FILES: Final = "job-files"
"""The head's job files (``node.job_files``)."""
NOTEBOOK: Final = "notebook"
GRAFANA: Final = "grafana"
SNOWSIGHT: Final = "snowsight"
"""Not an endpoint: the name that the head's page in Snowsight has beside them."""
