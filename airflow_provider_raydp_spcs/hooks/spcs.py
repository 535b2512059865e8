"""Snowpark Container Services over an Airflow connection of the type ``snowflake``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.spcs import sql
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

LOGIN_TIMEOUT: Final = 60
NETWORK_TIMEOUT: Final = 300
"""Seconds; without them the connector tries again for ever where a server answers 5xx."""


class SpcsHook(SnowflakeHook):
    """Clients for containers and clusters over one connection, opened at first use and closed at the end.

    Takes every argument of ``SnowflakeHook``. Use it as a context manager::

        with SpcsHook(snowflake_conn_id="snowflake_default") as hook:
            hook.client.services.show()
    """

    conn_type = "raydp_spcs"
    hook_name = "Snowflake for RayDP (SPCS)"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def connection(self) -> SnowflakeConnection:
        """The connection.

        :raises InvalidValueError: a name in the connection cannot be sent.
        :raises SpcsError: Snowflake cannot be reached or does not let us in.
        """
        import snowflake.connector.errors as connector_errors

        from airflow_provider_raydp_spcs.spcs.errors import translate_sign_in

        try:
            return self.get_conn()
        except connector_errors.Error as error:
            raise translate_sign_in(error) from error

    @cached_property
    def client(self) -> SpcsClient:
        """Compute pools, services and stages."""
        return SpcsClient(ConnectorSession(self.connection))

    @cached_property
    def clusters(self) -> Clusters:
        """The clusters of the connection's schema."""
        return Clusters(self.client)

    def arguments(self) -> dict[str, Any]:
        """Arguments of ``snowflake.connector.connect``; they hold secrets. Airflow is asked for its connection once only."""
        return self._get_conn_params()

    def close(self) -> None:
        """Close the connection, if it was opened."""
        connection = self.__dict__.pop("connection", None)
        for dependent in ("client", "clusters"):
            self.__dict__.pop(dependent, None)
        if connection is not None:
            connection.close()

    def _get_conn_params(self) -> dict[str, Any]:
        parameters: dict[str, Any] = dict(super()._get_conn_params())
        for name in ("user", "database", "schema", "role", "warehouse"):
            sql.text(str(parameters.get(name) or ""))
        parameters.setdefault("login_timeout", LOGIN_TIMEOUT)
        parameters.setdefault("network_timeout", NETWORK_TIMEOUT)
        # A task may wait for a job for longer than the four hours after which an unused session ends.
        parameters.setdefault("client_session_keep_alive", True)
        if is_programmatic_access_token(parameters):
            # The connector reads the token only, and any spelling; SnowflakeHook fills it in for one of them.
            parameters.setdefault("token", parameters.get("password"))
        # Tokens for the ingress are issued only to sessions that read their results as JSON (SPCS reference 4.2).
        parameters["session_parameters"] = {
            **(parameters.get("session_parameters") or {}),
            "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json",
        }
        return parameters


def is_programmatic_access_token(parameters: Mapping[str, Any]) -> bool:
    """Whether a connection with these arguments signs in with a programmatic access token (PAT)."""
    return str(parameters.get("authenticator") or "").upper() == "PROGRAMMATIC_ACCESS_TOKEN"
