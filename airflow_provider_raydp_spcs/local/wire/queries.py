"""Statements as the connectors send them, and what becomes of each."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from airflow_provider_raydp_spcs.local.errors import does_not_exist
from airflow_provider_raydp_spcs.local.sql.dispatch import Dispatcher
from airflow_provider_raydp_spcs.local.wire.answers import (
    DownloadAnswer,
    DropDatabaseAnswer,
    RewriteAnswer,
    RowsAnswer,
    UploadAnswer,
    status,
)
from airflow_provider_raydp_spcs.local.wire.engine import Engine
from airflow_provider_raydp_spcs.local.wire.messages import body_of, success
from airflow_provider_raydp_spcs.local.wire.rendering import rows_json
from airflow_provider_raydp_spcs.local.wire.sessions import Sessions
from airflow_provider_raydp_spcs.local.wire.transfers import Transfers


class Queries:
    """The routes of statements."""

    def __init__(self, sessions: Sessions, engine: Engine, dispatcher: Dispatcher, transfers: Transfers) -> None:
        self._sessions, self._engine, self._dispatcher, self._transfers = sessions, engine, dispatcher, transfers

    async def query(self, request: Request) -> JSONResponse:
        """Run a statement and answer its result."""
        token, session = self._sessions.of(request)
        body = await body_of(request)
        # One statement at a time per session: it is one DuckDB cursor, and two threads on it would collide.
        async with session.lock:
            session.facts.database, session.facts.schema = self._engine.scope(token)
            text = str(body.get("sqlText") or "")
            answer = await run_in_threadpool(self._dispatcher.answer, text, _bindings(body), session.facts)
            if isinstance(answer, RowsAnswer):
                return JSONResponse(rows_json(answer, session.facts))
            host = request.url.netloc
            if isinstance(answer, UploadAnswer):
                return JSONResponse(self._transfers.upload_json(answer, session.identity, host))
            if isinstance(answer, DownloadAnswer):
                return JSONResponse(self._transfers.download_json(answer, session.identity, host))
            if isinstance(answer, DropDatabaseAnswer):
                dropped = await run_in_threadpool(self._engine.drop_database, answer.name)
                return JSONResponse(rows_json(_dropped(answer, dropped=dropped), session.facts))
            if isinstance(answer, RewriteAnswer):
                body = {**body, "sqlText": answer.sql}
                if not answer.keeps_bindings:
                    body.pop("bindings", None)
            return JSONResponse(await self._engine.query(request, body))

    async def abort(self, request: Request) -> JSONResponse:
        """Stop a statement."""
        self._sessions.of(request)
        return success(None)

    async def monitor(self, request: Request) -> JSONResponse:
        """How far a statement is."""
        self._sessions.of(request)
        return success({"queries": [{"id": request.path_params["id"], "status": "SUCCESS"}]})


def _dropped(answer: DropDatabaseAnswer, *, dropped: bool) -> RowsAnswer:
    if not dropped and not answer.if_exists:
        raise does_not_exist("Database", answer.name)
    done = f"{answer.name} successfully dropped."
    return status(done if dropped else f"Drop statement executed successfully ({answer.name} already dropped).")


def _bindings(body: dict[str, Any]) -> list[object]:
    """Values of ``?`` marks, in order."""
    found = body.get("bindings") or {}
    return [found[key].get("value") for key in sorted((key for key in found if key.isdigit()), key=int)]
