"""GRANT, REVOKE and SHOW GRANTS (SPCS reference, part 7); :mod:`local.security.access` has the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from airflow_provider_raydp_spcs.local.errors import cannot, does_not_exist, unsupported
from airflow_provider_raydp_spcs.local.security.access import ACCOUNT, IN_SCHEMA
from airflow_provider_raydp_spcs.local.security.sign_in import USER
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status

_DONE: Final = "Statement executed successfully."
_KINDS: Final = (
    "Compute pool", "Image repository", "Network rule", "Warehouse", "Database", "Schema", "Stage", "Service",
    "Streamlit", "Integration", "Secret", "Table", "View", "Role",
)  # fmt: skip
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
        there = context.catalogue.has_role(self.name) if self.to == "ROLE" else self.name == USER
        if not there:
            raise does_not_exist(self.to.capitalize(), self.name)


@dataclass(frozen=True)
class Grant:
    """Privileges on one object, given to a role or taken from it."""

    privileges: tuple[str, ...]
    kind: str
    name: str
    receiver: Receiver
    grants: bool
    option: bool

    def run(self, context: Context) -> Answer:
        self.receiver.check(context)
        role = context.session.role
        name = full_name(self.name, context.session, "GRANT") if self.kind in IN_SCHEMA else self.name
        if self.kind == "Schema" and "." not in name:
            name = f"{context.session.database}.{name}"
        if self.kind not in (ACCOUNT, *_UNRECORDED) and context.access.owner(self.kind, name) is None:
            raise does_not_exist(self.kind, name)
        for privilege in self.privileges:
            context.access.may_grant(role, privilege, self.kind, name)
        for privilege in self.privileges:
            self._record(context, privilege, name)
        return status(_DONE)

    def _record(self, context: Context, privilege: str, name: str) -> None:
        receiver = self.receiver
        if privilege == "OWNERSHIP":
            _hand_over(context, self.kind, name, receiver.name)
        elif self.grants:
            access, by = context.access, context.session.role
            access.grant(receiver.to, receiver.name, privilege, self.kind, name, by=by, option=self.option)
        else:
            context.access.revoke(receiver.to, receiver.name, privilege, self.kind, name)


def _hand_over(context: Context, kind: str, name: str, role: str) -> None:
    if kind == "Compute pool":
        context.platform.set_pool_owner(name, role)
    elif kind == "Service":
        raise cannot("The ownership of a service cannot be transferred.")
    elif context.catalogue.has(kind, name):
        context.catalogue.change(kind, name, owner=role)


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
        if self.role not in [str(row["name"]).upper() for row in context.platform.show_roles(service)]:
            raise does_not_exist("Service role", f"{service}!{self.role}")
        context.needs("OWNERSHIP", "Service", service)
        name, receiver = f"{service}!{self.role}", self.receiver
        if self.grants:
            by = context.session.role
            context.access.grant(receiver.to, receiver.name, "USAGE", "Service role", name, by=by)
        else:
            context.access.revoke(receiver.to, receiver.name, "USAGE", "Service role", name)
        return status(_DONE)


def _read(cursor: Cursor, preposition: str, *, grants: bool) -> Statement:
    if cursor.take("ROLE"):
        role = cursor.name()
        cursor.expect(preposition)
        return GrantRole(role, _receiver(cursor), grants)
    if cursor.take("SERVICE", "ROLE"):
        service = cursor.name()
        cursor.expect("!")
        role = cursor.name()
        cursor.expect(preposition)
        return GrantServiceRole(service, role, _receiver(cursor), grants)
    if not grants:
        cursor.take("GRANT", "OPTION", "FOR")
    privileges = _privileges(cursor)
    kind, name = _object(cursor)
    cursor.expect(preposition)
    receiver = _receiver(cursor, ends=False)
    option = cursor.take("WITH", "GRANT", "OPTION")
    _ = cursor.take("COPY", "CURRENT", "GRANTS") or cursor.take("REVOKE", "CURRENT", "GRANTS")
    cursor.end()
    return Grant(privileges, kind, name, receiver, grants, option)


def _privileges(cursor: Cursor) -> tuple[str, ...]:
    found: list[str] = []
    words: list[str] = []
    while True:
        last = cursor.take("ON")
        if last or cursor.take(","):
            found.append("ALL" if words in (["ALL"], ["ALL", "PRIVILEGES"]) else " ".join(words))
            if last:
                return tuple(found)
            words = []
        else:
            words.append(cursor.word())


def _object(cursor: Cursor) -> tuple[str, str]:
    if cursor.take("ACCOUNT"):
        return ACCOUNT, ""
    for kind in _KINDS:
        if cursor.take(*kind.upper().split()):
            return kind, cursor.name()
    if cursor.words(1) in (("FUTURE",), ("ALL",)):
        raise unsupported(f"GRANT … ON {cursor.word()}")
    raise cursor.fault()


def _receiver(cursor: Cursor, *, ends: bool = True) -> Receiver:
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


@dataclass(frozen=True)
class ShowGrants:
    """What a role or user was given; who owns something has OWNERSHIP of it without a grant."""

    receiver: Receiver

    def run(self, context: Context) -> Answer:
        self.receiver.check(context)
        rows = [
            {
                "created_on": body["created_on"],
                "privilege": body["privilege"],
                "granted_on": body["kind"].replace(" ", "_"),
                "name": body["name"] or context.platform.account,
                "granted_to": body["to"],
                "grantee_name": body["role"],
                "grant_option": "true" if body["option"] else "false",
                "granted_by": body["by"],
            }
            for body in context.access.grants()
            if (body["to"], body["role"]) == (self.receiver.to, self.receiver.name)
        ]
        return answer_of("grants", rows)


@reads("SHOW GRANTS TO")
def show_grants(cursor: Cursor) -> Statement:
    return ShowGrants(_receiver(cursor))
