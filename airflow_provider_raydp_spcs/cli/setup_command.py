"""``raydp-spcs setup``: run the shipped SQL that sets an account up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_raydp_spcs.cli.connections import ENVIRONMENT, Connection, Scope, open_snowflake
from airflow_provider_raydp_spcs.cli.output import Format, Output, answer, say

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.spcs.scripts import SetupNames, Step
    from airflow_provider_raydp_spcs.spcs.session import Session

ROLE, DATABASE, SCHEMA, WAREHOUSE = "RAYDP_SIS_ROLE", "RAYDP_SIS_DB", "RAYDP_SIS_CORE_SCHEMA", "RAYDP_SIS_XSW"
INTEGRATION = "RAYDP_ACCESS_INTEGRATION"
"""What the files make where nothing else is asked for."""


def setup(
    *,
    admin: Annotated[
        bool,
        typer.Option("--admin", help="Step 0 first: role, warehouse, database, schema and grants. Needs ACCOUNTADMIN."),
    ] = False,
    smoke_test: Annotated[
        bool, typer.Option("--smoke-test", help="Step 2 afterwards: run a pushed image on one small node, and drop it.")
    ] = False,
    teardown: Annotated[
        bool,
        typer.Option(
            "--teardown", help="Step 9 instead: drop all of it, clusters, logs and images too. Needs ACCOUNTADMIN."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the statements and run none.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a teardown.")] = False,
    role: Annotated[str, typer.Option(help="Name of the role.", rich_help_panel="Names")] = ROLE,
    database: Annotated[str, typer.Option(help="Name of the database.", rich_help_panel="Names")] = DATABASE,
    schema: Annotated[str, typer.Option(help="Name of the schema.", rich_help_panel="Names")] = SCHEMA,
    warehouse: Annotated[str, typer.Option(help="Name of the warehouse.", rich_help_panel="Names")] = WAREHOUSE,
    integration: Annotated[
        str, typer.Option(help="Name of the external access integration.", rich_help_panel="Names")
    ] = INTEGRATION,
    connection: Connection = ENVIRONMENT,
    output: Output = Format.TABLE,
) -> None:
    """Make what RayDP clusters need in the account: stages, image repository, lease table, integration. Safe to repeat."""
    del output
    from airflow_provider_raydp_spcs.cluster.doctor import setup as files
    from airflow_provider_raydp_spcs.spcs.scripts import SetupNames

    names = SetupNames(role, database, schema, warehouse, integration)
    if teardown:
        chosen = [files.TEARDOWN]
    else:
        chosen = [*([files.ADMIN] if admin else []), files.USER, *([files.SMOKE_TEST] if smoke_test else [])]
    planned = [(script, step) for script in chosen for step in _steps(script, names)]
    if dry_run:
        answer(
            [_plain(script, step) for script, step in planned],
            lambda: "\n\n".join(f"{step.statement};" for _, step in planned),
        )
        return
    if teardown and not yes:
        typer.confirm(
            f"Drop database {names.database} with all in it, every cluster of {names.role}, and the role?", abort=True
        )
    # Not with the role of the connection, which may be what is made here; every file begins with the role it needs.
    with open_snowflake(Scope(connection, role="PUBLIC")) as snowflake:
        done = [
            {**_plain(script, step), "result": _run(snowflake.client.session, script, step)} for script, step in planned
        ]
    answer(done, lambda: f"Done: {len(done)} statements of {', '.join(chosen)}.")


def _steps(script: str, names: SetupNames) -> list[Step]:
    from airflow_provider_raydp_spcs.shipped import shipped
    from airflow_provider_raydp_spcs.spcs.scripts import steps

    return list(steps(names.put_into((shipped("sql") / script).read_text())))


def _run(session: Session, script: str, step: Step) -> str:
    say(f"{script}: {step.title}")
    rows = session.execute(step.statement)
    result = _told(rows)
    say(f"  {result}")
    return result


def _told(rows: list[dict[str, Any]]) -> str:
    """The result of a statement in a line or so."""
    if len(rows) == 1 and len(rows[0]) == 1:
        return str(next(iter(rows[0].values())))
    shown = (
        "name",
        "container_name",
        "image_name",
        "tags",
        "status",
        "state",
        "message",
        "status_message",
        "ingress_url",
    )
    lines = [", ".join(f"{key} {row[key]}" for key in shown if row.get(key)) for row in rows]
    return "; ".join(line for line in lines if line) or "nothing"


def _plain(script: str, step: Step) -> dict[str, str]:
    return {"script": script, "statement": step.statement}
