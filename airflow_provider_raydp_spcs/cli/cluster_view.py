"""What is shown of clusters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.cli.durations import words
from airflow_provider_raydp_spcs.cli.output import moment, number, table_of

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.listing import ClusterSummary
    from airflow_provider_raydp_spcs.cluster.look import Look


def clusters_table(summaries: Sequence[ClusterSummary]) -> Any:
    """One line per cluster; a text where there is none."""
    if not summaries:
        return "There are no clusters here. Create one: raydp-spcs cluster create NAME"
    now = dt.datetime.now(dt.UTC)
    columns = ("CLUSTER", "STATE", "OWNER", "NODES", "AGE", "EXPIRES", "CREDITS/H", "CREDITS")
    rows = [
        (
            each.name,
            each.state,
            each.owner,
            ", ".join(f"{pool.group.lower()} {pool.nodes}/{pool.wanted}" for pool in each.pools),
            each.created_on and words((now - each.created_on).total_seconds()),
            _left(each.expires_on, now),
            number(each.credits_per_hour),
            number(each.credits),
        )
        for each in summaries
    ]
    return table_of(columns, rows, right=("CREDITS/H", "CREDITS"))


def look_json(look: Look) -> dict[str, Any]:
    """A close look as plain values."""
    return {
        **(look.summary.to_json() if look.summary else {}),
        "ready": look.is_open,
        "failure": look.status.failure,
        "endpoints": look.pages,
        "containers": [
            {
                "group": group,
                "service": state.service.name,
                "instance": each.instance_id,
                "container": each.container_name,
                "status": str(each.status),
                "message": each.message,
                "restarts": each.restart_count,
                "last_exit_code": each.last_exit_code,
                "image": each.image_name,
            }
            for group, state in look.groups.items()
            for each in state.containers
        ],
    }


def look_view(look: Look) -> Any:
    """A close look for people: facts, services, containers."""
    from rich.console import Group
    from rich.text import Text

    summary = look.summary
    if summary is None:
        return ""
    facts = [
        ("state", str(summary.state)),
        ("owner", f"{summary.owner or '-'}{f' (run {summary.run})' if summary.run else ''}"),
        ("created", moment(summary.created_on) or "-"),
        ("expires", _expiry(summary.expires_on)),
        ("cost", _cost(summary)),
    ]
    head = Text.assemble((summary.name, "bold"), *(f"\n  {name:<8} {value}" for name, value in facts))
    if look.is_incomplete:
        head.append("\n  A creation or deletion of it stopped half-way: repeat it, or delete it.", style="yellow")
    pools = {pool.name: pool for pool in summary.pools}
    rows: list[tuple[Any, ...]] = []
    for group, state in look.groups.items():
        service, pool = state.service, pools.get(state.service.compute_pool)
        nodes = f"{pool.nodes}/{pool.wanted}" if pool else None
        instances = f"{service.current_instances}/{service.target_instances}"
        rows.append(
            (group.lower(), service.status, instances, pool and pool.instance_family, pool and pool.state, nodes)
        )
    used = {state.service.compute_pool for state in look.status.services}
    rows += [
        (pool.group.lower(), "no service", None, pool.instance_family, pool.state, f"{pool.nodes}/{pool.wanted}")
        for pool in summary.pools
        if pool.name not in used
    ]
    parts = [head, Text(), table_of(("GROUP", "SERVICE", "INSTANCES", "FAMILY", "POOL", "NODES"), rows)]
    containers = [
        (
            f"{group.lower()}/{each.instance_id or '?'}",
            each.container_name,
            each.status,
            each.restart_count,
            each.message,
        )
        for group, state in look.groups.items()
        for each in state.containers
    ]
    if containers:
        columns = ("INSTANCE", "CONTAINER", "STATUS", "RESTARTS", "MESSAGE")
        parts += [Text(), table_of(columns, containers, right=("RESTARTS",))]
    return Group(*parts)


def urls_table(pages: dict[str, str]) -> Any:
    """Addresses by name."""
    return table_of(("NAME", "ADDRESS"), list(pages.items()))


def _left(expires_on: dt.datetime | None, now: dt.datetime) -> str:
    if expires_on is None:
        return "never"
    return "over" if expires_on <= now else f"in {words((expires_on - now).total_seconds())}"


def _expiry(expires_on: dt.datetime | None) -> str:
    if expires_on is None:
        return "never"
    over = expires_on <= dt.datetime.now(dt.UTC)
    return f"{moment(expires_on)}{' - over: the next reaping deletes it' if over else ''}"


def _cost(summary: ClusterSummary) -> str:
    if summary.credits is None or summary.credits_per_hour is None:
        families = ", ".join(summary.cost.unpriced)
        return f"{number(summary.cost.credits, 4)} credits at most so far, without {families}: no rate is published"
    return f"{number(summary.credits_per_hour)} credits an hour, at most {number(summary.credits, 4)} so far"
