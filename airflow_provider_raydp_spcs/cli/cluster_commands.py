"""``raydp-spcs cluster``: looking at clusters. What makes and changes them is in the files beside this one."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from airflow_provider_raydp_spcs.cli import cluster_change_commands, cluster_create_command, reap_command
from airflow_provider_raydp_spcs.cli.completion import complete_clusters, complete_groups, remember
from airflow_provider_raydp_spcs.cli.connections import Scope, connected
from airflow_provider_raydp_spcs.cli.output import answer, say

app = typer.Typer(help="RayDP clusters: create, look at, change, delete.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the cluster.", autocompletion=complete_clusters)]

app.command(name="create")(cluster_create_command.create)


@app.command(name="list")
@connected
def list_clusters(scope: Scope) -> None:
    """All clusters of the schema: whose they are, how they are, what they cost."""
    from airflow_provider_raydp_spcs.cli.cluster_view import clusters_table
    from airflow_provider_raydp_spcs.cluster import listing

    with scope.open() as snowflake:
        found = listing.list_clusters(snowflake.client)
    remember(found, all_there_are=True)
    answer({"clusters": [each.to_json() for each in found]}, lambda: clusters_table(found))


@app.command()
@connected
def status(
    scope: Scope,
    name: Name,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C or its end.")
    ] = False,
    interval: Annotated[float, typer.Option(min=0.5, help="Seconds between looks.")] = 2.0,
) -> None:
    """One cluster closely: its services, pools, nodes, containers with their messages, and its cost."""
    from airflow_provider_raydp_spcs.cli.cluster_view import look_json, look_view
    from airflow_provider_raydp_spcs.cli.watching import watched
    from airflow_provider_raydp_spcs.cluster.look import look_at
    from airflow_provider_raydp_spcs.cluster.status import not_found

    with scope.open() as snowflake:
        clusters = snowflake.clusters
        look = look_at(clusters, name)
        if look.summary is None:
            raise not_found(name)
        remember([look.summary])
        if not watch:
            answer(look_json(look), lambda: look_view(look))
            return
        with watched() as show:
            while look.summary is not None:
                show(look_json(look), look_view(look))
                time.sleep(interval)
                look = look_at(clusters, name)
        say(f"cluster {name.upper()} is gone")


@app.command()
@connected
def urls(
    scope: Scope,
    name: Name,
    *,
    notebook_token: Annotated[
        bool, typer.Option("--notebook-token", help="Also show the token that opens the notebook. It is a password.")
    ] = False,
) -> None:
    """What can be opened of a cluster: dashboard, notebook, Grafana, its page in Snowsight."""
    from airflow_provider_raydp_spcs.cli.cluster_view import urls_table

    with scope.open() as snowflake:
        pages = snowflake.clusters.pages(name)
        if notebook_token:
            with snowflake.head(name).client() as client:
                pages["notebook token"] = client.notebook_token()
    if not pages:
        say("No endpoint has an address yet; wait until the cluster is ready: raydp-spcs cluster status " + name)
    token = {"notebook_token": pages["notebook token"]} if notebook_token else {}
    addresses = {key: value for key, value in pages.items() if key != "notebook token"}
    answer({"name": name.upper(), "urls": addresses, **token}, lambda: urls_table(pages))


@app.command()
@connected
def logs(
    scope: Scope,
    name: Name,
    *,
    group: Annotated[
        str | None, typer.Option(help="Only of this group: head, worker, …", autocompletion=complete_groups)
    ] = None,
    instance: Annotated[int | None, typer.Option(min=0, help="Only of this instance of each service.")] = None,
    container: Annotated[str | None, typer.Option(help="Only of containers of this name.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=100_000, help="How many of the last lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
) -> None:
    """What the containers wrote last. What jobs wrote is shown by 'raydp-spcs job logs'."""
    from airflow_provider_raydp_spcs.cli.log_printing import follow_containers, show_containers
    from airflow_provider_raydp_spcs.cluster.container_logs import sources

    with scope.open() as snowflake:
        meant = sources(snowflake.clusters, name, group=group, instance=instance, container=container)
        if follow:
            follow_containers(snowflake.client, meant, lines)
        else:
            show_containers(snowflake.client, meant, lines)


app.command()(cluster_change_commands.scale)
app.command()(cluster_change_commands.suspend)
app.command()(cluster_change_commands.resume)
app.command()(cluster_change_commands.delete)
app.command()(reap_command.reap)
