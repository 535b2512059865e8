"""Where in Snowflake something is meant: an Airflow connection, and what overrides its values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook


@dataclass(frozen=True)
class SpcsScope:
    """Names only, no secrets: it travels inside triggers.

    :param snowflake_conn_id: Airflow connection of the type ``snowflake``.
    :param database: overrides the connection's.
    :param schema: overrides the connection's.
    :param role: overrides the connection's.
    :param warehouse: overrides the connection's.
    """

    snowflake_conn_id: str = "snowflake_default"
    database: str | None = None
    schema: str | None = None
    role: str | None = None
    warehouse: str | None = None

    def hook(self) -> SpcsHook:
        """A hook; use it as a context manager."""
        from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook

        return SpcsHook(**asdict(self))
