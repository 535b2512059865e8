"""The command line: which commands there are, and how a failure is told.

Commands hold no logic of their own; they read options, call the rooms below and print.
"""

from __future__ import annotations

import sys

import typer

from airflow_provider_raydp_spcs import __version__
from airflow_provider_raydp_spcs.cli import app_command, demo_command, local_commands, reap_command
from airflow_provider_raydp_spcs.cli.output import explain

app = typer.Typer(
    name="raydp-spcs",
    help="Spark on Ray (RayDP) in Snowpark Container Services.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(local_commands.app, name="local")
app.command(name="demo")(demo_command.demo)
app.command(name="app")(app_command.app)
app.command(name="reap")(reap_command.reap)


@app.callback(invoke_without_command=True)
def _version(
    *,
    version: bool = typer.Option(False, "--version", help="Print the version and stop.", is_eager=True),
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def run() -> None:
    """Run the command line; what went wrong is told in words, and the exit code is 1."""
    try:
        app()
    except Exception as error:
        if not explain(error):
            raise
        sys.exit(1)
