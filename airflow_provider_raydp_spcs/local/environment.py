"""What unmodified clients need to use the local Snowflake."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_raydp_spcs.local.errors import LocalSnowflakeError
from airflow_provider_raydp_spcs.local.paths import Paths
from airflow_provider_raydp_spcs.local.security import passwords
from airflow_provider_raydp_spcs.local.security.certificates import certificates, write_private
from airflow_provider_raydp_spcs.local.security.sign_in import ACCOUNT, CREDENTIALS, USER, kept_password
from airflow_provider_raydp_spcs.local.security.users import KIND
from airflow_provider_raydp_spcs.local.store import Store

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.daemon import RunningServer

# What the set-up SQL makes.
ROLE, DATABASE, SCHEMA, WAREHOUSE = "RAYDP_SIS_ROLE", "RAYDP_SIS_DB", "RAYDP_SIS_CORE_SCHEMA", "RAYDP_SIS_XSW"


class UnknownPasswordError(LocalSnowflakeError):
    """The first user's password was changed, and only a hash of the new one is kept."""


def client_environment(server: RunningServer) -> dict[str, str]:
    """Environment variables for clients; they hold the password.

    The connector's own configuration file is written beside them, readable by its owner only.

    :raises UnknownPasswordError: nobody says the password that the first user has now.
    """
    paths = Paths(server.home)
    password = _password(paths)
    bundle = str(certificates(paths.security).bundle)
    values = {
        "account": ACCOUNT,
        "user": USER,
        "password": password,
        "host": "127.0.0.1",
        "port": str(server.port),
        "role": ROLE,
        "database": DATABASE,
        "schema": SCHEMA,
        "warehouse": WAREHOUSE,
    }
    home = paths.home / "client"
    home.mkdir(mode=0o700, exist_ok=True)
    _write_connections(home, values)
    airflow = {
        "conn_type": "snowflake",
        "login": USER,
        "password": password,
        "schema": SCHEMA,
        "extra": {
            key: int(value) if key == "port" else value
            for key, value in values.items()
            if key not in ("user", "password", "schema")
        },
    }
    return {
        "REQUESTS_CA_BUNDLE": bundle,
        "SSL_CERT_FILE": bundle,
        "AIRFLOW_CONN_SNOWFLAKE_DEFAULT": json.dumps(airflow),
        "SNOWFLAKE_HOME": str(home),
        **{f"SNOWFLAKE_{key.upper()}": value for key, value in values.items()},
    }


def _password(paths: Paths) -> str:
    """The password that the first user was made with, or that of this process' environment, whichever is the right one."""
    store = Store(paths.objects)
    try:
        now = (store.get(KIND, USER) or {}).get("PASSWORD")
    finally:
        store.close()
    for password in (kept_password(paths.security), os.environ.get("SNOWFLAKE_PASSWORD")):
        if password and passwords.matches(password, now):
            return password
    msg = (
        f"the password of the user {USER} is not the first one any more (ALTER USER), and only its hash is kept. "
        f"Say it, then ask again: export SNOWFLAKE_PASSWORD=…  Where it is lost: raydp-spcs local down, delete the file "
        f"{paths.security / CREDENTIALS}, raydp-spcs local up; that gives the user a new one."
    )
    raise UnknownPasswordError(msg)


def _write_connections(folder: Path, values: dict[str, str]) -> None:
    lines = ["[local]"]
    for key, value in values.items():
        lines.append(f"{key} = {value}" if key == "port" else f"{key} = {json.dumps(value)}")
    write_private(folder / "connections.toml", ("\n".join(lines) + "\n").encode())
    write_private(folder / "config.toml", b'default_connection_name = "local"\n')
