"""Names of a cluster's public endpoints. DAG files import this, so it costs next to nothing."""

from __future__ import annotations

from typing import Final

DASHBOARD: Final = "dashboard"
"""Ray's dashboard with the Jobs API."""
JOB_FILES: Final = "job-files"
"""The head's job files (``node.job_files``)."""
NOTEBOOK: Final = "notebook"
GRAFANA: Final = "grafana"
