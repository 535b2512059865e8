"""``raydp-spcs cluster scale|suspend|resume|delete``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_provider_raydp_spcs.cli.completion import complete_clusters, complete_groups, forget
from airflow_provider_raydp_spcs.cli.connections import Scope, Snowflake, connected
from airflow_provider_raydp_spcs.cli.durations import seconds
from airflow_provider_raydp_spcs.cli.exit_codes import UsageError
from airflow_provider_raydp_spcs.cli.output import answer, is_json, say
from airflow_provider_raydp_spcs.cli.progress import Bar, bar
from airflow_provider_raydp_spcs.cluster.target import DELETE_TIMEOUT, Target

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.status import ClusterStatus

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the cluster.", autocompletion=complete_clusters)]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is as asked for.")]
Timeout = Annotated[str, typer.Option(help="How long to wait.")]


@connected
def scale(
    scope: Scope,
    name: Name,
    count: Annotated[int, typer.Argument(metavar="COUNT", min=1, help="How many nodes it shall have.")],
    *,
    group: Annotated[str, typer.Option(help="Which worker group.", autocompletion=complete_groups)] = "worker",
    wait: Wait = True,
    timeout: Timeout = "20m",
) -> None:
    """Give a worker group another number of nodes."""
    from airflow_provider_raydp_spcs.cluster import power

    patience = seconds(timeout, "--timeout") or 0
    with scope.open() as snowflake:
        with bar(name.upper()) as shown:
            power.scale(snowflake.clusters, name, group, count, shown.tell)
            if wait:
                _wait(snowflake, name, Target.READY, time.time() + patience, shown)
        _tell(snowflake, name)


@connected
def suspend(scope: Scope, name: Name, *, wait: Wait = True, timeout: Timeout = "10m") -> None:
    """Release all nodes, so that it costs nothing; services, pools and addresses stay. What runs on it is lost."""
    from airflow_provider_raydp_spcs.cluster import power

    patience = seconds(timeout, "--timeout") or 0
    with scope.open() as snowflake:
        with bar(name.upper()) as shown:
            power.suspend(snowflake.clusters, name, shown.tell)
            if wait:
                _wait(snowflake, name, Target.SUSPENDED, time.time() + patience, shown)
        _tell(snowflake, name)


@connected
def resume(scope: Scope, name: Name, *, wait: Wait = True, timeout: Timeout = "20m") -> None:
    """Bring a suspended cluster back."""
    from airflow_provider_raydp_spcs.cluster import power

    patience = seconds(timeout, "--timeout") or 0
    with scope.open() as snowflake:
        with bar(name.upper()) as shown:
            power.resume(snowflake.clusters, name, shown.tell)
            if wait:
                _wait(snowflake, name, Target.READY, time.time() + patience, shown)
        _tell(snowflake, name)


@connected
def delete(
    scope: Scope,
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also where somebody holds a lease of it.")] = False,
    timeout: Timeout = f"{DELETE_TIMEOUT:.0f}s",
) -> None:
    """Drop every service and compute pool of a cluster. Where there is none, that is well too."""
    from airflow_provider_raydp_spcs.cluster.cost import cost_of
    from airflow_provider_raydp_spcs.cluster.leasing import check_unused

    patience = seconds(timeout, "--timeout") or 0
    with scope.open() as snowflake:
        clusters, name = snowflake.clusters, name.upper()
        services, pools = clusters.services(name), clusters.pools(name)
        cost = cost_of(pools)
        if services or pools:
            if not force:
                check_unused(snowflake.client, name)
            if not yes:
                _ask(f"Delete cluster {name} with {len(services)} services and {len(pools)} compute pools?")
        else:
            say(f"There is nothing of cluster {name}.")
        with bar(f"deleting {name}") as shown:
            deleted = clusters.delete(name, timeout=patience, progress=shown.tell)
    forget(name)
    if deleted.pools or deleted.services:
        say(f"Cluster {name} is deleted; {cost}.")
    answer({"name": name, "services": deleted.services, "pools": deleted.pools, "cost": cost.to_json()})


def _ask(question: str) -> None:
    if is_json() or not sys.stdin.isatty():
        msg = f"{question} Nobody can be asked here; say --yes"
        raise UsageError(msg)
    typer.confirm(question, abort=True, err=True)


def _wait(snowflake: Snowflake, name: str, target: Target, deadline: float, shown: Bar) -> None:
    def seen(status: ClusterStatus) -> None:
        arrived = sum(each.is_asleep if target is Target.SUSPENDED else each.is_up for each in status.services)
        shown.move(arrived, len(status.services))

    snowflake.clusters.wait_for(name, target, deadline=deadline, progress=shown.tell, seen=seen)


def _tell(snowflake: Snowflake, name: str) -> None:
    """Answer how the cluster is."""
    from airflow_provider_raydp_spcs.cli.cluster_view import clusters_table, look_json
    from airflow_provider_raydp_spcs.cluster.look import look_at

    look = look_at(snowflake.clusters, name)
    answer(look_json(look), lambda: clusters_table([look.summary]) if look.summary else None)
