"""The SQL API, ``/api/v2/statements``, as far as Airflow's ``SnowflakeSqlApiHook`` and curl use it.

Each statement has a session of its own, which ends with it. Failures have HTTP statuses here: clients of this API expect them.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, internal_error, statement_cancelled
from airflow_provider_raydp_spcs.local.security.sign_in import Identity, SignIn
from airflow_provider_raydp_spcs.local.wire.history import History, Query
from airflow_provider_raydp_spcs.local.wire.messages import body_of, mapping
from airflow_provider_raydp_spcs.local.wire.queries import Queries
from airflow_provider_raydp_spcs.local.wire.sessions import Session, Sessions, Wanted
from airflow_provider_raydp_spcs.local.wire.sql_api_rows import result_set

logger = logging.getLogger(__name__)
PATH: Final = "/api/v2/statements"
_KEY_PAIR, _TOKEN, _OAUTH = "KEYPAIR_JWT", "PROGRAMMATIC_ACCESS_TOKEN", "OAUTH"
_PARTS_OF_JWT: Final = 3
_RUNNING: Final = (
    "Asynchronous execution in progress. Use provided query id to perform query monitoring and management."
)
Handler = Callable[[Request], Awaitable[JSONResponse]]


class _Unauthorised(Exception):  # noqa: N818 - it is an answer
    """Nobody who may come in."""

    def __init__(self, fault: SnowflakeFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class SqlApi:
    """The routes."""

    def __init__(self, sign_in: SignIn, sessions: Sessions, queries: Queries, history: History) -> None:
        self._sign_in, self._sessions, self._queries, self._history = sign_in, sessions, queries, history
        self._closing: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        """Submit, ask, cancel."""
        return [
            Route(PATH, _guarded(self.submit), methods=["POST"]),
            Route(f"{PATH}/{{handle}}", _guarded(self.status), methods=["GET"]),
            Route(f"{PATH}/{{handle}}/cancel", _guarded(self.cancel), methods=["POST"]),
        ]

    async def submit(self, request: Request) -> JSONResponse:
        """Run statements; ``async=true`` answers at once."""
        identity = await self._who(request)
        body = await body_of(request)
        text = body.get("statement")
        if not isinstance(text, str) or not text.strip():
            return _invalid()
        key = request.query_params.get("requestId", "")
        again = request.query_params.get("retry", "").lower() == "true"
        query = self._history.of_request(key, identity.user) if key and again else None
        if query is None:
            session = await self._sessions.open(identity, _wanted(body))
            query = self._queries.start(session.token, session, _as_connector(body, text), request.url.netloc, key)
            self._close_after(query, session)
        if request.query_params.get("async", "").lower() == "true":
            return _running(query)
        await self._queries.wait(query)
        return _answer(query, request)

    async def status(self, request: Request) -> JSONResponse:
        """How far a statement is, and its result once there is one."""
        return _answer(await self._asked_for(request), request)

    async def cancel(self, request: Request) -> JSONResponse:
        """Stop a statement."""
        query = await self._asked_for(request)
        self._queries.stop(query, statement_cancelled())
        await self._queries.wait(query)
        message = {"code": "000604", "sqlState": "57014", "message": "SQL execution canceled"}
        return JSONResponse(message | _handle(query))

    async def _asked_for(self, request: Request) -> Query:
        identity = await self._who(request)
        handle = request.path_params["handle"]
        query = self._history.find(handle, identity.user)
        if query is None:
            raise SnowflakeFault(709, "02000", f"Statement {handle} not found")
        return query

    async def _who(self, request: Request) -> Identity:
        """Who asks: a key pair's token, a programmatic access token, or a service's own."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        kind = request.headers.get("x-snowflake-authorization-token-type", "").upper()
        if not kind:
            kind = _KEY_PAIR if token.count(".") == _PARTS_OF_JWT - 1 else _TOKEN
        ways = {
            _KEY_PAIR: self._sign_in.with_jwt,
            _TOKEN: self._sign_in.with_access_token,
            _OAUTH: self._sessions.service,
        }
        if scheme.lower() != "bearer" or not token or kind not in ways:
            raise _Unauthorised(SnowflakeFault(390101, "08001", "Authorization header not found in the request data."))
        try:
            return await run_in_threadpool(ways[kind], token)
        except SnowflakeFault as fault:
            raise _Unauthorised(fault) from None

    def _close_after(self, query: Query, session: Session) -> None:
        """End the statement's session when the statement has ended."""

        async def close() -> None:
            if query.task is not None:
                await asyncio.wait([query.task])
            await self._sessions.close(session)

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _wanted(body: dict[str, Any]) -> Wanted:
    parameters = mapping(body.get("parameters"))
    if body.get("timeout") is not None:
        parameters["STATEMENT_TIMEOUT_IN_SECONDS"] = int(body["timeout"])
    names = {key: str(body[key]) for key in ("role", "database", "schema", "warehouse") if body.get(key)}
    return Wanted(**names, parameters=parameters)


def _as_connector(body: dict[str, Any], text: str) -> dict[str, Any]:
    """The request as a connector would have sent it."""
    given = {str(key).upper(): value for key, value in mapping(body.get("parameters")).items()}
    count = given.get("MULTI_STATEMENT_COUNT")
    parameters = {} if count is None else {"MULTI_STATEMENT_COUNT": int(count)}
    return {"sqlText": text, "bindings": body.get("bindings"), "parameters": parameters}


def _handle(query: Query) -> dict[str, Any]:
    url = f"{PATH}/{query.id}"
    return {"statementHandle": query.id, "statementStatusUrl": url, "createdOn": int(query.started * 1000)}


def _running(query: Query) -> JSONResponse:
    return JSONResponse({"code": "333334", "message": _RUNNING} | _handle(query), status_code=202)


def _invalid() -> JSONResponse:
    return JSONResponse(
        {"code": "390142", "message": "Incoming request does not contain a valid payload."}, status_code=400
    )


def _failed(fault: SnowflakeFault, query: Query | None = None) -> JSONResponse:
    told = {"code": f"{fault.number:06d}", "message": fault.message, "sqlState": fault.sqlstate}
    return JSONResponse(told | (_handle(query) if query else {}), status_code=422)


def _answer(query: Query, request: Request) -> JSONResponse:
    if query.ended is None:
        return _running(query)
    if query.fault is not None or query.result is None:
        return _failed(query.fault or SnowflakeFault(709, "02000", f"Statement {query.id} not found"), query)
    done = {"code": "090001", "sqlState": "00000", "message": "Statement executed successfully."} | _handle(query)
    if isinstance(query.result, dict):
        children = str(query.result["data"].get("resultIds") or "")
        if not children:
            return _failed(
                SnowflakeFault(391911, "0A000", "Unsupported statement: PUT and GET need a connector."), query
            )
        done["statementHandles"] = children.split(",")
        data = query.result["data"]
        rows = {"rowType": data["rowtype"], "numRows": 1, "format": "jsonv2"}
        rows["partitionInfo"] = [{"rowCount": 1, "uncompressedSize": 64}]
        return JSONResponse({"resultSetMetaData": rows, "data": data["rowset"]} | done)
    partition = int(request.query_params.get("partition") or 0)
    found = result_set(query.result, query.facts, partition)
    if found is None:
        return _failed(SnowflakeFault(391920, "02000", f"Partition {partition} does not exist."), query)
    if request.query_params.get("nullable", "").lower() == "false":
        found["data"] = [["null" if value is None else value for value in row] for row in found["data"]]
    return JSONResponse(found | done)


def _guarded(handler: Handler) -> Handler:
    @functools.wraps(handler)
    async def answer(request: Request) -> JSONResponse:
        try:
            return await handler(request)
        except _Unauthorised as refused:
            told = {"code": f"{refused.fault.number:06d}", "message": refused.fault.message}
            return JSONResponse(told, status_code=401)
        except SnowflakeFault as fault:
            return _failed(fault)
        except (ValueError, TypeError, OSError, EOFError):
            return _invalid()
        except Exception:
            logger.exception("a defect of the local Snowflake")
            return _failed(internal_error())

    return answer
