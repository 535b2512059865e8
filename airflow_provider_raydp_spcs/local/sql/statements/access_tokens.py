"""ALTER USER … ADD, MODIFY, ROTATE, REMOVE PROGRAMMATIC ACCESS TOKEN, and SHOW (SPCS reference 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import invalid_value
from airflow_provider_raydp_spcs.local.security.access_tokens import DEFAULT_DAYS, MAX_DAYS, AccessTokens
from airflow_provider_raydp_spcs.local.security.users import KIND as USER
from airflow_provider_raydp_spcs.local.security.users import Users, is_past
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer, Column, RowsAnswer, status

_DONE: Final = "Statement executed successfully."
_METHODS: Final = "MODIFY PROGRAMMATIC AUTHENTICATION METHODS"
_SERVICES: Final = frozenset({"SERVICE", "SERVICE_AGENT", "LEGACY_SERVICE"})
_HOURS: Final = 24


def _tokens(context: Context) -> AccessTokens:
    return AccessTokens(context.catalogue, Users(context.catalogue))


def _role(cursor: Cursor) -> str:
    return Cursor(cursor.text()).name() if cursor.peek_is_text() else cursor.name()


_ADDED: Final[dict[str, p.Reader]] = {
    "ROLE_RESTRICTION": _role,
    "DAYS_TO_EXPIRY": p.at_least(1, "DAYS_TO_EXPIRY"),
    "MINS_TO_BYPASS_NETWORK_POLICY_REQUIREMENT": Cursor.number,
    "COMMENT": p.text,
}
_MODIFIED: Final[dict[str, p.Reader]] = {
    "DISABLED": Cursor.boolean,
    "MINS_TO_BYPASS_NETWORK_POLICY_REQUIREMENT": Cursor.number,
    "COMMENT": p.text,
}


def _check(context: Context, user: str) -> dict[str, Any]:
    """Everybody may do with their own tokens what they like; answer what is kept of the user."""
    if user != context.session.user:
        context.needs(_METHODS, USER, user)
    return context.catalogue.get(USER, user)


@dataclass(frozen=True)
class AddToken:
    user: str
    name: str
    values: dict[str, Any]
    if_not_exists: bool

    def run(self, context: Context) -> Answer:
        body = _check(context, self.user)
        tokens = _tokens(context)
        if self.if_not_exists and tokens.has(self.user, self.name):
            return status(f"{self.name} already exists, statement succeeded.")
        role = self.values.get("ROLE_RESTRICTION")
        if role is None and body.get("TYPE") in _SERVICES:
            msg = f"a token of user {self.user}, whose TYPE is {body['TYPE']}, needs a value for property 'ROLE_RESTRICTION'"
            raise invalid_value(msg)
        if role is not None and role not in context.access.of_user(self.user, "PUBLIC"):
            msg = (
                f"invalid value '{role}' for property 'ROLE_RESTRICTION'; it must be a role granted to user {self.user}"
            )
            raise invalid_value(msg)
        days = int(self.values.get("DAYS_TO_EXPIRY", DEFAULT_DAYS))
        if days > MAX_DAYS:
            msg = f"invalid value {days} for property 'DAYS_TO_EXPIRY'; it must be at most {MAX_DAYS}"
            raise invalid_value(msg)
        comment = self.values.get("COMMENT", "")
        secret = tokens.add(self.user, self.name, days=days, role=role, by=context.session.user, comment=comment)
        return RowsAnswer([Column("token_name"), Column("token_secret")], [[self.name, secret]])


@dataclass(frozen=True)
class ModifyToken:
    """SET, UNSET and RENAME."""

    user: str
    name: str
    values: dict[str, Any]

    def run(self, context: Context) -> Answer:
        _check(context, self.user)
        _tokens(context).change(self.user, self.name, self.values)
        return status(_DONE)


@dataclass(frozen=True)
class RotateToken:
    user: str
    name: str
    if_exists: bool
    hours: int

    def run(self, context: Context) -> Answer:
        _check(context, self.user)
        tokens = _tokens(context)
        if self.if_exists and not tokens.has(self.user, self.name):
            return status(_DONE)
        secret, rotated = tokens.rotate(self.user, self.name, hours=self.hours)
        columns = [Column("token_name"), Column("token_secret"), Column("rotated_token_name")]
        return RowsAnswer(columns, [[self.name, secret, rotated]])


@dataclass(frozen=True)
class RemoveToken:
    user: str
    name: str
    if_exists: bool

    def run(self, context: Context) -> Answer:
        _check(context, self.user)
        tokens = _tokens(context)
        if not self.if_exists or tokens.has(self.user, self.name):
            tokens.remove(self.user, self.name)
        return status(f"Programmatic access token {self.name} successfully removed.")


def read(cursor: Cursor, user: str) -> Statement:
    """Read what follows ``ALTER USER <user>``.

    :raises SnowflakeFault: it is about no token.
    """
    action = cursor.words(1)[0] if cursor.words(1) else ""
    if action not in ("ADD", "MODIFY", "ROTATE", "REMOVE"):
        raise cursor.fault()
    cursor.word()
    if not (cursor.take("PAT") or cursor.take("PROGRAMMATIC", "ACCESS", "TOKEN")):
        raise cursor.fault()
    if action == "ADD":
        if_not_exists = cursor.if_not_exists()
        return AddToken(user, cursor.name(), p.read_properties(cursor, _ADDED), if_not_exists)
    if_exists = cursor.if_exists()
    name = cursor.name()
    if action == "MODIFY":
        return ModifyToken(user, name, _modified(cursor))
    if action == "ROTATE":
        values = p.read_properties(cursor, {"EXPIRE_ROTATED_TOKEN_AFTER_HOURS": p.at_least(0, "hours")})
        return RotateToken(user, name, if_exists, values.get("EXPIRE_ROTATED_TOKEN_AFTER_HOURS", _HOURS))
    cursor.end()
    return RemoveToken(user, name, if_exists)


def _modified(cursor: Cursor) -> dict[str, Any]:
    if cursor.take("RENAME", "TO"):
        new = cursor.name()
        cursor.end()
        return {"name": new}
    if cursor.take("UNSET"):
        return dict.fromkeys(p.read_unset(cursor, _MODIFIED))
    cursor.expect("SET")
    return p.read_properties(cursor, _MODIFIED)


@dataclass(frozen=True)
class ShowTokens:
    user: str | None

    def run(self, context: Context) -> Answer:
        user = self.user or context.session.user
        if user != context.session.user:
            context.needs("MODIFY", USER, user)
        is_shut_out = not Users(context.catalogue).may_go_on(user)
        rows = [
            {
                "name": body["name"],
                "user_name": user,
                "role_restriction": body["role"],
                "expires_at": body["expires_at"],
                "status": _status(body, is_shut_out=is_shut_out),
                "comment": body.get("COMMENT") or "",
                "created_on": body["created_on"],
                "created_by": body["by"],
            }
            for _, body in _tokens(context).of(user)
        ]
        return answer_of("access tokens", rows)


def _status(body: dict[str, Any], *, is_shut_out: bool) -> str:
    if is_past(body["expires_at"]):
        return "EXPIRED"
    return "DISABLED" if body.get("DISABLED") or is_shut_out else "ACTIVE"


@reads("SHOW USER PROGRAMMATIC ACCESS TOKENS", "SHOW USER PATS")
def show(cursor: Cursor) -> Statement:
    user = cursor.name() if cursor.take("FOR", "USER") else None
    cursor.end()
    return ShowTokens(user)
