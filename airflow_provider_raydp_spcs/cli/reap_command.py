"""``raydp-spcs reap``: delete clusters whose time is over."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from airflow_provider_raydp_spcs.cli.connections import ENVIRONMENT, open_client
from airflow_provider_raydp_spcs.cli.output import console


def reap(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    owner: Annotated[str | None, typer.Option(help="Only the clusters of this owner, such as a DAG's id.")] = None,
    connection: Annotated[
        str, typer.Option(help="Name in your connections.toml, or env: the variables of 'raydp-spcs local env'.")
    ] = ENVIRONMENT,
) -> None:
    """Delete clusters of the connection's schema that have expired, and compute pools that lost their cluster."""
    from airflow_provider_raydp_spcs.cluster import reaper
    from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters

    with open_client(connection) as client:
        found = reaper.find_expired(client, dt.datetime.now(dt.UTC), owner=owner)
        console.print(f"Found {len(found)} to delete.")
        reaper.reap(Clusters(client), found, dry_run=dry_run, progress=lambda line: console.print(line, markup=False))
