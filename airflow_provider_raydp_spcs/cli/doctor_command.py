"""``raydp-spcs doctor``: what is wrong with the account, the connection or this machine, and what mends it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_raydp_spcs.cli.connections import ENVIRONMENT, Connection, Scope, open_snowflake
from airflow_provider_raydp_spcs.cli.output import Format, Output, answer
from airflow_provider_raydp_spcs.cli.setup_command import DATABASE, INTEGRATION, ROLE, SCHEMA, WAREHOUSE

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.doctor.findings import Finding, HeadAnswer, Probe
    from airflow_provider_raydp_spcs.spcs.ingress import IngressTokens
    from airflow_provider_raydp_spcs.spcs.scripts import SetupNames

TIMEOUT_SECONDS = 20.0
_COLOURS = {"ok": "green", "warning": "yellow", "error": "bold red"}


def doctor(
    *,
    role: Annotated[str, typer.Option(help="The role that the set-up made.", rich_help_panel="Names")] = ROLE,
    database: Annotated[str, typer.Option(help="Its database.", rich_help_panel="Names")] = DATABASE,
    schema: Annotated[str, typer.Option(help="Its schema.", rich_help_panel="Names")] = SCHEMA,
    warehouse: Annotated[str, typer.Option(help="Its warehouse.", rich_help_panel="Names")] = WAREHOUSE,
    integration: Annotated[str, typer.Option(help="Its integration.", rich_help_panel="Names")] = INTEGRATION,
    local: Annotated[
        bool, typer.Option("--local", help="This machine as well: can it run the local Snowflake and the demo?")
    ] = False,
    connection: Connection = ENVIRONMENT,
    output: Output = Format.TABLE,
) -> None:
    """Look whether clusters can be made and used. The exit code is 0 where nothing is wrong, and 1 where something is."""
    del output
    from airflow_provider_raydp_spcs.cluster.doctor.examination import is_healthy
    from airflow_provider_raydp_spcs.spcs.scripts import SetupNames

    names = SetupNames(role, database, schema, warehouse, integration)
    found = list(_of_account(connection, names))
    if local:
        from airflow_provider_raydp_spcs.cli.doctor_machine import examine_machine

        found += examine_machine()
    healthy = is_healthy(found)
    answer({"healthy": healthy, "findings": [_plain(each) for each in found]}, lambda: _shown(found, healthy=healthy))
    if not healthy:
        raise typer.Exit(1)


def _of_account(connection: str, names: SetupNames) -> Iterator[Finding]:
    from airflow_provider_raydp_spcs.cluster.doctor.examination import examine
    from airflow_provider_raydp_spcs.cluster.doctor.signing_in import explain
    from airflow_provider_raydp_spcs.spcs.errors import SpcsError

    try:
        with open_snowflake(Scope(connection)) as snowflake:
            yield from examine(snowflake.client, names, _probe(snowflake.tokens))
    except SpcsError as failure:
        yield explain(failure, connection, names.role)


def _probe(tokens: Any) -> Probe:
    """Asks public endpoints as the jobs' client does."""
    import ssl

    import httpx

    from airflow_provider_raydp_spcs.cluster.doctor.findings import HeadAnswer
    from airflow_provider_raydp_spcs.spcs.errors import SpcsError

    def ask(address: str) -> HeadAnswer:
        trusted = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
        try:
            signed: IngressTokens = tokens()
            headers = signed.headers()
            reply = httpx.get(address, headers=headers, verify=trusted, timeout=TIMEOUT_SECONDS, follow_redirects=False)
        except (httpx.HTTPError, SpcsError) as error:
            return HeadAnswer(0, f"{type(error).__name__}: {error}")
        return HeadAnswer(reply.status_code, reply.text)

    return ask


def _plain(finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "severity": finding.severity.value,
        "what": finding.what,
        "mend": finding.mend,
        "by": finding.by.value if finding.mend else "",
    }


def _shown(findings: list[Finding], *, healthy: bool) -> Any:
    from rich.text import Text

    shown = Text()
    for finding in findings:
        shown.append(f"{finding.severity.value:8}", style=_COLOURS[finding.severity.value])
        shown.append(f"{finding.check}: {finding.what}\n")
        if finding.mend:
            shown.append(f"        to mend it, {finding.by.value}:\n", style="dim")
            for line in finding.mend.splitlines():
                shown.append(f"          {line}\n", style="cyan")
    wrong = sum(finding.severity.value == "error" for finding in findings)
    shown.append("Clusters can be made and used." if healthy else f"{wrong} things are wrong.")
    return shown
