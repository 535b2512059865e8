"""The command line: which commands there are, and how a failure is told.

Commands hold no logic of their own; they read options, call the rooms below and print.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from airflow_provider_raydp_spcs import __version__
from airflow_provider_raydp_spcs.cli import (
    app_command,
    cluster_commands,
    demo_command,
    doctor_command,
    images_commands,
    job_commands,
    local_commands,
    logs_commands,
    reap_command,
    setup_command,
)
from airflow_provider_raydp_spcs.cli.exit_codes import MEANINGS, code_of
from airflow_provider_raydp_spcs.cli.output import explain


class _Group(TyperGroup):
    """Tells what went wrong in words, and with an exit code of its own (see ``cli.exit_codes``)."""

    def invoke(self, ctx: Any) -> Any:
        """See the base class."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if not explain(error):
                raise
            raise typer.Exit(int(code_of(error))) from error


app = typer.Typer(
    cls=_Group,
    name="raydp-spcs",
    help="Spark on Ray (RayDP) in Snowpark Container Services.",
    epilog="[bold]Exit codes[/]\n\n" + "\n\n".join(f"{int(code):>3}  {meaning}" for code, meaning in MEANINGS.items()),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(cluster_commands.app, name="cluster")
app.add_typer(images_commands.app, name="images")
app.add_typer(job_commands.app, name="job")
app.add_typer(logs_commands.app, name="logs")
app.add_typer(local_commands.app, name="local")
app.command(name="setup")(setup_command.setup)
app.command(name="doctor")(doctor_command.doctor)
app.command(name="demo")(demo_command.demo)
app.command(name="app")(app_command.app)
app.command(name="reap", hidden=True)(reap_command.reap)


@app.callback(invoke_without_command=True)
def _version(
    *,
    version: bool = typer.Option(False, "--version", help="Print the version and stop.", is_eager=True),
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
