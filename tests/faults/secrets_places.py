"""Where secrets are looked for: what an account shows, and what a whole Airflow and its local Snowflake have written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psutil

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.local.paths import Paths
from airflow_provider_raydp_spcs.local.security.sign_in import HINT
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.faults.secrets_search import SecretsSearch
from tests.faults.suite import Suite
from tests.system.live.real_airflow import RealAirflow

PASSWORD: Final = "password"
LARGE: Final = 512 * 1024 * 1024
"""Only jobs that print without an end write such files."""


def search_account(search: SecretsSearch, environment: Mapping[str, str]) -> None:
    """Services, their specifications and logs, events, and what else everybody may be shown."""
    with connect(dict(environment)) as connection:
        session = ConnectorSession(connection)
        for row in session.execute("SHOW SERVICES"):
            search.values(f"service {row['name']}", row)
            search.values(f"specification of {row['name']}", session.execute(f"DESCRIBE SERVICE {row['name']}"))
            for container in session.execute(f"SHOW SERVICE CONTAINERS IN SERVICE {row['name']}"):
                text = session.execute(
                    f"SELECT SYSTEM$GET_SERVICE_LOGS('{row['name']}', '0', '{container['container_name']}') AS LOG"
                )
                search.values(f"log of {row['name']}", text)
        search.values("events", session.execute("SELECT * FROM SNOWFLAKE.TELEMETRY.EVENTS"))
        for statement in ("SHOW USERS", "SHOW COMPUTE POOLS", "SHOW STAGES", "SHOW PARAMETERS"):
            search.values(statement, session.execute(statement))


def search_airflow(suite: Suite, airflow: RealAirflow, canary: str) -> SecretsSearch:
    """Everything that an Airflow and the local Snowflake that it uses have left so far.

    Of the Airflow: its database, with XComs, rendered fields, events and connections, the logs of tasks and components. Of
    the local Snowflake: exported logs and everything else on its stages, logs, specifications. Temporary files of both. Every
    process' arguments, and the environments of all but those that were given the connection in it.

    :param canary: a text that must be found, for else the search looks at nothing.
    """
    paths = Paths(suite.home)
    # The user's own clients read the password there.
    given = (paths.security, suite.home / "client")
    search = SecretsSearch(
        {PASSWORD: suite.environment["SNOWFLAKE_PASSWORD"], "token of a session": HINT, "canary": canary},
        lambda name, file: name == PASSWORD and any(file.is_relative_to(each) for each in given),
    )
    elsewhere = {suite.home, airflow.home, paths.scratch}
    temporary = [path for path in Path(tempfile.gettempdir()).iterdir() if not path.name.startswith("pytest-of-")]
    others = {path for path in temporary if Paths(path).security.is_dir()} - elsewhere  # other rows' local Snowflakes
    search.folders(
        *elsewhere, *(path for path in temporary if path.is_dir()), skip=lambda path: path in others or _is_large(path)
    )
    for path in temporary:
        search.file(path)
    own = {os.getpid(), *(each.pid for each in psutil.Process().parents())}
    search.processes(may_have=lambda process: process.pid in own or _is_of(airflow, process))
    search_account(search, suite.environment)
    return search


def _is_large(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > LARGE


def _is_of(airflow: RealAirflow, process: psutil.Process) -> bool:
    return process.environ().get("AIRFLOW_HOME") == str(airflow.home)
