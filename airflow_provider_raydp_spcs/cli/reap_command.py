"""``raydp-spcs cluster reap``: delete clusters whose time is over."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Annotated

import typer

from airflow_provider_raydp_spcs.cli.connections import Scope, connected
from airflow_provider_raydp_spcs.cli.durations import seconds
from airflow_provider_raydp_spcs.cli.output import answer, say, table_of


@connected
def reap(
    scope: Scope,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    owner: Annotated[str | None, typer.Option(help="Only the clusters of this owner, such as a DAG's id.")] = None,
    max_age: Annotated[str | None, typer.Option(help="Also clusters older than this, such as 12h or 2d.")] = None,
) -> None:
    """Delete clusters of the connection's schema that have expired, and compute pools that lost their cluster."""
    from airflow_provider_raydp_spcs.cluster import reaper

    age = seconds(max_age, "--max-age")
    with scope.open() as snowflake:
        found = reaper.find_expired(
            snowflake.client,
            dt.datetime.now(dt.UTC),
            owner=owner,
            max_age=None if age is None else dt.timedelta(seconds=age),
        )
        say(f"Found {len(found)} to delete.")
        reaped = reaper.reap(snowflake.clusters, found, dry_run=dry_run, progress=say)
    rows = [(each.cluster, each.owner, each.reason) for each in reaped]
    answer(
        {"dry_run": dry_run, "reaped": [asdict(each) for each in reaped]},
        lambda: table_of(("CLUSTER", "OWNER", "REASON"), rows) if rows else None,
    )
