"""Airflow's unmodified SnowflakeSqlApiOperator in a real Airflow.

It knows hosts of Snowflake only. A proxy leads its requests here; those of its trigger, whose client knows no proxy, a resolver.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.cli.demo.airflow_run import Airflow
from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration.forward_proxy import forward_proxy
from tests.users import User, make_user

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
DAGS = Path(__file__).with_name("airflow_dags")
HOST = "local.snowflakecomputing.com"
# Airflow reads this file in every process.
RESOLVER = """
import socket

def resolved(host, port, *more, usual=socket.getaddrinfo, **named):
    if host == "{host}":
        host, port = "127.0.0.1", {port}
    return usual(host, port, *more, **named)

socket.getaddrinfo = resolved
"""


def connections(user: User) -> dict[str, str]:
    """The two ways in that the operator has without an identity provider."""
    common = {"account": "local", "warehouse": "RAYDP_SIS_XSW", "database": "RAYDP_SIS_DB", "role": "RAYDP_SIS_ROLE"}
    key = {"private_key_content": base64.b64encode(user.pem.encode()).decode()}
    found = {"conn_type": "snowflake", "login": "SCHEDULER", "schema": "RAYDP_SIS_CORE_SCHEMA"}
    token = {"authenticator": "programmatic_access_token"}
    return {
        "AIRFLOW_CONN_SQL_API_KEY": json.dumps({**found, "extra": common | key}),
        "AIRFLOW_CONN_SQL_API_TOKEN": json.dumps({**found, "password": user.pat, "extra": common | token}),
    }


def test_every_way_in_waiting_and_deferred(airflow: Airflow, local_snowflake: dict[str, str]) -> None:
    user = make_user(local_snowflake, "SCHEDULER")
    port = int(local_snowflake["SNOWFLAKE_PORT"])
    settings = airflow.home / "config" / "airflow_local_settings.py"
    settings.parent.mkdir(exist_ok=True)
    with connect(local_snowflake) as connection, forward_proxy(port) as proxy:
        session = ConnectorSession(connection)
        session.execute("CREATE TABLE SQL_API_RUNS (TASK VARCHAR, WHO VARCHAR, ROLE VARCHAR)")
        settings.write_text(RESOLVER.format(host=HOST, port=port))
        try:
            environment = {**airflow.client_environment, **connections(user), "HTTPS_PROXY": proxy}
            led = dataclasses.replace(airflow, dags=DAGS, client_environment=environment)
            run = led.run("sql_api", DAGS / "sql_api.py", dt.date(2013, 1, 1), show=print)
        finally:
            settings.unlink()
        rows = session.execute("SELECT * FROM SQL_API_RUNS ORDER BY TASK")
        session.execute("DROP TABLE SQL_API_RUNS")
    assert run.succeeded, run.last_lines
    names = [f"sql_api_{way}_{how}" for way in ("key", "token") for how in ("deferred", "waiting")]
    assert rows == [{"task": name, "who": "SCHEDULER", "role": "RAYDP_SIS_ROLE"} for name in names]
    told = run.log.read_text()
    assert told.count("running trigger in line") == 3, "the deferred ones"
    assert told.count("Object 'NOWHERE' does not exist or not authorized.") >= 2, (
        "what Snowflake says of the broken ones"
    )
    assert user.pat not in told
