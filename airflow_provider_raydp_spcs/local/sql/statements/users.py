"""CREATE, ALTER, DROP, DESCRIBE USER and SHOW USERS; :mod:`local.security.users` keeps them (SPCS reference, part 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, cannot, invalid_value, unsupported
from airflow_provider_raydp_spcs.local.security import key_pairs, passwords
from airflow_provider_raydp_spcs.local.security.access import ACCOUNT
from airflow_provider_raydp_spcs.local.security.access_tokens import MINUTES_A_DAY, AccessTokens
from airflow_provider_raydp_spcs.local.security.users import KIND, WITHOUT_PASSWORD, Users, in_minutes
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.statements import access_tokens, user_rows
from airflow_provider_raydp_spcs.local.sql.statements.compute_pools import ShowFilters, read_filters
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.store import now
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status
from airflow_provider_raydp_spcs.local.wording import already_dropped, dropped

_DONE: Final = "Statement executed successfully."
_TYPES: Final = ("PERSON", "SERVICE", "SERVICE_AGENT", "LEGACY_SERVICE")
_OWN: Final = frozenset({"DEFAULT_WAREHOUSE", "DEFAULT_NAMESPACE", "DEFAULT_ROLE", "QUERY_TAG", "TIMEZONE"})
"""What users may change of themselves."""
_KEYS: Final = ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2")
_METHODS: Final = "MODIFY PROGRAMMATIC AUTHENTICATION METHODS"
_OF_PERSONS: Final = (
    "PASSWORD",
    "FIRST_NAME",
    "MIDDLE_NAME",
    "LAST_NAME",
    "MUST_CHANGE_PASSWORD",
    "MINS_TO_BYPASS_MFA",
)
_ACTIONS: Final = ("SET", "UNSET", "RENAME", "RESET", "ABORT", "ADD", "MODIFY", "ROTATE", "REMOVE")


def _name(cursor: Cursor) -> str:
    """A name, bare or in a text."""
    return Cursor(cursor.text()).name() if cursor.peek_is_text() else cursor.name()


def _type(cursor: Cursor) -> str:
    found = cursor.value().upper()
    if found == "NULL":
        return _TYPES[0]
    if found not in _TYPES:
        msg = f"invalid value '{found}' for property 'TYPE'; allowed are {', '.join(_TYPES)}"
        raise invalid_value(msg)
    return found


def _roles(cursor: Cursor) -> list[str]:
    found = [each.upper() for each in cursor.texts()]
    if found not in ([], ["ALL"]):
        msg = "invalid value for property 'DEFAULT_SECONDARY_ROLES'; allowed are ('ALL') and ()"
        raise invalid_value(msg)
    return found


_PROPERTIES: Final[dict[str, p.Reader]] = {
    **dict.fromkeys(("PASSWORD", "LOGIN_NAME", "DISPLAY_NAME", "FIRST_NAME", "MIDDLE_NAME", "LAST_NAME"), p.value),
    **dict.fromkeys(("EMAIL", "COMMENT", "QUERY_TAG", "TIMEZONE", *_KEYS), p.value),
    **dict.fromkeys(("MUST_CHANGE_PASSWORD", "DISABLED"), Cursor.boolean),
    **dict.fromkeys(("DAYS_TO_EXPIRY", "MINS_TO_UNLOCK", "MINS_TO_BYPASS_MFA"), Cursor.number),
    **dict.fromkeys(("DEFAULT_WAREHOUSE", "DEFAULT_NAMESPACE", "DEFAULT_ROLE", "NETWORK_POLICY"), _name),
    "DEFAULT_SECONDARY_ROLES": _roles,
    "TYPE": _type,
}


def _kept(values: dict[str, Any], kind: str, *, checks_password: bool) -> dict[str, Any]:
    """Properties as they are kept: no password, no time span.

    :param kind: the user's type.
    :raises SnowflakeFault: a value is not allowed.
    """
    found = dict(values)
    for name in _OF_PERSONS if kind in WITHOUT_PASSWORD else ():
        if name in found:
            raise invalid_value(f"Cannot set {name} on users with TYPE={kind}.")
    if "PASSWORD" in found:
        weak = passwords.weakness(found["PASSWORD"]) if checks_password else None
        if weak:
            raise _rejected(f"New password rejected by current password policy. Reason: '{weak}'.")
        found |= {"PASSWORD": passwords.hashed(found["PASSWORD"]), "password_set": now()}
        found |= {"failures": 0, "locked_until": None}
    for key in _KEYS:
        if key in found:
            try:
                digest = key_pairs.fingerprint(found[key])
            except key_pairs.InvalidKeyError:
                raise _rejected("New public key rejected by current policy. Reason: 'Invalid public key'.") from None
            found |= {f"{key}_FP": digest, f"{key}_LAST_SET_TIME": now()}
    if "DAYS_TO_EXPIRY" in found:
        days = found.pop("DAYS_TO_EXPIRY")
        found["expires_at"] = in_minutes(days * MINUTES_A_DAY) if days else None
    if "MINS_TO_UNLOCK" in found:
        minutes = found.pop("MINS_TO_UNLOCK")
        found |= {"failures": 0, "locked_until": in_minutes(minutes) if minutes > 0 else None}
    return found


def _rejected(text: str) -> SnowflakeFault:
    return SnowflakeFault(3002, "28P01", f"SQL execution error:\n{text}")


@dataclass(frozen=True, repr=False)
class CreateUser:
    name: str
    values: dict[str, Any]
    replace: bool
    if_not_exists: bool

    def run(self, context: Context) -> Answer:
        context.needs("CREATE USER", ACCOUNT)
        if self.replace:
            context.access.require_ownership_to_replace(context.session.role, KIND, self.name)
        if self.if_not_exists and context.catalogue.has(KIND, self.name):
            return status(f"{self.name} already exists, statement succeeded.")
        login = str(self.values.get("LOGIN_NAME") or self.name)
        _check_login(context, login, self.name)
        body = {
            "DISPLAY_NAME": self.name,
            "DEFAULT_SECONDARY_ROLES": ["ALL"],
            "owner": context.session.role,
            **_kept(self.values, str(self.values.get("TYPE", "")), checks_password=False),
            "LOGIN_NAME": login.upper(),
        }
        if context.catalogue.has(KIND, self.name) and self.replace:
            _forget(context, self.name)
        context.catalogue.create(KIND, self.name, body)
        return status(f"User {self.name} successfully created.")


def _check_login(context: Context, login: str, name: str) -> None:
    other = Users(context.catalogue).by_login(login)
    if other not in (None, name):
        raise SnowflakeFault(2002, "42710", f"SQL compilation error:\nObject '{login.upper()}' already exists.")


def _create(cursor: Cursor, *, replace: bool) -> Statement:
    if_not_exists = cursor.if_not_exists()
    return CreateUser(cursor.name(), p.read_properties(cursor, _PROPERTIES), replace, if_not_exists)


@reads("CREATE USER")
def create(cursor: Cursor) -> Statement:
    return _create(cursor, replace=False)


@reads("CREATE OR REPLACE USER")
def replace(cursor: Cursor) -> Statement:
    return _create(cursor, replace=True)


@dataclass(frozen=True, repr=False)
class AlterUser:
    """SET and UNSET: its owner may do everything, a user a little of their own."""

    name: str
    values: dict[str, Any]
    unset: tuple[str, ...] = ()

    def run(self, context: Context) -> Answer:
        changed = {*self.values, *self.unset}
        if self.name != context.session.user or not changed <= _OWN:
            is_about_keys = changed <= {*_KEYS}
            context.needs(_METHODS if is_about_keys else "OWNERSHIP", KIND, self.name)
        body = context.catalogue.get(KIND, self.name)
        if "LOGIN_NAME" in self.values:
            _check_login(context, self.values["LOGIN_NAME"], self.name)
        kind = str(self.values.get("TYPE") or body.get("TYPE") or "")
        values = _kept(self.values, kind, checks_password=True)
        if "LOGIN_NAME" in values:
            values["LOGIN_NAME"] = values["LOGIN_NAME"].upper()
        gone: dict[str, Any] = dict.fromkeys(self.unset)
        for name in self.unset:
            gone |= {f"{name}_FP": None, f"{name}_LAST_SET_TIME": None} if name in _KEYS else {}
            gone |= {"expires_at": None} if name == "DAYS_TO_EXPIRY" else {}
            gone |= {"locked_until": None, "failures": 0} if name == "MINS_TO_UNLOCK" else {}
            gone |= {name: ["ALL"]} if name == "DEFAULT_SECONDARY_ROLES" else {}
            gone |= {name: self.name} if name in ("LOGIN_NAME", "DISPLAY_NAME") else {}
        context.catalogue.change(KIND, self.name, **values, **gone)
        return status(_DONE)


@dataclass(frozen=True)
class RenameUser:
    name: str
    new: str

    def run(self, context: Context) -> Answer:
        context.needs("OWNERSHIP", KIND, self.name)
        body = context.catalogue.get(KIND, self.name)
        _check_login(context, self.new, self.name)
        if body["LOGIN_NAME"] == self.name:
            body["LOGIN_NAME"] = self.new
        context.catalogue.create(KIND, self.new, body)
        access = context.access
        for grant in [each for each in access.grants() if (each["to"], each["role"]) == ("USER", self.name)]:
            kept = {"by": grant["by"], "option": grant["option"]}
            access.grant("USER", self.new, grant["privilege"], grant["kind"], grant["name"], **kept)
        tokens = AccessTokens(context.catalogue, Users(context.catalogue))
        tokens.rename_user(self.name, self.new)
        _forget(context, self.name)
        return status(_DONE)


@dataclass(frozen=True)
class AbortQueries:
    name: str

    def run(self, context: Context) -> Answer:
        if self.name != context.session.user:
            context.needs("OPERATE", KIND, self.name)
        if context.session.desk is not None:
            context.session.desk.cancel_all_of(self.name)
        return status(_DONE)


@dataclass(frozen=True)
class OnlyIfUser:
    """What follows IF EXISTS."""

    name: str
    statement: Statement

    def run(self, context: Context) -> Answer | None:
        return self.statement.run(context) if context.catalogue.has(KIND, self.name) else status(_DONE)


@dataclass(frozen=True)
class OfOwnUser:
    """What an ALTER USER without a name says, for the user of the session; read when that is known."""

    cursor: Cursor

    def run(self, context: Context) -> Answer | None:
        return _read_action(self.cursor, context.session.user).run(context)


@reads("ALTER USER")
def alter(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    if cursor.words(1) and cursor.words(1)[0] in _ACTIONS:
        return OfOwnUser(cursor)
    name = cursor.name()
    statement = _read_action(cursor, name)
    return OnlyIfUser(name, statement) if if_exists else statement


def _read_action(cursor: Cursor, name: str) -> Statement:
    if cursor.take("SET"):
        return AlterUser(name, p.read_properties(cursor, _PROPERTIES))
    if cursor.take("RENAME", "TO"):
        new = cursor.name()
        cursor.end()
        return RenameUser(name, new)
    if cursor.take("RESET", "PASSWORD"):
        raise unsupported("ALTER USER … RESET PASSWORD")
    if cursor.take("ABORT", "ALL", "QUERIES"):
        cursor.end()
        return AbortQueries(name)
    if cursor.take("UNSET"):
        return AlterUser(name, {}, tuple(p.read_unset(cursor, _PROPERTIES)))
    return access_tokens.read(cursor, name)


def _forget(context: Context, name: str) -> None:
    context.catalogue.drop(KIND, name, if_exists=True)
    context.access.forget(KIND, name)
    AccessTokens(context.catalogue, Users(context.catalogue)).forget(name)


@dataclass(frozen=True)
class DropUser:
    name: str
    if_exists: bool

    def run(self, context: Context) -> Answer:
        if self.if_exists and not context.catalogue.has(KIND, self.name):
            return status(already_dropped(self.name))
        context.needs("OWNERSHIP", KIND, self.name)
        context.catalogue.get(KIND, self.name)
        if self.name == context.session.user:
            raise cannot(f"User '{self.name}' is the one who is signed in and cannot be dropped.")
        _forget(context, self.name)
        return status(dropped(self.name))


@reads("DROP USER")
def drop(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    cursor.end()
    return DropUser(name, if_exists)


@dataclass(frozen=True)
class DescribeUser:
    name: str

    def run(self, context: Context) -> Answer:
        if self.name != context.session.user:
            context.needs("OWNERSHIP", KIND, self.name)
        body = context.catalogue.get(KIND, self.name)
        return answer_of("user", user_rows.described(self.name, body, _has_token(context, self.name)))


@reads("DESC USER", "DESCRIBE USER")
def describe(cursor: Cursor) -> Statement:
    name = cursor.name()
    cursor.end()
    return DescribeUser(name)


@dataclass(frozen=True)
class ShowUsers:
    filters: ShowFilters
    terse: bool

    def run(self, context: Context) -> Answer:
        rows = []
        for name, body in context.catalogue.all(KIND):
            if context.owns(KIND, name) or context.has("MANAGE GRANTS", ACCOUNT):
                rows.append(user_rows.shown(name, body, _has_token(context, name)))
            else:
                rows.append({"name": name})  # every role sees that there is such a user, and nothing else of it
        return answer_of("terse users" if self.terse else "users", self.filters.apply(rows))


def _has_token(context: Context, name: str) -> bool:
    return any(True for _ in AccessTokens(context.catalogue, Users(context.catalogue)).of(name))


def _show(cursor: Cursor, *, terse: bool) -> Statement:
    filters = read_filters(cursor)
    cursor.end()
    return ShowUsers(filters, terse)


@reads("SHOW USERS")
def show(cursor: Cursor) -> Statement:
    return _show(cursor, terse=False)


@reads("SHOW TERSE USERS")
def show_terse(cursor: Cursor) -> Statement:
    return _show(cursor, terse=True)
