"""How the parts of a cluster are named."""

from __future__ import annotations

from typing import Final

HEAD: Final = "HEAD"
"""Group of the head's service and pool."""


def service_name(cluster: str, group: str) -> str:
    """Name of a group's service, without database and schema."""
    return f"{cluster}_{group}".upper()


def pool_name(cluster: str, group: str) -> str:
    """Name of a group's compute pool."""
    return f"{cluster}_{group}_POOL".upper()


def host(cluster: str, group: str) -> str:
    """The service's host name for the other services of its schema (SPCS reference 3.4)."""
    return service_name(cluster, group).lower().replace("_", "-")
