"""Connections of commands: to the local Snowflake of the environment, or to an account of the user's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient

ENVIRONMENT: Final = "env"
"""Stands for the variables that ``raydp-spcs local env`` prints."""


class NotConnectedError(Exception):
    """The environment does not say where to connect to."""


@contextlib.contextmanager
def open_client(name: str, environment: Mapping[str, str] = os.environ) -> Iterator[SpcsClient]:
    """The client over a connection that is closed afterwards.

    :param name: ``env``, or a connection of the Snowflake connector's own ``connections.toml``.
    :raises NotConnectedError: ``env``, and a variable is not set.
    """
    if name == ENVIRONMENT:
        try:
            connection = connect(environment)
        except KeyError as error:
            msg = (
                f'{error.args[0]} is not set. For the local Snowflake: eval "$(raydp-spcs local env)". '
                "For an account: --connection NAME, with NAME out of your connections.toml"
            )
            raise NotConnectedError(msg) from error
    else:
        import snowflake.connector

        connection = snowflake.connector.connect(connection_name=name)
    with connection:
        yield client_of(connection)
