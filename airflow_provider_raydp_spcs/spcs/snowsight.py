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
    try:
        organisation, account = client.account()
    except SpcsError:
        return ""
    where = [quote(part) for part in (service.database_name, service.schema_name, service.name)]
    path = "/#/data/databases/{}/schemas/{}/service/{}".format(*where)
    return f"{BASE}/{quote(organisation.lower())}/{quote(account.lower())}{path}"
