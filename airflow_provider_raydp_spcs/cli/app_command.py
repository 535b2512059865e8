"""``raydp-spcs app``: the set-up app on one's own machine, or put into Snowflake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from airflow_provider_raydp_spcs.cli.connections import Scope, connected
from airflow_provider_raydp_spcs.cli.output import answer, say

SCOPE: Final = "RAYDP_SPCS_APP_SCOPE"
"""Environment variable of Streamlit's process: which connection, by name. Secrets stay where the connection has them."""
_THEME: Final = {"STREAMLIT_THEME_LIGHT_PRIMARY_COLOR": "#1A6CE7", "STREAMLIT_THEME_DARK_PRIMARY_COLOR": "#1A6CE7"}
"""Light or dark is the browser's choice. Streamlit versions that do not know these take their own colour."""


class AppPackagesMissingError(Exception):
    """Streamlit or Snowpark is not installed."""


@connected
def app(
    scope: Scope,
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8501,
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    deploy: Annotated[
        bool, typer.Option("--deploy", help="Put the app into Snowflake instead, or anew; it runs there as your role.")
    ] = False,
    name: Annotated[
        str, typer.Option(help="With --deploy: the app's name, [database.][schema.]name.")
    ] = "RAYDP_CLUSTERS",
    stage: Annotated[
        str, typer.Option(help="With --deploy: stage for its files; made where it is missing.")
    ] = "RAYDP_APP",
) -> None:
    """Open the set-up app in a browser: create, watch, scale, suspend and delete clusters by hand.

    It answers on 127.0.0.1 only, and asks nobody who they are: whoever can open it acts as your connection does.
    """
    if not deploy:
        raise typer.Exit(_serve(scope, port, headless=headless))
    from airflow_provider_raydp_spcs.streamlit import deployment

    with scope.open() as snowflake:
        made = deployment.deploy(snowflake.client, name, stage, progress=say)
    say(
        "It acts with the rights of your role, whoever opens it; let others in with: "
        f"GRANT USAGE ON STREAMLIT {made.name} TO ROLE <role>;"
    )
    answer(asdict(made), lambda: made.page or made.name)


def _serve(scope: Scope, port: int, *, headless: bool) -> int:
    """Run Streamlit until it is stopped; answer its exit code."""
    if missing := [package for package in ("streamlit", "snowflake.snowpark") if find_spec(package) is None]:
        msg = f"{' and '.join(missing)} is not installed; run: pip install 'airflow-provider-raydp-spcs[app]'"
        raise AppPackagesMissingError(msg)
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
    entry = Path(__file__).with_name("app_entry.py")
    environment = {**os.environ, **_THEME, SCOPE: json.dumps(asdict(scope))}
    return subprocess.call([sys.executable, "-m", "streamlit", "run", str(entry), *arguments], env=environment)
