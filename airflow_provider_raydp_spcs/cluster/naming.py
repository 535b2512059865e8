"""How the parts of a cluster are named."""

from __future__ import annotations

from typing import Final

from airflow_provider_raydp_spcs.spcs import sql

HEAD: Final = "HEAD"
"""Group of the head's service and pool."""


def cluster_name(text: str) -> str:
    """A cluster's name as it is stored, in capitals.

    It is looked at first: capitals of letters beyond ASCII (``ſ``, ``ı``, ``ﬁ``) are those of another cluster's name.

    :raises InvalidIdentifierError: no cluster can have it.
    """
    return sql.identifier(text, "cluster name")


def service_name(cluster: str, group: str) -> str:
    """Name of a group's service, without database and schema.

    :raises InvalidIdentifierError: it cannot be one.
    """
    return sql.identifier(f"{cluster}_{group}", "service name")


def pool_name(cluster: str, group: str) -> str:
    """Name of a group's compute pool.

    :raises InvalidIdentifierError: it cannot be one.
    """
    return sql.identifier(f"{cluster}_{group}_POOL", "compute pool name")


def host(cluster: str, group: str) -> str:
    """The service's host name for the other services of its schema (SPCS reference 3.4)."""
    return service_name(cluster, group).lower().replace("_", "-")
