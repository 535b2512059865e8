"""``raydp-spcs logs``: the exported logs on the stage."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from airflow_provider_raydp_spcs.cli.completion import complete_clusters
from airflow_provider_raydp_spcs.cli.connections import Scope, connected
from airflow_provider_raydp_spcs.cli.durations import seconds
from airflow_provider_raydp_spcs.cli.exit_codes import NotFoundError
from airflow_provider_raydp_spcs.cli.output import answer, say, table_of
from airflow_provider_raydp_spcs.cli.progress import bar

app = typer.Typer(help="Logs on the stage: put there, listed, fetched.", no_args_is_help=True)
Stage = Annotated[str, typer.Option(help="The stage of the logs.")]
Place = Annotated[
    str, typer.Argument(help="Folder or file on the stage, such as CLUSTER or CLUSTER/dag/run.", metavar="PATH")
]


@app.command()
@connected
def export(
    scope: Scope,
    cluster: Annotated[
        str, typer.Argument(metavar="CLUSTER", help="Name of the cluster.", autocompletion=complete_clusters)
    ],
    jobs: Annotated[
        list[str] | None, typer.Argument(metavar="JOB", help="Jobs whose logs are wanted. Default: all.")
    ] = None,
    *,
    run: Annotated[str | None, typer.Option(help="Name of the folder. Default: the time.")] = None,
    stage: Stage = "RAYDPLOGS",
) -> None:
    """Put the logs of drivers, executors and containers below @STAGE/CLUSTER/cli/RUN/.

    Of a cluster that is gone, or whose head does not answer, it is what the nodes had shipped while they ran.
    """
    from airflow_provider_raydp_spcs.cluster.logs import LogTarget, export_logs

    folder = run or dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    with scope.open() as snowflake:
        clusters = snowflake.clusters
        client = snowflake.head(cluster).client_if_it_answers(say)
        try:
            wanted = jobs if jobs or client is None else [each.submission_id for each in client.jobs()]
            target = LogTarget(stage, cluster, "cli", folder, "jobs", 1)
            with bar(f"logs of {cluster.upper()}") as shown:
                found = export_logs(snowflake.client, clusters, target, wanted or [], client, shown.tell)
        finally:
            if client is not None:
                client.close()
    for each in found.missing:
        say(f"not exported: {each}")
    say(f"Fetch them: raydp-spcs logs get {target.path.partition('/')[2]}")
    value = {"path": target.path, "files": list(found.files), "missing": list(found.missing)}
    answer(value, lambda: "\n".join(found.files))


@app.command()
@connected
def ls(scope: Scope, path: Place = "", *, stage: Stage = "RAYDPLOGS") -> None:
    """Files on the stage."""
    with scope.open() as snowflake:
        found = snowflake.client.stages.files(f"@{stage}/{path.strip('/')}")
    rows = [(each.path, f"{each.size:,}") for each in found]
    answer(
        {"stage": stage, "files": [{"path": each.path, "size": each.size, "md5": each.md5} for each in found]},
        lambda: table_of(("PATH", "BYTES"), rows, right=("BYTES",)) if rows else f"There is nothing at @{stage}/{path}",
    )


@app.command()
@connected
def prune(
    scope: Scope,
    cluster: Annotated[
        str | None, typer.Argument(metavar="CLUSTER", help="Name of a cluster. Default: all.", show_default=False)
    ] = None,
    *,
    keep: Annotated[str, typer.Option(help="How long to keep it after it was shipped last, such as 12h or 7d.")] = "7d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed.")] = False,
    stage: Stage = "RAYDPLOGS",
) -> None:
    """Remove what nodes shipped while they ran, from @STAGE/live/. Exported logs stay."""
    from airflow_provider_raydp_spcs.cluster.live_logs import remove_old

    length = dt.timedelta(seconds=seconds(keep, "--keep") or 0)
    with scope.open() as snowflake, bar("old logs") as shown:
        now = dt.datetime.now(dt.UTC)
        found = remove_old(
            snowflake.client, stage, length, now, cluster=cluster, only_tell=dry_run, progress=shown.tell
        )
    value = {
        "removed": not dry_run,
        "nodes": [{"path": each.path, "bytes": each.size, "last": each.last.isoformat()} for each in found],
    }
    rows = [(each.path, f"{each.size:,}", each.last.isoformat(timespec="seconds")) for each in found]
    answer(
        value,
        lambda: table_of(("PATH", "BYTES", "LAST"), rows, right=("BYTES",)) if rows else "There is nothing so old.",
    )


@app.command()
@connected
def get(
    scope: Scope,
    path: Place,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where to put them; folders of the stage are kept.")
    ] = Path("logs"),
    *,
    stage: Stage = "RAYDPLOGS",
) -> None:
    """Fetch files from the stage."""
    with scope.open() as snowflake:
        stages = snowflake.client.stages
        found = stages.files(f"@{stage}/{path.strip('/')}")
        if not found:
            msg = f"there is nothing at @{stage}/{path}; look with raydp-spcs logs ls"
            raise NotFoundError(msg)
        with bar("fetching") as shown:
            here = stages.get_tree(stage, found, folder, lambda done: shown.move(done, len(found)))
    say(f"{len(here)} files in {folder}")
    answer({"folder": str(folder), "files": [str(file) for file in here]}, lambda: "\n".join(map(str, here)))
