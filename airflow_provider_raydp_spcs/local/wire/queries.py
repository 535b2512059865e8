"""Statements as the connectors send them, and what becomes of each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, does_not_exist, internal_error, statement_cancelled
from airflow_provider_raydp_spcs.local.interruption import interruptible
from airflow_provider_raydp_spcs.local.sql.dispatch import Dispatcher
from airflow_provider_raydp_spcs.local.sql.redaction import redacted
from airflow_provider_raydp_spcs.local.tables.engine import Engine
from airflow_provider_raydp_spcs.local.tables.session import TableSession
from airflow_provider_raydp_spcs.local.wire.answers import (
    Answer,
    DownloadAnswer,
    DropDatabaseAnswer,
    ReplaceDatabaseAnswer,
    RewriteAnswer,
    RowsAnswer,
    TableWork,
    UploadAnswer,
    status,
)
from airflow_provider_raydp_spcs.local.wire.chunks import Chunks
from airflow_provider_raydp_spcs.local.wire.desk import ServerDesk
from airflow_provider_raydp_spcs.local.wire.history import History, Query, Result
from airflow_provider_raydp_spcs.local.wire.messages import body_of, mapping, success
from airflow_provider_raydp_spcs.local.wire.rendering import (
    fault_json,
    many_json,
    pending_json,
    result_json,
)
from airflow_provider_raydp_spcs.local.wire.sessions import Session, Sessions
from airflow_provider_raydp_spcs.local.wire.splitting import pipe, piped, shares, statements
from airflow_provider_raydp_spcs.local.wire.transfers import Transfers
from airflow_provider_raydp_spcs.local.wording import already_dropped, dropped

logger = logging.getLogger(__name__)
THREADS: Final = 256
"""Statements that run at the same time; more wait for their turn."""
PATIENCE: Final = 45.0
"""Seconds after which a client is told to ask again for the result."""
_AGAIN_SECONDS: Final = 0.1
_DETACHED: Final = "333334"
_IN_PROGRESS: Final = "333333"
T = TypeVar("T")


class Queries:
    """The routes of statements."""

    def __init__(
        self,
        sessions: Sessions,
        engine: Engine,
        dispatcher: Dispatcher,
        transfers: Transfers,
        history: History,
        chunks: Chunks,
    ) -> None:
        self._sessions, self._engine, self._dispatcher, self._transfers = sessions, engine, dispatcher, transfers
        self._history, self._chunks = history, chunks
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="statement")

    async def query(self, request: Request) -> JSONResponse:
        """Run statements and answer the result, or where to ask for it."""
        token, session = self._sessions.of(request)
        body = await body_of(request)
        key, user = request.query_params.get("requestId", ""), session.facts.user
        # A client that lost the answer sends the request again; the statement must not run twice.
        query = self._history.of_request(key, user) if key else None
        if query is None:
            query = self.start(token, session, body, request.url.netloc, key)
        if body.get("asyncExec"):
            return JSONResponse(pending_json(query.id, _DETACHED))
        return await self._answer(query, request)

    def start(self, token: str, session: Session, body: dict[str, Any], host: str, key: str) -> Query:
        """Begin to run the statements of a request.

        :param key: the client's id of its request.
        """
        body = {**body, "bindings": _checked(body.get("bindings")), "parameters": mapping(body.get("parameters"))}
        query = self._history.start(session.facts.user, key, str(body.get("sqlText") or ""), session.facts)
        query.task = asyncio.create_task(self._run(query, token, session, body, host))
        query.task.add_done_callback(lambda _: query.forget_task())
        return query

    async def result(self, request: Request) -> JSONResponse:
        """The result of an earlier statement."""
        return await self._answer(self._asked_for(request), request)

    async def monitor(self, request: Request) -> JSONResponse:
        """How far a statement is."""
        _, session = self._sessions.of(request)
        query = self._history.find(request.path_params["id"], session.facts.user)
        if query is None:
            return success({"queries": []})
        told: dict[str, Any] = {
            "id": query.id,
            "status": query.status,
            "state": query.status,
            "sqlText": redacted(query.text),
            "startTime": int(query.started * 1000),
            "endTime": int((query.ended or 0) * 1000),
            "sessionId": 0,
        }
        if query.fault is not None:
            told |= {"errorCode": f"{query.fault.number:06d}", "errorMessage": query.fault.message}
        return success({"queries": [told]})

    async def abort(self, request: Request) -> JSONResponse:
        """Stop the statement of a request."""
        _, session = self._sessions.of(request)
        body = await body_of(request)
        query = self._history.of_request(str(body.get("requestId") or ""), session.facts.user)
        if query is not None:
            self.stop(query, statement_cancelled())
        return success(None)

    async def abort_by_id(self, request: Request) -> JSONResponse:
        """Stop a statement that is known by its id."""
        self.stop(self._asked_for(request), statement_cancelled())
        return success(None)

    def _asked_for(self, request: Request) -> Query:
        _, session = self._sessions.of(request)
        key = request.path_params["id"]
        query = self._history.find(key, session.facts.user)
        if query is None:
            raise SnowflakeFault(709, "02000", f"Statement {key} not found")
        return query

    @staticmethod
    async def wait(query: Query) -> None:
        """Wait for a statement's end, but not for ever."""
        if query.task is not None and not query.task.done():
            await asyncio.wait([query.task], timeout=PATIENCE)

    async def _answer(self, query: Query, request: Request) -> JSONResponse:
        """What is known of it now, at the latest after a while."""
        await self.wait(query)
        if query.ended is None:
            return JSONResponse(pending_json(query.id, _IN_PROGRESS))
        if query.fault is not None or query.result is None:
            return JSONResponse(fault_json(query.fault or SnowflakeFault(709, "02000", "No result."), query.id))
        _, session = self._sessions.of(request)
        first, chunks = self._chunks.told(query, session.identity, request.url.netloc)
        return JSONResponse(result_json(query.result, query.facts, query.id, first, chunks))

    @staticmethod
    def stop(query: Query, why: SnowflakeFault) -> None:
        """Stop a statement; one that has ended stays as it is."""
        if query.ended is not None or query.task is None:
            return
        query.cancel = why
        if query.interrupt is None:
            query.task.cancel()
        else:
            _interrupt(query)  # it ends by itself, and its session is free only then

    async def _run(self, query: Query, token: str, session: Session, body: dict[str, Any], host: str) -> None:
        """Run a request to its end, whatever that is."""
        timer = None
        seconds = int(session.facts.parameters.get("STATEMENT_TIMEOUT_IN_SECONDS") or 0)
        if seconds > 0:
            text = f"Statement reached its statement or warehouse timeout of {seconds} second(s) and was canceled."
            timer = asyncio.get_running_loop().call_later(seconds, self.stop, query, SnowflakeFault(630, "57014", text))
        try:
            self._history.end(query, await self._every(query, token, session, body, host))
        except SnowflakeFault as fault:
            self._history.end(query, None, query.cancel or fault)
        except asyncio.CancelledError:
            self._history.end(query, None, query.cancel or statement_cancelled())
        except Exception:
            logger.exception("a defect of the local Snowflake")
            self._history.end(query, None, internal_error())
        finally:
            if timer is not None:
                timer.cancel()

    async def _every(self, query: Query, token: str, session: Session, body: dict[str, Any], host: str) -> Result:
        """Run the statements of a request one after another."""
        facts, bindings = session.facts, dict(body.get("bindings") or {})
        count = (body.get("parameters") or {}).get("MULTI_STATEMENT_COUNT")
        wanted = int(count if count is not None else facts.parameters.get("MULTI_STATEMENT_COUNT") or 1)
        texts = statements(query.text, wanted)
        if len(texts) == 1 and wanted <= 1:
            chain = pipe(texts[0])
            if chain is None:
                return await self._one(query, token, session, {**body, "sqlText": texts[0]}, host)
            keys: list[str] = []
            for text, share in zip(chain, shares(bindings, chain), strict=True):
                part = {**body, "sqlText": piped(text, keys), "bindings": share}
                last = await self._child(query, token, session, part, host)
                keys.append(last.id)
            return last.result or {}
        children = []
        for text, share in zip(texts, shares(bindings, texts), strict=True):
            part = {**body, "sqlText": text, "bindings": share}
            children.append(await self._child(query, token, session, part, host))
        return many_json([(child.id, child.result) for child in children], query.id, facts)

    async def _child(self, query: Query, token: str, session: Session, body: dict[str, Any], host: str) -> Query:
        """Run one statement of many; its result can be asked for like any other's."""
        child = self._history.start(query.user, "", str(body["sqlText"]), session.facts)
        try:
            done = _rows(await self._one(query, token, session, body, host))
        except SnowflakeFault as fault:
            self._history.end(child, None, fault)
            raise
        self._history.end(child, done)
        return child

    async def _one(self, query: Query, token: str, session: Session, body: dict[str, Any], host: str) -> Result:
        text, facts = str(body.get("sqlText") or ""), session.facts
        bindings = body.get("bindings") or {}
        facts.database, facts.schema = self._engine.scope(token)
        facts.desk = ServerDesk(
            self._history, query, self._transfers, session.identity, host, self.stop, asyncio.get_running_loop()
        )
        # Only the engine for tables needs the session for itself: it is one DuckDB connection.
        query.interrupt = interruptible(query.id).set
        try:
            answer = await self._in_thread(self._dispatcher.answer, text, _in_order(bindings), facts)
        finally:
            query.interrupt = None
        if query.cancel is not None:
            raise query.cancel
        if isinstance(answer, RowsAnswer):
            return answer
        if isinstance(answer, UploadAnswer):
            return self._transfers.upload_json(answer, session.identity, host, query.id)
        if isinstance(answer, DownloadAnswer):
            return self._transfers.download_json(answer, session.identity, host, query.id)
        async with session.lock:
            tables = self._engine.session(token)
            query.interrupt = tables.interrupt
            try:
                if query.cancel is not None:
                    raise query.cancel
                return await self._in_thread(self._carry_out, tables, answer, body, facts)
            finally:
                query.interrupt = None
                facts.database, facts.schema = tables.scope

    def _carry_out(self, tables: TableSession, answer: Answer | None, body: dict[str, Any], facts: Any) -> Result:
        """The engine's part of a statement."""
        text, bindings = str(body.get("sqlText") or ""), body.get("bindings")
        describe = bool(body.get("describeOnly"))
        if isinstance(answer, DropDatabaseAnswer):
            return _dropped(answer, was_there=self._engine.drop_database(answer.name))
        if isinstance(answer, ReplaceDatabaseAnswer):
            self._engine.drop_database(answer.name)
            return tables.execute(f'CREATE DATABASE "{answer.name}"')
        if isinstance(answer, TableWork):
            return tables.guarded(text, lambda: answer.run(tables, facts))
        if isinstance(answer, RewriteAnswer):
            kept = _left(bindings or {}, answer.used) if answer.keeps_bindings else None
            return tables.execute(answer.sql, kept, answer.sources, describe_only=describe)
        return tables.execute(text, bindings, describe_only=describe)

    async def _in_thread(self, work: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, copy_context().run, work, *given)


def _interrupt(query: Query) -> None:
    """Interrupt a statement until it notices: the engine forgets what comes before it has begun."""
    if query.ended is None and query.interrupt is not None:
        query.interrupt()
        asyncio.get_running_loop().call_later(_AGAIN_SECONDS, _interrupt, query)


def _rows(result: Result) -> Result:
    """A result that has rows.

    :raises SnowflakeFault: 000002, it is a client's order to move files, of which one request can have but one.
    """
    if isinstance(result, dict):
        raise SnowflakeFault(2, "0A000", "Unsupported feature 'PUT or GET in a multi-statement request'.")
    return result


def _dropped(answer: DropDatabaseAnswer, *, was_there: bool) -> RowsAnswer:
    if not was_there and not answer.if_exists:
        raise does_not_exist("Database", answer.name)
    return status(dropped(answer.name) if was_there else already_dropped(answer.name))


def _left(bindings: dict[str, Any], used: frozenset[int]) -> dict[str, Any]:
    """The values of the ``?`` marks that are still in the text, numbered from 1 again."""
    if not used:
        return bindings
    numbered = sorted((key for key in bindings if key.isdecimal()), key=int)
    kept = [bindings[key] for position, key in enumerate(numbered, 1) if position not in used]
    named = {key: each for key, each in bindings.items() if not key.isdecimal()}
    return {str(number): each for number, each in enumerate(kept, 1)} | named


def _checked(given: object) -> dict[str, Any]:
    """Values of marks in the form that everybody behind this relies on.

    :raises SnowflakeFault: 391918, they have another.
    """
    found = mapping(given)
    right = all(
        isinstance(each, dict) and isinstance(each.get("type"), str) and "value" in each for each in found.values()
    )
    if not right or (given and not isinstance(given, dict)):
        raise SnowflakeFault(391918, "22000", "Bad request: each bind variable needs a type and a value.")
    return found


def _in_order(bindings: dict[str, Any]) -> list[object]:
    """Values of ``?`` marks, in order."""
    return [bindings[key].get("value") for key in sorted((key for key in bindings if key.isdecimal()), key=int)]
