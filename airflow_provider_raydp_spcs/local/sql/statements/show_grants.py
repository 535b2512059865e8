"""SHOW GRANTS in its forms (SPCS reference, part 7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import does_not_exist, insufficient_privileges
from airflow_provider_raydp_spcs.local.security.access import ACCOUNT, HIERARCHY, SYSTEM
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name
from airflow_provider_raydp_spcs.local.sql.statements.grants import (
    KINDS,
    Receiver,
    object_of,
    service_role,
    whole_name,
)
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer

_OWNED: Final = "OWNERSHIP"


def _may_look(context: Context, kind: str, name: str) -> None:
    """Grants of a role or user are for those who have it, and those who manage grants.

    :raises SnowflakeFault: the session's role is none of them.
    """
    if context.has("MANAGE GRANTS", ACCOUNT):
        return
    mine = context.access.roles(context.session.role, *context.secondary_roles)
    if (kind == "Role" and name in mine) or (kind == "User" and name == context.session.user):
        return
    if not context.owns(kind, name):
        raise insufficient_privileges(kind, name)


def _row(context: Context, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "created_on": body["created_on"],
        "privilege": body["privilege"],
        "granted_on": body["kind"].replace(" ", "_"),
        "name": body["name"] or context.platform.account,
        "granted_to": body["to"],
        "grantee_name": body["role"],
        "grant_option": "true" if body["option"] else "false",
        "granted_by": body["by"],
        "granted_by_role_type": "ROLE",
    }


def _owned(kind: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
    owner = str(body.get("owner") or "ACCOUNTADMIN")
    made = {"to": "ROLE", "role": owner, "privilege": _OWNED, "kind": kind.upper(), "name": name}
    return {**made, "option": True, "by": owner, "created_on": body.get("created_on")}


def _everything(context: Context) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Kind, full name and record of every object that has an owner."""
    for kind in KINDS:
        yield from ((kind, name, body) for name, body in context.catalogue.all(kind))
    for row in context.platform.pools.show():
        yield "Compute pool", str(row["name"]), row
    for row in context.platform.show_services():
        yield "Service", f"{row['database_name']}.{row['schema_name']}.{row['name']}", row


def _from_the_beginning(role: str) -> Iterator[dict[str, Any]]:
    """What Snowflake's own roles have without anybody's grant."""
    common = {"to": "ROLE", "role": role, "option": False, "by": "", "created_on": None}
    for privilege in sorted(SYSTEM.get(role, ())):
        yield {**common, "privilege": privilege, "kind": "ACCOUNT", "name": ""}
    for inner in HIERARCHY.get(role, ()):
        yield {**common, "privilege": "USAGE", "kind": "ROLE", "name": inner}


@dataclass(frozen=True)
class ShowGrantsTo:
    """What a role or user was given; who owns an object has OWNERSHIP of it."""

    receiver: Receiver | None
    limit: int | None

    def run(self, context: Context) -> Answer:
        receiver = self.receiver or Receiver("USER", context.session.user)
        receiver.check(context)
        _may_look(context, receiver.to.capitalize(), receiver.name)
        found = [each for each in context.access.grants() if (each["to"], each["role"]) == (receiver.to, receiver.name)]
        if receiver.to == "USER":
            rows = [{**_row(context, body), "role": body["name"]} for body in found]
            return answer_of("grants to user", rows[: self.limit])
        own = (_owned(*each) for each in _everything(context))
        found += [each for each in own if each["role"] == receiver.name]
        found += _from_the_beginning(receiver.name)
        found.sort(key=lambda each: (each["privilege"], each["kind"], each["name"]))
        return answer_of("grants", [_row(context, body) for body in found][: self.limit])


@dataclass(frozen=True)
class ShowGrantsOn:
    """Who has what on an object, or on the account."""

    kind: str
    name: str
    limit: int | None

    def run(self, context: Context) -> Answer:
        name = whole_name(self.kind, self.name, context, "SHOW GRANTS")
        if self.kind != ACCOUNT and (
            context.access.owner(self.kind, name) is None or not context.sees(self.kind, name)
        ):
            raise does_not_exist(self.kind, name)
        found = [each for each in context.access.grants() if (each["kind"], each["name"]) == (self.kind.upper(), name)]
        found += [_owned(*each) for each in _everything(context) if each[:2] == (self.kind, name)]
        found.sort(key=lambda each: (each["privilege"], each["role"]))
        return answer_of("grants on", [_row(context, body) for body in found][: self.limit])


@dataclass(frozen=True)
class ShowGrantsOf:
    """Who was given a role."""

    kind: str
    name: str
    limit: int | None
    service: str | None = None

    def run(self, context: Context) -> Answer:
        name = self.name
        if self.service is not None:
            service = full_name(self.service, context.session, "SHOW GRANTS")
            context.needs("OWNERSHIP", "Service", service)
            name = service_role(context, service, name)
        elif not context.catalogue.has_role(name):
            raise does_not_exist("Role", name)
        rows = [
            {**_row(context, body), "role": name}
            for body in context.access.grants()
            if (body["kind"], body["name"]) == (self.kind, name)
        ]
        return answer_of("grants of", rows[: self.limit])


@dataclass(frozen=True)
class ShowGrantsToServiceRole:
    """The endpoints that a role of a service opens."""

    service: str
    role: str

    def run(self, context: Context) -> Answer:
        service = full_name(self.service, context.session, "SHOW GRANTS")
        context.needs("USAGE", "Service", service)
        service_role(context, service, self.role)
        roles = context.platform.service_roles(service)
        (row,) = [each for each in context.platform.show_roles(service) if str(each["name"]).upper() == self.role]
        every = [str(each["name"]) for each in context.platform.views.endpoints(service)]
        rows = [
            {
                "created_on": row.get("created_on"),
                "privilege": "USAGE",
                "granted_on": "SERVICE_ENDPOINT",
                "name": f"{service}!{endpoint}",
                "granted_to": "SERVICE_ROLE",
                "grantee_name": self.role,
            }
            for endpoint in (every if self.role == "ALL_ENDPOINTS_USAGE" else roles.get(self.role, ()))
        ]
        return answer_of("grants to service role", rows)


@dataclass(frozen=True)
class ShowFutureGrants:
    """What roles will have on objects that are not there yet."""

    of: str
    name: str
    limit: int | None

    def run(self, context: Context) -> Answer:
        name = whole_name(self.of, self.name, context, "SHOW GRANTS")
        if self.of == "Role":
            Receiver("ROLE", name).check(context)
            _may_look(context, "Role", name)
        elif not context.sees(self.of, name):
            raise does_not_exist(self.of, name)
        rows = [
            {
                "created_on": body["created_on"],
                "privilege": body["privilege"],
                "grant_on": body["kind"].upper().replace(" ", "_"),
                "name": f"{body['name']}.<{body['kind'].upper().replace(' ', '_')}>",
                "grant_to": "ROLE",
                "grantee_name": body["role"],
                "grant_option": "true" if body["option"] else "false",
            }
            for _, body in context.access.future()
            if name == (body["role"] if self.of == "Role" else body["name"])
        ]
        return answer_of("future grants", rows[: self.limit])


def _limit(cursor: Cursor) -> int | None:
    limit = cursor.number() if cursor.take("LIMIT") else None
    cursor.end()
    return limit


@reads("SHOW GRANTS")
def show(cursor: Cursor) -> Statement:
    if cursor.take("ON"):
        kind, name = object_of(cursor)
        return ShowGrantsOn(kind, name, _limit(cursor))
    is_of = cursor.take("OF")
    if not is_of and not cursor.take("TO"):
        return ShowGrantsTo(None, _limit(cursor))
    if cursor.take("SERVICE", "ROLE"):
        service = cursor.name()
        cursor.expect("!")
        role = cursor.name()
        limit = _limit(cursor)
        return ShowGrantsOf("SERVICE ROLE", role, limit, service) if is_of else ShowGrantsToServiceRole(service, role)
    to = "USER" if not is_of and cursor.take("USER") else "ROLE"
    if to == "ROLE":
        cursor.expect("ROLE")
    name = cursor.name()
    return ShowGrantsOf("ROLE", name, _limit(cursor)) if is_of else ShowGrantsTo(Receiver(to, name), _limit(cursor))


@reads("SHOW FUTURE GRANTS")
def show_future(cursor: Cursor) -> Statement:
    if cursor.take("TO"):
        cursor.expect("ROLE")
        return ShowFutureGrants("Role", cursor.name(), _limit(cursor))
    cursor.expect("IN")
    kind, name = object_of(cursor)
    if kind not in ("Database", "Schema"):
        raise cursor.fault()
    return ShowFutureGrants(kind, name, _limit(cursor))
