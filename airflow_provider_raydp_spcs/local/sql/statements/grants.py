"""GRANT and REVOKE (SPCS reference, part 7); :mod:`local.security.access` has the rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, cannot, does_not_exist, syntax_error, unsupported
from airflow_provider_raydp_spcs.local.security.access import ACCOUNT, IN_SCHEMA
from airflow_provider_raydp_spcs.local.security.privileges import exists
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status

_DONE: Final = "Statement executed successfully."
KINDS: Final = (
    "Compute pool", "Image repository", "Network rule", "File format", "Warehouse", "Database", "Schema", "Stage", "Service",
    "Snapshot", "Streamlit", "Integration", "Secret", "Table", "View", "Role", "User",
)  # fmt: skip
_PLURALS: Final = {
    "IMAGE REPOSITORIES": "Image repository",
    **{
        f"{kind.upper()}S": kind
        for kind in ("Network rule", "File format", "Schema", "Stage", "Service", "Snapshot", "Streamlit", "Secret")
    },
    "TABLES": "Table",
    "VIEWS": "View",
}
_UNRECORDED: Final = frozenset({"Database", "Schema", "Table", "View", "Secret"})
"""Kinds of which others than the catalogue may know."""


@dataclass(frozen=True)
class Receiver:
    """Who is given a privilege, or loses it."""

    to: str
    name: str

    def check(self, context: Context) -> None:
        """There must be such a role or user.

        :raises SnowflakeFault: there is none.
        """
        there = context.catalogue.has_role(self.name) if self.to == "ROLE" else context.catalogue.has("User", self.name)
        if not there:
            raise does_not_exist(self.to.capitalize(), self.name)


@dataclass(frozen=True)
class How:
    """What else a GRANT or REVOKE says.

    :param grants: whether it is a GRANT.
    :param option: the grant option: given along, or (REVOKE) the only thing that is taken.
    :param current: ``COPY`` or ``REVOKE``: what becomes of an object's other grants as it changes hands.
    :param cascades: whether a REVOKE also takes what was handed on.
    """

    grants: bool
    option: bool = False
    current: str = ""
    cascades: bool = False


@dataclass(frozen=True)
class Grant:
    """Privileges on one object, given to a role or taken from it."""

    privileges: tuple[str, ...]
    kind: str
    name: str
    receiver: Receiver
    how: How

    def run(self, context: Context) -> Answer:
        self.receiver.check(context)
        name = whole_name(self.kind, self.name, context, "GRANT")
        if self.kind not in (ACCOUNT, *_UNRECORDED) and context.access.owner(self.kind, name) is None:
            raise does_not_exist(self.kind, name)
        _change(context, self, name)
        return status(_DONE)


def _change(context: Context, asked: Grant, name: str) -> None:
    for privilege in asked.privileges:
        context.access.may_grant(context.session.role, privilege, asked.kind, name)
    for privilege in asked.privileges:
        if privilege == "OWNERSHIP":
            _hand_over(context, asked, name)
        elif asked.how.grants:
            access, receiver = context.access, asked.receiver
            by = access.grantor(context.session.role, privilege, asked.kind, name)
            access.grant(receiver.to, receiver.name, privilege, asked.kind, name, by=by, option=asked.how.option)
        else:
            _take_back(context, asked.receiver.name, privilege, asked.kind, name, asked.how)


def _take_back(context: Context, role: str, privilege: str, kind: str, name: str, how: How) -> None:
    """Take a privilege, and with CASCADE what its holder has handed on of it."""
    access = context.access
    this = (privilege, kind.upper(), name)
    found = [each for each in access.grants() if (each["privilege"], each["kind"], each["name"]) == this]
    handed_on = [each["role"] for each in found if each["by"] == role and each["role"] != role]
    if handed_on and not how.cascades and access.owner(kind, name) != role:
        raise _dependent(privilege, name or context.platform.account, handed_on[0])
    for each in found:
        if each["role"] == role and each["to"] == "ROLE":
            access.revoke("ROLE", role, privilege, kind, name)
            if how.option:
                access.grant("ROLE", role, privilege, kind, name, by=each["by"])
    for other in handed_on if how.cascades else ():
        _take_back(context, other, privilege, kind, name, How(grants=False, cascades=True))


def _dependent(privilege: str, name: str, role: str) -> SnowflakeFault:
    text = (
        f"SQL execution error:\nDependent grant of privilege '{privilege}' on securable '{name}' to role '{role}' exists. "
        "It must be revoked first. More than one dependent grant may exist: use 'SHOW GRANTS' command to view them."
    )
    return SnowflakeFault(3036, "42501", text)


def _hand_over(context: Context, asked: Grant, name: str) -> None:
    kind, role = asked.kind, asked.receiver.name
    if not asked.how.grants:
        raise cannot("OWNERSHIP cannot be revoked; grant it to another role instead.")
    if kind == "Service":
        raise cannot("The ownership of a service cannot be transferred.")
    others = [each for each in context.access.grants() if (each["kind"], each["name"]) == (kind.upper(), name)]
    if others and not asked.how.current:
        raise _dependent(others[0]["privilege"], name, others[0]["role"])
    for each in others:
        again = (each["to"], each["role"], each["privilege"], kind, name)
        context.access.revoke(*again)
        if asked.how.current == "COPY":
            context.access.grant(*again, by=role, option=each["option"])
    if kind == "Compute pool":
        context.platform.set_pool_owner(name, role)
    elif context.catalogue.has(kind, name):
        context.catalogue.change(kind, name, owner=role)


@dataclass(frozen=True)
class GrantInside:
    """Privileges on all objects of a kind that are in a database or schema, or (``future``) will be."""

    privileges: tuple[str, ...]
    kind: str
    outer: tuple[str, str]
    receiver: Receiver
    how: How
    future: bool

    def run(self, context: Context) -> Answer:
        self.receiver.check(context)
        of, outer = self.outer
        outer = whole_name(of, outer, context, "GRANT")
        if not self.future:
            for name in inside(context, self.kind, outer):
                _change(context, Grant(self.privileges, self.kind, name, self.receiver, self.how), name)
            return status(_DONE)
        if "OWNERSHIP" in self.privileges:
            raise unsupported("GRANT OWNERSHIP ON FUTURE")
        access, role = context.access, self.receiver.name
        if not context.has("MANAGE GRANTS", ACCOUNT):
            context.needs("OWNERSHIP", of, outer)
        for privilege in self.privileges:
            if self.how.grants:
                by, option = context.session.role, self.how.option
                access.grant_future(role, privilege, self.kind, of, outer, by=by, option=option)
            else:
                access.revoke_future(role, privilege, self.kind, of, outer)
        return status(_DONE)


def inside(context: Context, kind: str, outer: str) -> Iterator[str]:
    """Full names of the objects of a kind that are in a database or schema."""
    known = (name for name, _ in context.catalogue.all(kind))
    services = (
        f"{row['database_name']}.{row['schema_name']}.{row['name']}" for row in context.platform.show_services()
    )
    yield from (name for name in (services if kind == "Service" else known) if name.startswith(f"{outer}."))


@dataclass(frozen=True)
class GrantRole:
    """A role, given to another role or to a user."""

    role: str
    receiver: Receiver
    grants: bool

    def run(self, context: Context) -> Answer:
        if not context.catalogue.has_role(self.role):
            raise does_not_exist("Role", self.role)
        self.receiver.check(context)
        access, receiver, own = context.access, self.receiver, context.session.role
        access.may_grant(own, "USAGE", "Role", self.role)
        if self.grants:
            if receiver.to == "ROLE" and receiver.name in access.roles(self.role):
                raise cannot(f"Role {self.role} cannot be granted to {receiver.name}, which is granted to it.")
            access.grant(receiver.to, receiver.name, "USAGE", "Role", self.role, by=own)
        else:
            access.revoke(receiver.to, receiver.name, "USAGE", "Role", self.role)
        return status(_DONE)


@dataclass(frozen=True)
class GrantServiceRole:
    """The right to use endpoints of a service (reference 4.3)."""

    service: str
    role: str
    receiver: Receiver
    grants: bool

    def run(self, context: Context) -> Answer:
        self.receiver.check(context)
        service = full_name(self.service, context.session, "GRANT")
        context.needs("OWNERSHIP", "Service", service)
        name, receiver = service_role(context, service, self.role), self.receiver
        if self.grants:
            by = context.session.role
            context.access.grant(receiver.to, receiver.name, "USAGE", "Service role", name, by=by)
        else:
            context.access.revoke(receiver.to, receiver.name, "USAGE", "Service role", name)
        return status(_DONE)


def service_role(context: Context, service: str, role: str) -> str:
    """The full name of a service's role.

    :raises SnowflakeFault: the service has no such role.
    """
    if role not in [str(row["name"]).upper() for row in context.platform.show_roles(service)]:
        raise does_not_exist("Service role", f"{service}!{role}")
    return f"{service}!{role}"


def whole_name(kind: str, name: str, context: Context, verb: str) -> str:
    """The full name of an object, whatever of it the statement has."""
    if kind in IN_SCHEMA:
        return full_name(name, context.session, verb)
    if kind == "Schema" and "." not in name:
        return f"{context.session.database}.{name}"
    return name


def _read(cursor: Cursor, preposition: str, *, grants: bool) -> Statement:
    if cursor.take("ROLE"):
        role = cursor.name()
        cursor.expect(preposition)
        return GrantRole(role, receiver_of(cursor), grants)
    if cursor.take("SERVICE", "ROLE"):
        service = cursor.name()
        cursor.expect("!")
        role = cursor.name()
        cursor.expect(preposition)
        return GrantServiceRole(service, role, receiver_of(cursor), grants)
    if cursor.words(2) in (("DATABASE", "ROLE"), ("APPLICATION", "ROLE")):
        raise unsupported(f"GRANT {' '.join(cursor.words(2))}")
    only_option = not grants and cursor.take("GRANT", "OPTION", "FOR")
    privileges = _privileges(cursor)
    future = cursor.take("FUTURE")
    several = future or cursor.take("ALL")
    kind, name = ("", "") if several else object_of(cursor)
    if several:
        kind = _plural(cursor)
        cursor.expect("IN")
        outer = object_of(cursor)
        if outer[0] not in ("Database", "Schema"):
            raise cursor.fault()
    for privilege in privileges:
        if not exists(privilege, kind):
            start = next(each.start for each in cursor.tokens if each.text.upper() == privilege.partition(" ")[0])
            raise syntax_error(start, privilege)
    cursor.expect(preposition)
    receiver = receiver_of(cursor, ends=False)
    if receiver.to == "USER":
        raise unsupported("privileges granted to users; grant them to a role")
    how = _how(cursor, grants=grants, only_option=only_option)
    cursor.end()
    if several:
        return GrantInside(privileges, kind, outer, receiver, how, future)
    return Grant(privileges, kind, name, receiver, how)


def _how(cursor: Cursor, *, grants: bool, only_option: bool) -> How:
    option = cursor.take("WITH", "GRANT", "OPTION") if grants else only_option
    current = next((word for word in ("COPY", "REVOKE") if grants and cursor.take(word, "CURRENT", "GRANTS")), "")
    cascades = not grants and cursor.take("CASCADE")
    if not grants and not cascades:
        cursor.take("RESTRICT")
    return How(grants, option, current, cascades)


def _privileges(cursor: Cursor) -> tuple[str, ...]:
    found: list[str] = []
    words: list[str] = []
    while True:
        last = cursor.take("ON")
        if last or cursor.take(","):
            if not words:
                raise cursor.fault()
            found.append("ALL" if words in (["ALL"], ["ALL", "PRIVILEGES"]) else " ".join(words))
            if last:
                return tuple(found)
            words = []
        else:
            words.append(cursor.word())


def _plural(cursor: Cursor) -> str:
    for plural, kind in _PLURALS.items():
        if cursor.take(*plural.split()):
            return kind
    raise cursor.fault()


def object_of(cursor: Cursor) -> tuple[str, str]:
    """The kind and name of an object, ``ACCOUNT`` without one."""
    if cursor.take("ACCOUNT"):
        return ACCOUNT, ""
    for kind in KINDS:
        if cursor.take(*kind.upper().split()):
            return kind, cursor.name()
    raise cursor.fault()


def receiver_of(cursor: Cursor, *, ends: bool = True) -> Receiver:
    """Who follows TO or FROM."""
    to = "USER" if cursor.take("USER") else "ROLE"
    cursor.take("ROLE")
    receiver = Receiver(to, cursor.name())
    if ends:
        cursor.end()
    return receiver


@reads("GRANT")
def grant(cursor: Cursor) -> Statement:
    return _read(cursor, "TO", grants=True)


@reads("REVOKE")
def revoke(cursor: Cursor) -> Statement:
    return _read(cursor, "FROM", grants=False)
