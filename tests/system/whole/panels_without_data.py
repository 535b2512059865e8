"""The panels that have nothing to show for the monitored job, and why."""

from __future__ import annotations

from tests.grafana import Query

DASHBOARDS = {
    "ray_serve": "no application of Ray Serve runs",
    "ray_serve_deployment": "no application of Ray Serve runs",
    "ray_serve_llm": "no language model is served",
    "ray_serve_llm_sglang": "no language model is served",
    "ray_data_llm": "no language model is used",
    "ray_train": "no training by Ray Train runs",
}
"""Whole dashboards."""
PANELS: dict[tuple[str, str], str] = {}
"""Dashboard and beginning of a panel's title."""


def reason(query: Query) -> str | None:
    """Why a query gives nothing; None where it should."""
    whole = DASHBOARDS.get(query.dashboard)
    parts = (why for (name, title), why in PANELS.items() if name == query.dashboard and query.panel.startswith(title))
    return whole or next(parts, None)
