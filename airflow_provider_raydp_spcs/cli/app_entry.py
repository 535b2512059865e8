"""What ``raydp-spcs app`` lets Streamlit run: the app over a connection of the command line's."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from airflow_provider_raydp_spcs.cli.app_command import SCOPE
from airflow_provider_raydp_spcs.cli.connections import Scope, connector_connection
from airflow_provider_raydp_spcs.cli.exit_codes import NotConnectedError
from airflow_provider_raydp_spcs.streamlit import connecting, pages

if TYPE_CHECKING:
    from snowflake.snowpark import Session as Snowpark


def _session() -> Snowpark:
    from snowflake.snowpark import Session

    try:
        connection = connector_connection(Scope(**json.loads(os.environ[SCOPE])))
    except NotConnectedError as error:
        raise connecting.NotConnectedError(str(error)) from error
    return Session.builder.configs({"connection": connection}).create()


if __name__ == "__main__":
    pages.show(_session)
