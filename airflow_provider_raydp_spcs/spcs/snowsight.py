"""Addresses in Snowsight, Snowflake's web interface.

Its addresses are not documented beyond ``https://app.snowflake.com/<organisation>/<account>``; the path of an object
follows that of tables, ``/#/data/databases/…/schemas/…``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_raydp_spcs.spcs.errors import SpcsError

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient
    from airflow_provider_raydp_spcs.spcs.service_info import ServiceInfo

BASE = "https://app.snowflake.com"


def service_page(client: SpcsClient, service: ServiceInfo) -> str:
    """The page of a service; empty where Snowflake does not tell its organisation and account."""
    where = [quote(part) for part in (service.database_name, service.schema_name, service.name)]
    return _page(client, "/#/data/databases/{}/schemas/{}/service/{}".format(*where))


def streamlit_page(client: SpcsClient, name: str) -> str:
    """The page of a Streamlit app, by its full name; empty likewise."""
    return _page(client, f"/#/streamlit-apps/{quote(name)}")


def _page(client: SpcsClient, path: str) -> str:
    try:
        organisation, account = client.account()
    except SpcsError:
        return ""
    return f"{BASE}/{quote(organisation.lower())}/{quote(account.lower())}{path}"
