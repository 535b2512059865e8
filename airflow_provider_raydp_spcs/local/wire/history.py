"""Statements that were sent: how far each is, and its result for whoever asks later.

Asked for by id: async statements, the results of a request of many statements, ``RESULT_SCAN`` and ``LAST_QUERY_ID``.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.tables.results import TableResult
from airflow_provider_raydp_spcs.local.wire.answers import RowsAnswer, SessionFacts

MAX_KEPT: Final = 2_000
"""Statements whose state is kept; each takes some 10 kB beside its result."""
MAX_BYTES: Final = 512 * 1024 * 1024
"""Memory that all kept results may take; the oldest are given up first."""

Result = RowsAnswer | TableResult | dict[str, Any]
"""Rows, or the finished JSON of an answer that nobody asks for again (PUT, GET)."""


@dataclass
class Query:
    """One statement.

    :param user: only this user may ask for its result.
    :param request: the client's id of its request, by which it cancels.
    """

    user: str
    request: str
    text: str
    facts: SessionFacts
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.time)
    ended: float | None = None
    result: Result | None = None
    fault: SnowflakeFault | None = None
    task: asyncio.Task[None] | None = None
    cancel: SnowflakeFault | None = None
    interrupt: Any = None
    """How to stop it while the engine runs it."""

    @property
    def status(self) -> str:
        """As monitoring has it."""
        if self.ended is None:
            return "RUNNING"
        return "SUCCESS" if self.fault is None else "FAILED_WITH_ERROR"

    def forget_task(self) -> None:
        """Give up what carried it out, which holds more than its result does, and with it for as long."""
        self.task = None


class History:
    """Statements by id, the youngest of all sessions."""

    def __init__(self) -> None:
        self._queries: OrderedDict[str, Query] = OrderedDict()
        self._requests: dict[str, Query] = {}
        self._bytes = 0

    def start(self, user: str, request: str, text: str, facts: SessionFacts) -> Query:
        """Note a statement that begins."""
        query = Query(user, request, text, facts)
        self._queries[query.id] = query
        if request:
            self._requests[request] = query
        while len(self._queries) > MAX_KEPT:
            self._give_up(next(iter(self._queries)))
        return query

    def end(self, query: Query, result: Result | None, fault: SnowflakeFault | None = None) -> None:
        """Note how it ended."""
        if fault is not None:  # its frames hold whatever the statement was parsed into
            fault.__traceback__ = fault.__cause__ = fault.__context__ = None
        query.ended, query.result, query.fault = time.time(), result, fault
        query.facts.finished.append(query.id)
        if isinstance(result, TableResult):
            self._bytes += result.nbytes
            for key in list(self._queries):
                if self._bytes <= MAX_BYTES or key == query.id:
                    break
                self._give_up(key)

    def of_request(self, request: str, user: str) -> Query | None:
        """The statement of a client's request, which it may send again where the answer was lost."""
        query = self._requests.get(request)
        return query if query is not None and query.user == user else None

    def find(self, key: str, user: str) -> Query | None:
        """A statement of a user's, or None."""
        query = self._queries.get(key)
        return query if query is not None and query.user == user else None

    def running(self, session: SessionFacts) -> list[Query]:
        """What a session runs."""
        return [query for query in list(self._queries.values()) if query.ended is None and query.facts is session]

    def running_of(self, user: str) -> list[Query]:
        """What a user runs, in whatever session."""
        return [query for query in list(self._queries.values()) if query.ended is None and query.user == user]

    def _give_up(self, key: str) -> None:
        query = self._queries[key]
        if query.ended is None:
            self._queries.move_to_end(key)
            return
        del self._queries[key]
        if query.request and self._requests.get(query.request) is query:
            del self._requests[query.request]
        if isinstance(query.result, TableResult):
            self._bytes -= query.result.nbytes
