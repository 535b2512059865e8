"""Grafana's dashboards for tests: their panels, and their queries as Grafana would send them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_raydp_spcs.node.ray_dashboards import ray_dashboards
from airflow_provider_raydp_spcs.shipped import shipped

OWN = "spark_on_ray"


@dataclass(frozen=True)
class Query:
    """One query of one panel.

    :param text: with every variable replaced as Grafana does where "All" is chosen.
    """

    dashboard: str
    panel: str
    ref: str
    text: str

    def __str__(self) -> str:
        return f"{self.dashboard} | {self.panel} | {self.ref}"


def dashboards() -> dict[str, dict[str, Any]]:
    """Name → dashboard, of all that the image of Grafana has: Ray's and ours."""
    own = shipped("images") / "grafana" / "dashboards"
    texts = {path.name: path.read_text() for path in own.glob("*.json")} | ray_dashboards()
    return {name.removesuffix(".json"): json.loads(text) for name, text in texts.items()}


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel, those in rows as well."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panels({"panels": panel.get("panels", ())})


def queries(name: str, dashboard: Mapping[str, Any], seconds: int) -> Iterator[Query]:
    """Every query of every panel.

    :param seconds: length of the time that is looked at.
    """
    values = {variable["name"]: value_of(variable) for variable in dashboard["templating"]["list"]}
    # A scrape every 5 s, as the datasource says: never less than four of them.
    values |= {"__rate_interval": "20s", "__interval": "5s", "__range": f"{seconds}s"}
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            yield Query(name, panel["title"], target["refId"], substituted(target["expr"], values))


def value_of(variable: Mapping[str, Any]) -> str:
    """A variable's value where "All" is chosen, or what it begins with."""
    if variable.get("includeAll"):
        options = [option["value"] for option in variable.get("options", ()) if option["value"] != "$__all"]
        return str(variable.get("allValue") or f"({'|'.join(options)})")
    return str(variable.get("current", {}).get("value", ""))


def substituted(text: str, values: Mapping[str, str]) -> str:
    """A text with its variables replaced.

    :raises KeyError: a variable that the dashboard does not have.
    """
    return re.sub(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))", lambda found: values[found[1] or found[2]], text)
