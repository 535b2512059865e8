"""``raydp-spcs local``: the local Snowflake with SPCS, brought up, looked at and taken down."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from airflow_provider_raydp_spcs.cli.output import console

app = typer.Typer(help="The local Snowflake with Snowpark Container Services.", no_args_is_help=True)

Home = Annotated[
    Path | None,
    typer.Option(help="Folder of its state. Default: $RAYDP_SPCS_HOME, else the user's state folder."),
]


@app.command()
def up(
    home: Home = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    images: Annotated[
        Path | None, typer.Option(help="Folder of image folders with Dockerfiles. Default: the ones shipped.")
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option(
            help="How services run: process, or as containers by podman or docker, from images that were built and pushed. "
            "Default: as the last time, at first process."
        ),
    ] = None,
    provisioning_seconds: Annotated[
        float,
        typer.Option(
            min=0,
            max=3600,
            help="How long a compute pool's node, and a service's address, take to be there. On Snowflake: minutes.",
        ),
    ] = 0.0,
) -> None:
    """Start it in the background, or find it running."""
    from airflow_provider_raydp_spcs.local import daemon
    from airflow_provider_raydp_spcs.shipped import shipped

    server = daemon.up(
        home, port=port, images=images or shipped("images"), runtime=runtime, provisioning_seconds=provisioning_seconds
    )
    console.print(f"The local Snowflake answers at https://127.0.0.1:{server.port} (process {server.pid}).")
    console.print('Let your shell\'s clients use it:  eval "$(raydp-spcs local env)"')


@app.command()
def down(home: Home = None) -> None:
    """Stop it with everything that runs in it. Tables, stages and services stay on disk."""
    from airflow_provider_raydp_spcs.local import daemon

    console.print(daemon.down(home), markup=False)


@app.command()
def status(home: Home = None) -> None:
    """Say whether it runs, and where."""
    from airflow_provider_raydp_spcs.local import daemon

    server = daemon.status(home)
    console.print(f"The local Snowflake answers at https://127.0.0.1:{server.port} (process {server.pid}).")
    console.print(f"Its state lies in {server.home}. Services run by the runtime {server.runtime}.", markup=False)


@app.command()
def env(home: Home = None) -> None:
    """Print export lines with which unmodified clients use it (they hold its password: mind your shell history)."""
    from airflow_provider_raydp_spcs.local import daemon
    from airflow_provider_raydp_spcs.local.environment import client_environment

    for name, value in client_environment(daemon.status(home)).items():
        typer.echo(f"export {name}={shlex.quote(value)}")
