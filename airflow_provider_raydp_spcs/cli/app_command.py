"""``raydp-spcs app``: the set-up app on one's own machine, or put into Snowflake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from airflow_provider_raydp_spcs.cli.connections import ENVIRONMENT, open_client
from airflow_provider_raydp_spcs.cli.output import console

_THEME: Final = {"STREAMLIT_THEME_LIGHT_PRIMARY_COLOR": "#1A6CE7", "STREAMLIT_THEME_DARK_PRIMARY_COLOR": "#1A6CE7"}
"""Light or dark is the browser's choice. Streamlit versions that do not know these take their own colour."""


class AppPackagesMissingError(Exception):
    """Streamlit or Snowpark is not installed."""


def app(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8501,
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    deploy: Annotated[bool, typer.Option("--deploy", help="Put the app into Snowflake instead, or anew.")] = False,
    name: Annotated[
        str, typer.Option(help="With --deploy: the app's name, [database.][schema.]name.")
    ] = "RAYDP_CLUSTERS",
    stage: Annotated[
        str, typer.Option(help="With --deploy: stage for its files; made where it is missing.")
    ] = "RAYDP_APP",
    warehouse: Annotated[
        str | None, typer.Option(help="With --deploy: runs the app. Default: the connection's warehouse.")
    ] = None,
    connection: Annotated[
        str,
        typer.Option(
            "--connection", "-c", help="Name in your connections.toml, or env: the variables of 'raydp-spcs local env'."
        ),
    ] = ENVIRONMENT,
) -> None:
    """Open the set-up app in a browser: create, watch, scale, suspend and delete clusters by hand."""
    if deploy:
        from airflow_provider_raydp_spcs.streamlit.deployment import deploy as deploy_app

        with open_client(connection) as client:
            made = deploy_app(client, name, stage, warehouse, progress=lambda line: console.print(line, markup=False))
            console.print(f"Open it in Snowsight: {made.page or 'Projects, Streamlit'}", markup=False)
    else:
        raise typer.Exit(_serve(port, connection, headless=headless))


def _serve(port: int, connection: str, *, headless: bool) -> int:
    """Run Streamlit until it is stopped; answer its exit code."""
    from importlib.util import find_spec

    from airflow_provider_raydp_spcs import streamlit as room

    missing = [package for package in ("streamlit", "snowflake.snowpark") if find_spec(package) is None]
    if missing:
        msg = f"{' and '.join(missing)} is not installed; run: pip install 'airflow-provider-raydp-spcs[app]'"
        raise AppPackagesMissingError(msg)
    entry = Path(room.__file__).with_name("sis.py")
    options = {
        "server.address": "127.0.0.1",
        "server.port": port,
        "server.headless": str(headless).lower(),
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
    }
    arguments = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    # Which connection goes by the environment; secrets are in the connection's own place, never among arguments.
    environment = {
        **os.environ,
        **_THEME,
        **({} if connection == ENVIRONMENT else {"RAYDP_SPCS_APP_CONNECTION": connection}),
    }
    return subprocess.call([sys.executable, "-m", "streamlit", "run", str(entry), *arguments], env=environment)
