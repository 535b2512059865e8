"""What is left of a statement once it has run: its result, and nothing that carried it out."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any, cast

from airflow_provider_raydp_spcs.local.security.sign_in import Identity
from airflow_provider_raydp_spcs.local.wire.answers import Column, RowsAnswer, SessionFacts
from airflow_provider_raydp_spcs.local.wire.history import History, Query
from airflow_provider_raydp_spcs.local.wire.queries import Queries
from airflow_provider_raydp_spcs.local.wire.sessions import Session

ROWS = RowsAnswer([Column("C")], [["x"]])


class Scopes:
    """Of the engine for tables no more than where a session is."""

    def scope(self, token: str) -> tuple[None, None]:
        return None, None


class Answers:
    """Answers every statement."""

    def answer(self, text: str, bindings: Any, facts: SessionFacts) -> RowsAnswer:
        return ROWS


def test_a_statement_that_has_ended_keeps_its_result_and_not_its_task() -> None:
    async def run() -> tuple[Query, weakref.ref[Any]]:
        queries = Queries(
            cast("Any", None), cast("Any", Scopes()), cast("Any", Answers()), *cast("Any", (None, History(), None))
        )
        session = Session(Identity("A", "R"), SessionFacts("A", "R", None, None), "token", "", ["token"], 0.0)
        query = queries.start("token", session, {"sqlText": "SHOW SERVICES"}, "host", "")
        assert query.task is not None
        task = weakref.ref(query.task)
        await query.task
        await asyncio.sleep(0)
        return query, task

    query, task = asyncio.run(run())
    gc.collect()
    assert query.result is ROWS
    assert query.task is None
    assert task() is None
