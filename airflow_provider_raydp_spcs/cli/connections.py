"""Connections of commands: to the local Snowflake of the environment, or to an account of the user's."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from airflow_provider_raydp_spcs.cli.completion import complete_connections
from airflow_provider_raydp_spcs.cli.exit_codes import NotConnectedError
from airflow_provider_raydp_spcs.cli.output import Format, Output
from airflow_provider_raydp_spcs.spcs import sql

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
    from airflow_provider_raydp_spcs.jobs.head import Head
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient
    from airflow_provider_raydp_spcs.spcs.ingress import IngressTokens

ENVIRONMENT: Final = "env"
"""Stands for the variables that ``raydp-spcs local env`` prints."""
AIRFLOW: Final = "airflow:"
"""Before the id of a connection of Airflow's."""
AIRFLOW_ENVIRONMENT: Final = {"_AIRFLOW_PROCESS_CONTEXT": "server", "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"}
"""Outside of a task Airflow looks into its own database only where it takes the process for one of its servers."""
ARGUMENTS: Final[Mapping[str, Any]] = {"login_timeout": 60, "network_timeout": 300, "client_session_keep_alive": True}
"""Seconds; without them the connector tries again for ever where a server answers 5xx. A job may be waited for for longer
than the four hours after which an unused session ends."""
RESULTS_AS_JSON: Final[Mapping[str, str]] = {"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"}
"""Tokens for the ingress are issued only to sessions that read their results as JSON (SPCS reference 4.2)."""

Connection = Annotated[
    str,
    typer.Option(
        "--connection",
        "-c",
        envvar="RAYDP_SPCS_CONNECTION",
        autocompletion=complete_connections,
        help="Name in your connections.toml; or airflow:ID, a connection of Airflow's; "
        "or env: the variables of 'raydp-spcs local env'.",
        rich_help_panel="Connection",
    ),
]


def _instead(what: str) -> Any:
    text = f"{what.capitalize()} instead of the connection's."
    return Annotated[str | None, typer.Option(f"--{what}", help=text, rich_help_panel="Connection")]


@dataclass(frozen=True)
class Scope:
    """Which connection, and what overrides its values."""

    connection: str = ENVIRONMENT
    database: str | None = None
    schema: str | None = None
    role: str | None = None
    warehouse: str | None = None

    @property
    def overrides(self) -> dict[str, str]:
        """What was given, as the connector names it.

        :raises InvalidValueError: a name cannot be sent.
        """
        named = {"database": self.database, "schema": self.schema, "role": self.role, "warehouse": self.warehouse}
        return {name: sql.text(value) for name, value in named.items() if value is not None}

    def open(self) -> contextlib.AbstractContextManager[Snowflake]:
        """See :func:`open_snowflake`."""
        return open_snowflake(self)


def connected(act: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options of a connection and of its output; the command's first parameter gets the scope."""
    own = inspect.signature(act, eval_str=True)
    options: dict[str, tuple[Any, Any]] = {"connection": (Connection, ENVIRONMENT)}
    options |= {name: (_instead(name), None) for name in ("database", "schema", "role", "warehouse")}
    options["output"] = (Output, Format.TABLE)
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, keyword, default=default, annotation=kind) for name, (kind, default) in options.items()
    ]

    @functools.wraps(act)
    def command(**given: Any) -> None:
        given.pop("output")
        scope = Scope(**{name: given.pop(name) for name in options if name != "output"})
        act(scope, **given)

    parameters = [*list(own.parameters.values())[1:], *added]
    command.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


@dataclass(frozen=True)
class Snowflake:
    """An open connection, as the commands use it."""

    client: SpcsClient
    tokens: Callable[[], IngressTokens]

    @property
    def clusters(self) -> Clusters:
        """The clusters of the connection's schema."""
        from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters

        return Clusters(self.client)

    def head(self, cluster: str) -> Head:
        """The head of a cluster."""
        from airflow_provider_raydp_spcs.jobs.head import Head

        clusters = self.clusters
        return Head(cluster, lambda: clusters, self.tokens)


@contextlib.contextmanager
def open_client(name: str, environment: Mapping[str, str] = os.environ) -> Iterator[SpcsClient]:
    """The client over a connection that is closed afterwards; see :func:`open_snowflake`."""
    with open_snowflake(Scope(name), environment) as snowflake:
        yield snowflake.client


@contextlib.contextmanager
def open_snowflake(scope: Scope, environment: Mapping[str, str] = os.environ) -> Iterator[Snowflake]:
    """A connection that is closed afterwards.

    :raises NotConnectedError: nothing is known of such a connection.
    :raises SpcsError: Snowflake cannot be reached or does not let us in.
    """
    if scope.connection.startswith(AIRFLOW):
        with _airflow(scope) as snowflake:
            yield snowflake
        return
    from airflow_provider_raydp_spcs.cli.demo.connection import client_of
    from airflow_provider_raydp_spcs.spcs.ingress import session_tokens

    with _connector(scope, environment) as connection:
        yield Snowflake(client_of(connection), lambda: session_tokens(connection))


def connector_connection(scope: Scope, environment: Mapping[str, str] = os.environ) -> Any:
    """A connection of the Snowflake connector's that stays open, for whoever needs no client of ours.

    :raises NotConnectedError, SpcsError: see :func:`open_snowflake`.
    """
    if scope.connection.startswith(AIRFLOW):
        from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook

        return SpcsHook(snowflake_conn_id=scope.connection.removeprefix(AIRFLOW), **scope.overrides).connection
    return _connector(scope, environment)


def _connector(scope: Scope, environment: Mapping[str, str]) -> Any:
    import snowflake.connector
    import snowflake.connector.errors as connector_errors

    from airflow_provider_raydp_spcs.cli.demo.connection import connect
    from airflow_provider_raydp_spcs.spcs.errors import translate_sign_in

    try:
        if scope.connection == ENVIRONMENT:
            parameters = {"session_parameters": dict(RESULTS_AS_JSON)}
            return connect(environment, **{**ARGUMENTS, **parameters, **scope.overrides})
        return snowflake.connector.connect(**_named(scope))
    except KeyError as error:
        msg = (
            f'{error.args[0]} is not set. For the local Snowflake: eval "$(raydp-spcs local env)". '
            "For an account: --connection NAME, with NAME out of your connections.toml"
        )
        raise NotConnectedError(msg) from error
    except connector_errors.Error as error:
        raise translate_sign_in(error) from error


def _named(scope: Scope) -> dict[str, Any]:
    """The connector's own connection of a name; its values win over our defaults, and what is asked for over them."""
    from snowflake.connector.config_manager import CONFIG_MANAGER

    name = scope.connection
    known = CONFIG_MANAGER["connections"]
    if name not in known:
        msg = (
            f"there is no connection {name!r}; your connections.toml has {sorted(known) or 'none'}. Others are airflow:ID "
            f"for a connection of Airflow's, and {ENVIRONMENT} for the variables of 'raydp-spcs local env'"
        )
        raise NotConnectedError(msg)
    own = known[name].unwrap() if hasattr(known[name], "unwrap") else dict(known[name])
    parameters = {**(own.get("session_parameters") or {}), **RESULTS_AS_JSON}
    return {**ARGUMENTS, **own, **scope.overrides, "session_parameters": parameters, "connection_name": name}


@contextlib.contextmanager
def _airflow(scope: Scope) -> Iterator[Snowflake]:
    # Airflow's words go to standard output, where only answers belong.
    with contextlib.redirect_stdout(sys.stderr), _defaults(AIRFLOW_ENVIRONMENT):
        from airflow.sdk.exceptions import AirflowException

        from airflow_provider_raydp_spcs.hooks.ray_jobs import tokens_of
        from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook

        identity = scope.connection.removeprefix(AIRFLOW)
        hook = SpcsHook(snowflake_conn_id=identity, **scope.overrides)
        try:
            client = hook.client
        except AirflowException as error:
            msg = f"Airflow knows no usable connection {identity!r}: {error}"
            raise NotConnectedError(msg) from error
    with hook:
        yield Snowflake(client, lambda: tokens_of(hook))


@contextlib.contextmanager
def _defaults(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for a while, where they are not set."""
    missing = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)
