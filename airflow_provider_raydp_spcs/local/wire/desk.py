"""What statements ask of the server for their session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, statement_cancelled
from airflow_provider_raydp_spcs.local.security.sign_in import Identity
from airflow_provider_raydp_spcs.local.tables.results import TableResult
from airflow_provider_raydp_spcs.local.tables.sources import not_found
from airflow_provider_raydp_spcs.local.wire.answers import RowsAnswer
from airflow_provider_raydp_spcs.local.wire.history import History, Query
from airflow_provider_raydp_spcs.local.wire.transfers import Transfers


@dataclass(frozen=True)
class ServerDesk:
    """The desk of one statement; it is asked from the statement's thread."""

    history: History
    query: Query
    transfers: Transfers
    identity: Identity
    host: str
    stop: Callable[[Query, SnowflakeFault], None]
    loop: asyncio.AbstractEventLoop

    def result(self, key: str) -> RowsAnswer | TableResult:
        """The result of an earlier statement."""
        found = self.history.find(key, self.query.user)
        if found is None or not isinstance(found.result, RowsAnswer | TableResult):
            raise not_found(key)
        return found.result

    def presign(self, folder: Path, path: str, seconds: int) -> str:
        """An address for a file of a stage."""
        return self.transfers.presigned(folder, path, self.identity, seconds, self.host)

    def cancel(self, key: str | None) -> int:
        """Stop statements."""
        found = [self.history.find(key, self.query.user)] if key else self.history.running(self.query.facts)
        return self._stop([each for each in found if each is not None])

    def cancel_all_of(self, user: str) -> int:
        """Stop the statements of a user."""
        return self._stop(self.history.running_of(user))

    def _stop(self, found: Iterable[Query]) -> int:
        why = statement_cancelled()
        chosen = [each for each in found if each.ended is None and each is not self.query]
        for each in chosen:
            self.loop.call_soon_threadsafe(self.stop, each, why)
        return len(chosen)
