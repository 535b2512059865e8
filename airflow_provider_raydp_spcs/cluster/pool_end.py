"""The end of a compute pool: with one statement, unless something still runs on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.spcs.errors import (
    AuthenticationError,
    InsufficientPrivilegesError,
    SessionEndedError,
    StatementFailedError,
)

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient

TRIES: Final = 60
PAUSE_SECONDS: Final = 0.5
"""How often a pool is tried whose services were told to end, and how long apart; containers have 30 s (SPCS reference 2.3)."""


def drop_pool(client: SpcsClient, name: str, sleep: Callable[[float], None]) -> None:
    """Drop a pool; where services of others still run on it, those go first.

    :raises StatementFailedError: it cannot be dropped even then.
    """
    pools = client.compute_pools
    try:
        pools.drop(name)
    except (InsufficientPrivilegesError, AuthenticationError, SessionEndedError):
        raise
    except StatementFailedError:  # neither its text nor its number is documented (SPCS reference, part 10)
        pools.stop_all(name)
        for left in reversed(range(TRIES)):
            try:
                pools.drop(name)
            except StatementFailedError:
                if not left:
                    raise
                sleep(PAUSE_SECONDS)
            else:
                return
