"""``raydp-spcs cluster create``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_raydp_spcs.cli.asked import cluster_config, pairs
from airflow_provider_raydp_spcs.cli.completion import complete_clusters, complete_families, remember
from airflow_provider_raydp_spcs.cli.connections import Scope, Snowflake, connected
from airflow_provider_raydp_spcs.cli.durations import seconds
from airflow_provider_raydp_spcs.cli.output import answer, say
from airflow_provider_raydp_spcs.cli.progress import Bar, bar

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
    from airflow_provider_raydp_spcs.cluster.status import ClusterStatus

NODES, REACH, LIFE = "Nodes", "Surroundings", "Life time"


@connected
def create(
    scope: Scope,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the cluster.", autocompletion=complete_clusters)],
    *,
    config: Annotated[
        Path | None, typer.Option(help="YAML or JSON file with the cluster's configuration; options win over it.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Nodes of the group 'worker'. Default: 2.", rich_help_panel=NODES)
    ] = None,
    worker_family: Annotated[
        str | None,
        typer.Option(help="Its instance family.", autocompletion=complete_families, rich_help_panel=NODES),
    ] = None,
    worker_memory: Annotated[
        str | None, typer.Option(help="Memory of each, such as 10Gi. Default: most of it.", rich_help_panel=NODES)
    ] = None,
    worker_group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE,…",
            help="Another group, such as name=gpu, family=GPU_NV_S, count=1, memory=20Gi, env.KEY=V, "
            "resources.custom_worker=1; may be repeated.",
            rich_help_panel=NODES,
        ),
    ] = None,
    head_family: Annotated[
        str | None,
        typer.Option(help="Instance family of the head.", autocompletion=complete_families, rich_help_panel=NODES),
    ] = None,
    head_memory: Annotated[str | None, typer.Option(help="Memory of the head.", rich_help_panel=NODES)] = None,
    head_cpus: Annotated[
        int | None, typer.Option(min=0, help="CPUs of the head that Ray hands out. Default: 0.", rich_help_panel=NODES)
    ] = None,
    monitoring: Annotated[
        bool | None, typer.Option("--monitoring/--no-monitoring", help="Prometheus and Grafana beside the head.")
    ] = None,
    notebook: Annotated[bool | None, typer.Option("--notebook/--no-notebook", help="Jupyter Lab on the head.")] = None,
    query_warehouse: Annotated[
        str | None, typer.Option(help="Warehouse of the services' own queries.", rich_help_panel=REACH)
    ] = None,
    eai: Annotated[
        list[str] | None, typer.Option(help="External access integration; may be repeated.", rich_help_panel=REACH)
    ] = None,
    image_tag: Annotated[str | None, typer.Option(help="Version of the images.", rich_help_panel=REACH)] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Snowflake tag NAME=VALUE; may be repeated.", rich_help_panel=REACH)
    ] = None,
    max_life: Annotated[
        str | None, typer.Option(help="Age at which it is deleted, such as 8h or 2d.", rich_help_panel=LIFE)
    ] = None,
    max_idle: Annotated[
        str | None,
        typer.Option(help="Time without a job, such as 30m, after which --idle-action.", rich_help_panel=LIFE),
    ] = None,
    idle_action: Annotated[str | None, typer.Option(help="suspend or drop.", rich_help_panel=LIFE)] = None,
    auto_suspend: Annotated[
        str | None, typer.Option(help="Idle time after which its pools release nodes.", rich_help_panel=LIFE)
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Whose it is. Default: the Snowflake user.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is ready.")] = True,
    timeout: Annotated[str, typer.Option(help="How long to wait.")] = "20m",
    roll_back: Annotated[
        bool, typer.Option("--roll-back", help="Delete what was made where it does not become ready.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only print the statements with their specifications; needs no connection."),
    ] = False,
) -> None:
    """Create a cluster and wait until it is ready. May be repeated: what is there is used, or altered if you made it."""
    options = {
        "monitoring": monitoring,
        "notebook": notebook,
        "query_warehouse": query_warehouse,
        "external_access_integrations": eai or None,
        "image_tag": image_tag,
        "tags": pairs(tag, "--tag") if tag else None,
        "max_life_seconds": seconds(max_life, "--max-life"),
        "max_idle_seconds": seconds(max_idle, "--max-idle"),
        "idle_action": idle_action,
        "auto_suspend_secs": seconds(auto_suspend, "--auto-suspend"),
    }
    head = {"instance_family": head_family, "memory": head_memory, "num_cpus": head_cpus}
    worker = {"count": workers, "instance_family": worker_family, "memory": worker_memory}
    wanted = cluster_config(name, config, options, head, worker, worker_group or [])
    patience = seconds(timeout, "--timeout") or 0
    if dry_run:
        _preview(wanted, scope)
        return
    with scope.open() as snowflake:
        who = owner if owner is not None else snowflake.client.current_user_and_role()[0]
        with bar(f"{wanted.name}") as shown:
            snowflake.clusters.create(wanted, owner=who, progress=shown.tell)
            if wait:
                _wait(snowflake, wanted, time.time() + patience, shown, who if roll_back else None)
        _conclude(snowflake, wanted.name)


def _preview(config: ClusterConfig, scope: Scope) -> None:
    from airflow_provider_raydp_spcs.cluster.preview import statements

    found = statements(config, scope.database, scope.schema)
    answer({"config": config.to_mapping(), "statements": found}, lambda: "\n\n".join(found))


def _wait(snowflake: Snowflake, config: ClusterConfig, deadline: float, shown: Bar, owner: str | None) -> None:
    """Wait; where it fails, tell the last words, and take everything back if ``owner`` is given."""
    from airflow_provider_raydp_spcs.cluster.wholeness import check_whole

    clusters, name = snowflake.clusters, config.name

    def seen(status: ClusterStatus) -> None:
        shown.move(sum(each.is_up for each in status.services), len(status.services))

    try:
        clusters.wait_for(name, deadline=deadline, progress=shown.tell, seen=seen)
        check_whole(clusters, config)
    except KeyboardInterrupt:
        shown.tell(
            f"Cluster {name} goes on coming up. raydp-spcs cluster status {name} shows it, … delete {name} ends it."
        )
        raise
    except Exception:
        for line in clusters.last_words(name):
            shown.tell(line)
        if owner is None:
            shown.tell(f"It is still there, and costs: raydp-spcs cluster delete {name}")
        else:
            clusters.take_back(name, owner, "", shown.tell)
        raise


def _conclude(snowflake: Snowflake, name: str) -> None:
    from airflow_provider_raydp_spcs.cli.cluster_view import look_json, urls_table
    from airflow_provider_raydp_spcs.cluster.look import look_at

    look = look_at(snowflake.clusters, name)
    if look.summary is not None:
        remember([look.summary])
    say(f"Cluster {name} is {'ready' if look.is_open else 'asked for'}.")

    def table() -> Any:
        return urls_table(look.pages) if look.pages else None

    answer(look_json(look), table)
