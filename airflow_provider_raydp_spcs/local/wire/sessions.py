"""Login, tokens and the life of sessions (SPCS reference 4.2 and 9.4)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.ingress.proxy import snowflake_token
from airflow_provider_raydp_spcs.local.security.access import Access
from airflow_provider_raydp_spcs.local.security.sign_in import (
    INGRESS_SECONDS,
    SESSION_SECONDS,
    USER,
    Identity,
    SignIn,
)
from airflow_provider_raydp_spcs.local.wire.answers import SessionFacts
from airflow_provider_raydp_spcs.local.tables.engine import Engine
from airflow_provider_raydp_spcs.local.wire.messages import body_of, success

DEFAULT_ROLE: Final = "ACCOUNTADMIN"


@dataclass
class Session:
    """A client's session; every token of it stands for it."""

    identity: Identity
    facts: SessionFacts
    tokens: list[str]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sessions:
    """The sessions of those who are signed in, and the routes by which they come and go."""

    def __init__(self, sign_in: SignIn, engine: Engine, access: Access) -> None:
        self._sign_in, self._engine, self._access = sign_in, engine, access
        self._sessions: dict[str, Session] = {}

    def of(self, request: Request) -> tuple[str, Session]:
        """The session that a request belongs to, and the token by which it does.

        :raises SnowflakeFault: 390104, the token is not, or no longer, one of a session.
        """
        token = snowflake_token(request.headers.get("authorization", "")) or ""
        session = self._sessions.get(token)
        if session is None or self._sign_in.identity(token, "session") is None:
            raise SnowflakeFault(390104, "08001", "Authentication token has expired. The user must authenticate again.")
        return token, session

    async def login(self, request: Request) -> JSONResponse:
        """Let a client in: a session, its token and its master token."""
        data = (await body_of(request)).get("data") or {}
        identity = self._who(data)
        query = request.query_params
        role = (query.get("roleName") or identity.role).upper()
        if role not in self._access.of_user(identity.user, identity.role):
            raise _no_such_role(role)
        assigned, identity = identity.role, replace(identity, role=role)
        token = self._sign_in.issue(identity, "session", SESSION_SECONDS)
        master = self._sign_in.issue(identity, "master", SESSION_SECONDS)
        database, schema = await run_in_threadpool(
            self._engine.open_session,
            token,
            *self._access.scope(role, _upper(query.get("databaseName")), _upper(query.get("schemaName"))),
        )
        given = dict(data.get("SESSION_PARAMETERS") or {})
        parameters = {str(key).upper(): str(value) for key, value in given.items()}
        warehouse = _upper(query.get("warehouse"))
        if warehouse and not self._access.sees(role, "Warehouse", warehouse):
            warehouse = None
        facts = SessionFacts(identity.user, role, database, schema, warehouse, parameters, assigned)
        self._sessions[token] = Session(identity, facts, [token])
        return success(
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

    async def token(self, request: Request) -> JSONResponse:
        """A fresh token of the session, asked for with the master token: ``ISSUE`` (good for the ingress) or ``RENEW``."""
        body = await body_of(request)
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
        return success(
            {"sessionToken": token, "validityInSecondsST": seconds, "masterToken": presented, "sessionId": 1}
        )

    async def heartbeat(self, request: Request) -> JSONResponse:
        """A client tells that it is there."""
        self.of(request)
        return success(None)

    async def end(self, request: Request) -> JSONResponse:
        """Log out."""
        _, session = self.of(request)
        if request.query_params.get("delete"):
            async with session.lock:
                for each in session.tokens:
                    self._sessions.pop(each, None)
                    self._sign_in.forget(each)
                await run_in_threadpool(self._engine.close_session, session.tokens)
        return success(None)


def _upper(name: str | None) -> str | None:
    return name.upper() if name else None


def _no_such_role(role: str) -> SnowflakeFault:
    text = (
        f"Role '{role}' specified in the connect string does not exist or not authorized. Contact your local system "
        "administrator, or attempt to login with another role, e.g. PUBLIC."
    )
    return SnowflakeFault(390189, "08004", text)
