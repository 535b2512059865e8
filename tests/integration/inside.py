"""The environment that a job finds in a container, without the container: a service that runs a small web server tells its own."""

from __future__ import annotations

import ssl

import httpx

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.spcs.ingress import session_tokens
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration.containers import SPEC, until

PLATFORM = ("SNOWFLAKE_HOST", "SNOWFLAKE_PORT", "SNOWFLAKE_ACCOUNT", "SNOWFLAKE_DATABASE", "SNOWFLAKE_SCHEMA")


def job_environment(environment: dict[str, str]) -> dict[str, str]:
    """Variables by which a job in a container of a service connects; the service is there for its token.

    :param environment: of a local Snowflake that has the images of the integration tests.
    """
    with connect(environment) as connection:
        session, client = ConnectorSession(connection), client_of(connection)
        session.execute("CREATE COMPUTE POOL DATA_POOL MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_S")
        session.execute(f"CREATE SERVICE DATA IN COMPUTE POOL DATA_POOL FROM SPECIFICATION $${SPEC}$$")
        (endpoint,) = until(lambda: [each for each in client.services.endpoints("DATA") if each.ingress_host])
        headers = session_tokens(connection).headers()
        url, trusted = (
            f"https://{endpoint.ingress_host}",
            ssl.create_default_context(cafile=environment["SSL_CERT_FILE"]),
        )
        reply = until(lambda: (got := httpx.get(url, headers=headers, verify=trusted)).is_success and got)
        found = reply.json()["env"]
        return {**{name: found[name] for name in PLATFORM}, "RAYDP_SESSION_DIR": found["TOKEN_DIR"]}
