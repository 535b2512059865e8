"""Login, tokens and the life of sessions (SPCS reference 4.2 and 9.4)."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.ingress.headers import snowflake_token
from airflow_provider_raydp_spcs.local.security.access import Access
from airflow_provider_raydp_spcs.local.security.sign_in import SESSION_SECONDS, Identity, SignIn
from airflow_provider_raydp_spcs.local.tables.engine import Engine
from airflow_provider_raydp_spcs.local.wire.answers import SessionFacts
from airflow_provider_raydp_spcs.local.wire.messages import body_of, mapping, success

MASTER_FACTOR: Final = 4
"""A master token is good for so many times as long as the session tokens that it renews."""


@dataclass
class Session:
    """A client's session.

    :param token: the token that stands for it now.
    :param master: the token that renews it.
    :param tokens: every token that it ever had.
    :param until: when it ends unless it is renewed or heard of, on the monotonic clock.
    """

    identity: Identity
    facts: SessionFacts
    token: str
    master: str
    tokens: list[str]
    until: float
    id: int = field(default_factory=lambda: uuid.uuid4().int % 2**53)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class Wanted:
    """What a client asks for as it comes in; None is the user's default."""

    role: str | None = None
    database: str | None = None
    schema: str | None = None
    warehouse: str | None = None
    parameters: dict[str, object] = field(default_factory=dict)


class Sessions:
    """The sessions of those who are signed in, and the routes by which they come and go.

    :param seconds: for how long a session's token is good; then the client renews it with the master token.
    """

    def __init__(self, sign_in: SignIn, engine: Engine, access: Access, seconds: float = SESSION_SECONDS) -> None:
        self.on_close: Callable[[SessionFacts], None] = lambda _: None
        """What else ends with a session."""
        self._sign_in, self._engine, self._access, self._seconds = sign_in, engine, access, seconds
        self._by_token: dict[str, Session] = {}
        self._by_master: dict[str, Session] = {}

    @property
    def count(self) -> int:
        """How many sessions there are."""
        return len(self._by_master)

    def of(self, request: Request) -> tuple[str, Session]:
        """The session that a request belongs to, and the token by which it does.

        :raises SnowflakeFault: 390112, the token is to be renewed; 390104, it is no session's, or no longer.
        """
        token = snowflake_token(request.headers.get("authorization", "")) or ""
        session = self._by_token.get(token)
        if session is None or not self._sign_in.may_go_on(session.identity):
            raise _gone()
        if self._sign_in.identity(token, "session") is None:
            raise SnowflakeFault(390112, "08001", "Your session has expired. Please login again.")
        return token, session

    async def login(self, request: Request) -> JSONResponse:
        """Let a client in: a session, its token and its master token."""
        data = mapping((await body_of(request)).get("data"))
        query = request.query_params
        given = mapping(data.get("SESSION_PARAMETERS"))
        wanted = Wanted(
            query.get("roleName"), query.get("databaseName"), query.get("schemaName"), query.get("warehouse"), given
        )
        session = await self.open(await run_in_threadpool(self._who, data), wanted)
        facts = session.facts
        return success(
            {
                **self._validity(session),
                "token": session.token,
                "displayUserName": facts.user,
                "serverVersion": "10.0.0",
                "parameters": [
                    {"name": "AUTOCOMMIT", "value": True},
                    {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": 3600},
                    {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
                    {"name": "TIMEZONE", "value": "Etc/UTC"},
                    *({"name": key, "value": value} for key, value in given.items()),
                ],
                "sessionInfo": {
                    "databaseName": facts.database,
                    "schemaName": facts.schema,
                    "warehouseName": facts.warehouse,
                    "roleName": facts.role,
                },
            }
        )

    async def open(self, identity: Identity, wanted: Wanted) -> Session:
        """Open a session.

        :raises SnowflakeFault: 390189, the role that is asked for is not the user's.
        """
        await self._sweep()
        assigned = identity.role if identity.service or identity.is_restricted else "PUBLIC"
        role = self._role(identity, wanted.role)
        defaults = self._sign_in.users.find(identity.user) if identity.service is None else None
        database, schema, warehouse = _defaults(wanted, defaults or {})
        scope = self._access.scope(role, database, schema)
        token = self._sign_in.issue(replace(identity, role=role), "session", self._seconds)
        master = self._sign_in.issue(replace(identity, role=role), "master", self._seconds * MASTER_FACTOR)
        database, schema = await run_in_threadpool(self._engine.open_session, token, *scope)
        if warehouse and not self._access.sees(role, "Warehouse", warehouse):
            warehouse = None
        parameters = {str(key).upper(): str(value) for key, value in wanted.parameters.items()}
        facts = SessionFacts(identity.user, role, database, schema, warehouse, parameters, assigned)
        facts.is_restricted = identity.is_restricted or identity.service is not None
        facts.secondary_roles = "ALL" if (defaults or {}).get("DEFAULT_SECONDARY_ROLES") else "NONE"
        session = Session(identity, facts, token, master, [token], self._end_of_life())
        self._by_token[token] = self._by_master[master] = session
        return session

    async def close(self, session: Session) -> None:
        """End a session, and every token of it."""
        async with session.lock:
            self._by_master.pop(session.master, None)
            for each in session.tokens:
                self._by_token.pop(each, None)
            for each in (session.master, *session.tokens):
                self._sign_in.forget(each)
            await run_in_threadpool(self._engine.close_session, session.tokens)
            await run_in_threadpool(self.on_close, session.facts)

    async def token(self, request: Request) -> JSONResponse:
        """A fresh token of the session, asked for with its master token: ``ISSUE`` (another one) or ``RENEW``."""
        body = await body_of(request)
        presented = snowflake_token(request.headers.get("authorization", "")) or ""
        session = self._by_master.get(presented)
        if session is None:
            raise SnowflakeFault(390113, "08001", "Master token not found. Login again to access the service.")
        if self._sign_in.identity(presented, "master") is None or not self._sign_in.may_go_on(session.identity):
            await self.close(session)
            text = "Authentication token has expired.  The user must authenticate again."
            raise SnowflakeFault(390114, "08001", text)
        old = str(body.get("oldSessionToken") or "")
        if old not in session.tokens:
            raise SnowflakeFault(390115, "08001", "The master token is invalid for this session token.")
        token = self._sign_in.issue(replace(session.identity, role=session.facts.role), "session", self._seconds)
        if body.get("requestType") != "ISSUE":
            self._sign_in.forget(session.token)
            self._extend(session)
        # A client that asks for another token goes on with that one, so both stand for the session.
        self._by_token[token] = session
        session.tokens.append(token)
        session.token = token
        self._engine.alias(token, session.tokens[0])
        return success({"sessionToken": token, **self._validity(session)})

    async def heartbeat(self, request: Request) -> JSONResponse:
        """A client tells that it is there; its session lives on from now."""
        _, session = self.of(request)
        self._extend(session)
        return success(None)

    async def telemetry(self, request: Request) -> JSONResponse:
        """What a client measures of itself; nothing is done with it."""
        self.of(request)
        return success(None)

    async def end(self, request: Request) -> JSONResponse:
        """Log out."""
        _, session = self.of(request)
        if request.query_params.get("delete"):
            await self.close(session)
        return success(None)

    def _who(self, data: dict[str, Any]) -> Identity:
        """Who signs in.

        :raises SnowflakeFault: nobody who may.
        """
        how = str(data.get("AUTHENTICATOR") or "SNOWFLAKE").upper()
        login, token = str(data.get("LOGIN_NAME") or ""), str(data.get("TOKEN") or "")
        if how == "OAUTH":
            return self.service(token)
        if how == "SNOWFLAKE_JWT":
            return self._sign_in.with_jwt(token)
        if how == "PROGRAMMATIC_ACCESS_TOKEN":
            return self._sign_in.with_access_token(token, login)
        if how != "SNOWFLAKE":
            raise SnowflakeFault(
                390100, "08001", f"The authenticator {how[:40]} is not supported by the local Snowflake."
            )
        return self._sign_in.with_password(login, str(data.get("PASSWORD") or ""))

    def service(self, token: str) -> Identity:
        """The service whose token this is (SPCS reference 3.5).

        :raises SnowflakeFault: 390303, none's.
        """
        identity = self._sign_in.identity(token, "service")
        if identity is None:
            raise SnowflakeFault(390303, "08001", "Invalid OAuth access token.")
        return identity

    def _role(self, identity: Identity, wanted: str | None) -> str:
        """The role to begin with: the wanted one, else the user's default, else PUBLIC."""
        alone = identity.service is not None or identity.is_restricted
        own = self._access.roles(identity.role) if alone else self._access.of_user(identity.user, "PUBLIC")
        if alone and not identity.service and identity.role not in self._access.of_user(identity.user, "PUBLIC"):
            raise _no_such_role(identity.role)  # it was taken from the user after the token was made
        role = wanted.upper() if wanted else identity.role
        if role not in own:
            if wanted is None:
                return "PUBLIC"
            raise _no_such_role(role)
        return role

    def _validity(self, session: Session) -> dict[str, Any]:
        seconds = self._seconds * MASTER_FACTOR
        return {
            "masterToken": session.master,
            "validityInSeconds": int(self._seconds),
            "validityInSecondsST": int(self._seconds),
            "masterValidityInSeconds": int(seconds),
            "validityInSecondsMT": int(seconds),
            "sessionId": session.id,
        }

    def _end_of_life(self) -> float:
        return time.monotonic() + self._seconds * MASTER_FACTOR

    def _extend(self, session: Session) -> None:
        session.until = self._end_of_life()
        self._sign_in.extend(session.master, self._seconds * MASTER_FACTOR)

    async def _sweep(self) -> None:
        """Close the sessions that have ended without a word."""
        now = time.monotonic()
        for session in [each for each in self._by_master.values() if each.until < now and not each.lock.locked()]:
            await self.close(session)


def _defaults(wanted: Wanted, user: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    """Database, schema and warehouse, from the user's defaults where the client names none."""
    database, _, schema = str(user.get("DEFAULT_NAMESPACE") or "").partition(".")
    if wanted.database:
        database, schema = wanted.database.upper(), ""
    schema = wanted.schema.upper() if wanted.schema else schema
    warehouse = wanted.warehouse or user.get("DEFAULT_WAREHOUSE")
    return database or None, schema or None, str(warehouse).upper() if warehouse else None


def _gone() -> SnowflakeFault:
    return SnowflakeFault(390104, "08001", "Authentication token has expired. The user must authenticate again.")


def _no_such_role(role: str) -> SnowflakeFault:
    text = (
        f"Role '{role}' specified in the connect string does not exist or not authorized. Contact your local system "
        "administrator, or attempt to login with another role, e.g. PUBLIC."
    )
    return SnowflakeFault(390189, "08004", text)
