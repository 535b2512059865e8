"""The queries that have nothing to show for the monitored job, and why."""

from __future__ import annotations

from tests.grafana import Query

GPU = "no node has a GPU"
REASONS = {
    "ray_serve |": "no application of Ray Serve runs",
    "ray_serve_deployment |": "no application of Ray Serve runs",
    "ray_serve_llm |": "no language model is served",
    "ray_serve_llm_sglang |": "no language model is served",
    "ray_data_llm |": "no language model is used",
    "ray_train |": "no training by Ray Train runs",
}
"""Beginning of ``dashboard | panel | query`` → reason."""


def reason(query: Query) -> str | None:
    """Why a query gives nothing; None where it should."""
    return next((why for beginning, why in REASONS.items() if str(query).startswith(beginning)), None)
