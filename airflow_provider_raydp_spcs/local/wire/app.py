"""Snowflake's HTTP protocol as its clients speak it."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, does_not_exist
from airflow_provider_raydp_spcs.local.ingress.headers import snowflake_token
from airflow_provider_raydp_spcs.local.security.sign_in import (
    INGRESS_SECONDS,
    SESSION_SECONDS,
    USER,
    Identity,
    SignIn,
)
from airflow_provider_raydp_spcs.local.sql.dispatch import Dispatcher
from airflow_provider_raydp_spcs.local.wire.answers import (
    DownloadAnswer,
    DropDatabaseAnswer,
    RewriteAnswer,
    RowsAnswer,
    SessionFacts,
    UploadAnswer,
    status,
)
from airflow_provider_raydp_spcs.local.wire.engine import Engine
from airflow_provider_raydp_spcs.local.wire.rendering import fault_json, rows_json
from airflow_provider_raydp_spcs.local.wire.transfers import BUCKET, Transfers

logger = logging.getLogger(__name__)
DEFAULT_ROLE: Final = "ACCOUNTADMIN"
Handler = Callable[[Request], Awaitable[JSONResponse]]


@dataclass
class _Session:
    """A client's session; every token of it stands for it."""

    identity: Identity
    facts: SessionFacts
    tokens: list[str]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Wire:
    """The routes, and the sessions of those who are signed in."""

    def __init__(self, sign_in: SignIn, engine: Engine, dispatcher: Dispatcher, transfers: Transfers) -> None:
        self._sign_in, self._engine, self._dispatcher, self._transfers = sign_in, engine, dispatcher, transfers
        self._sessions: dict[str, _Session] = {}

    def app(self) -> Starlette:
        """The application."""
        post = ["POST"]
        return Starlette(
            routes=[
                Route("/session/v1/login-request", _guarded(self._login), methods=post),
                Route("/session/token-request", _guarded(self._token), methods=post),
                Route("/session/heartbeat", _guarded(self._heartbeat), methods=post),
                Route("/session", _guarded(self._end), methods=post),
                Route("/queries/v1/query-request", _guarded(self._query), methods=post),
                Route("/queries/v1/abort-request", _guarded(self._heartbeat), methods=post),
                Route("/telemetry/send", _guarded(self._heartbeat), methods=post),
                Route("/monitoring/queries/{id}", _guarded(self._monitor), methods=["GET"]),
                Route(f"/{BUCKET}/{{path:path}}", self._transfers.serve, methods=["GET", "HEAD", "PUT"]),
                Route("/healthz", _guarded(self._health), methods=["GET"]),
            ]
        )

    async def _health(self, request: Request) -> JSONResponse:
        del request
        return JSONResponse({"success": True})

    async def _login(self, request: Request) -> JSONResponse:
        data = (await _body(request)).get("data") or {}
        identity = self._who(data)
        query = request.query_params
        role = (query.get("roleName") or identity.role).upper()
        access = self._dispatcher.access
        if role not in access.of_user(identity.user, identity.role):
            raise _no_such_role(role)
        assigned, identity = identity.role, replace(identity, role=role)
        token = self._sign_in.issue(identity, "session", SESSION_SECONDS)
        master = self._sign_in.issue(identity, "master", SESSION_SECONDS)
        database, schema = await run_in_threadpool(
            self._engine.open_session,
            token,
            *access.scope(role, _upper(query.get("databaseName")), _upper(query.get("schemaName"))),
        )
        given = dict(data.get("SESSION_PARAMETERS") or {})
        parameters = {str(key).upper(): str(value) for key, value in given.items()}
        warehouse = _upper(query.get("warehouse"))
        if warehouse and not access.sees(role, "Warehouse", warehouse):
            warehouse = None
        facts = SessionFacts(identity.user, role, database, schema, warehouse, parameters, assigned)
        self._sessions[token] = _Session(identity, facts, [token])
        return _success(
            {
                "token": token,
                "masterToken": master,
                "validityInSeconds": SESSION_SECONDS,
                "masterValidityInSeconds": SESSION_SECONDS,
                "displayUserName": identity.user,
                "serverVersion": "10.0.0",
                "parameters": [
                    {"name": "AUTOCOMMIT", "value": True},
                    {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": 3600},
                    {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
                    {"name": "TIMEZONE", "value": "Etc/UTC"},
                    *({"name": key, "value": value} for key, value in given.items()),
                ],
                "sessionId": abs(hash(token)) % 2**53,
                "sessionInfo": {
                    "databaseName": database,
                    "schemaName": schema,
                    "warehouseName": facts.warehouse,
                    "roleName": role,
                },
            }
        )

    def _who(self, data: dict[str, Any]) -> Identity:
        """Who signs in.

        :raises SnowflakeFault: nobody who may.
        """
        how = str(data.get("AUTHENTICATOR") or "SNOWFLAKE").upper()
        if how == "OAUTH":
            identity = self._sign_in.identity(str(data.get("TOKEN") or ""), "service")
            if identity is None:
                raise SnowflakeFault(390303, "08001", "Invalid OAuth access token.")
            return identity
        if how != "SNOWFLAKE":
            raise SnowflakeFault(
                390100, "08001", f"The authenticator {how[:40]} is not supported by the local Snowflake."
            )
        user = str(data.get("LOGIN_NAME") or "")
        self._sign_in.check_password(user, str(data.get("PASSWORD") or ""))
        return Identity(USER, DEFAULT_ROLE)

    def _session(self, request: Request) -> tuple[str, _Session]:
        token = snowflake_token(request.headers.get("authorization", "")) or ""
        session = self._sessions.get(token)
        if session is None or self._sign_in.identity(token, "session") is None:
            raise SnowflakeFault(390104, "08001", "Authentication token has expired. The user must authenticate again.")
        return token, session

    async def _token(self, request: Request) -> JSONResponse:
        """A fresh token of the session, asked for with the master token: ``ISSUE`` (good for the ingress) or ``RENEW``."""
        body = await _body(request)
        presented = snowflake_token(request.headers.get("authorization", "")) or ""
        identity = self._sign_in.identity(presented, "master", "session")
        if identity is None:
            raise SnowflakeFault(390104, "08001", "Authentication token has expired. The user must authenticate again.")
        old = str(body.get("oldSessionToken") or "")
        session = self._sessions.get(old)
        if session is None:
            raise SnowflakeFault(390111, "08001", "Session no longer exists. New login required to access the service.")
        issue = body.get("requestType") == "ISSUE"
        seconds = INGRESS_SECONDS if issue else SESSION_SECONDS
        identity = replace(identity, role=session.facts.role)
        # The client goes on with the new token, so both stand for the session.
        token = self._sign_in.issue(identity, "session", seconds)
        self._sessions[token] = session
        session.tokens.append(token)
        self._engine.alias(token, old)
        return _success(
            {"sessionToken": token, "validityInSecondsST": seconds, "masterToken": presented, "sessionId": 1}
        )

    async def _heartbeat(self, request: Request) -> JSONResponse:
        self._session(request)
        return _success(None)

    async def _end(self, request: Request) -> JSONResponse:
        _, session = self._session(request)
        if request.query_params.get("delete"):
            async with session.lock:
                for each in session.tokens:
                    self._sessions.pop(each, None)
                    self._sign_in.forget(each)
                await run_in_threadpool(self._engine.close_session, session.tokens)
        return _success(None)

    async def _monitor(self, request: Request) -> JSONResponse:
        self._session(request)
        return _success({"queries": [{"id": request.path_params["id"], "status": "SUCCESS"}]})

    async def _query(self, request: Request) -> JSONResponse:
        token, session = self._session(request)
        body = await _body(request)
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


def _upper(name: str | None) -> str | None:
    return name.upper() if name else None


def _no_such_role(role: str) -> SnowflakeFault:
    text = (
        f"Role '{role}' specified in the connect string does not exist or not authorized. Contact your local system "
        "administrator, or attempt to login with another role, e.g. PUBLIC."
    )
    return SnowflakeFault(390189, "08004", text)


def _dropped(answer: DropDatabaseAnswer, *, dropped: bool) -> RowsAnswer:
    if not dropped and not answer.if_exists:
        raise does_not_exist("Database", answer.name)
    done = f"{answer.name} successfully dropped."
    return status(done if dropped else f"Drop statement executed successfully ({answer.name} already dropped).")


def _bindings(body: dict[str, Any]) -> list[object]:
    """Values of ``?`` marks, in order."""
    found = body.get("bindings") or {}
    return [found[key].get("value") for key in sorted((key for key in found if key.isdigit()), key=int)]


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        raw = gzip.decompress(raw)
    found = json.loads(raw or b"{}")
    return found if isinstance(found, dict) else {}


def _success(data: object) -> JSONResponse:
    return JSONResponse({"data": data, "code": None, "message": None, "success": True})


def _guarded(handler: Handler) -> Handler:
    """Every failure is an answer, never an HTTP 500 (SPCS reference, part 0, point 5)."""

    async def guarded(request: Request) -> JSONResponse:
        try:
            return await handler(request)
        except SnowflakeFault as fault:
            return JSONResponse(fault_json(fault))
        except (ValueError, OSError, EOFError) as error:
            return JSONResponse(fault_json(SnowflakeFault(391918, "22000", f"Bad request: {type(error).__name__}.")))
        except Exception:
            logger.exception("a defect of the local Snowflake")
            message = "Processing aborted by an internal error of the local Snowflake; its log has the reason."
            return JSONResponse(fault_json(SnowflakeFault(370001, "XX000", message)))

    return guarded
