"""Who may do what: roles, the privileges granted to them, and who owns an object (SPCS reference, part 7).

The rules stand here alone; a statement names the privilege it needs. A role has what it was granted, what it owns, what
is granted to PUBLIC, and all of that of the roles granted to it. ACCOUNTADMIN may do everything. A session's secondary
roles help with everything but making objects.

Simpler than the real Snowflake: tables have no grants of their own, who may use their schema may use them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import (
    SnowflakeFault,
    does_not_exist,
    insufficient_privileges,
    not_assigned,
)
from airflow_provider_raydp_spcs.local.sql.catalogue import Catalogue

ADMIN: Final = "ACCOUNTADMIN"
ACCOUNT: Final = "Account"
IN_SCHEMA: Final = frozenset(
    {
        "Stage",
        "File format",
        "Image repository",
        "Network rule",
        "Secret",
        "Service",
        "Snapshot",
        "Streamlit",
        "Table",
        "View",
    }
)
"""Kinds of objects that live in a schema."""
SYSTEM: Final = {
    "SECURITYADMIN": frozenset({"MANAGE GRANTS"}),
    "USERADMIN": frozenset({"CREATE ROLE", "CREATE USER"}),
    "SYSADMIN": frozenset({"CREATE DATABASE", "CREATE WAREHOUSE"}),
}
"""Rights on the account that Snowflake's own roles have from the beginning."""
HIERARCHY: Final = {"ACCOUNTADMIN": ("SECURITYADMIN", "SYSADMIN"), "SECURITYADMIN": ("USERADMIN",)}
"""Roles that Snowflake's own roles have in them from the beginning."""
_FUTURE: Final = "Future grant"
_INCLUDED: Final = {"CREATE EXTERNAL ACCESS INTEGRATION": "CREATE INTEGRATION"}
"""A privilege → another one that has it in it."""


class Access:
    """The checks, over the grants that the catalogue keeps.

    :param owner: the role that owns an object of a kind that the catalogue does not keep, or None.
    """

    def __init__(self, catalogue: Catalogue, owner: Callable[[str, str], str | None], account: str) -> None:
        self._catalogue, self._owner_elsewhere, self._account = catalogue, owner, account

    # -- roles ------------------------------------------------------------------------------------------------------

    def roles(self, *first: str) -> frozenset[str]:
        """These roles with all that are granted to them, directly or by way of others; and PUBLIC."""
        granted: dict[str, list[str]] = {}
        for grant in self._grants():
            if grant["kind"] == "ROLE":
                granted.setdefault(grant["role"], []).append(grant["name"])
        found, left = {"PUBLIC"}, list(first)
        while left:
            role = left.pop()
            if role not in found:
                found.add(role)
                left += [*HIERARCHY.get(role, ()), *granted.get(role, ())]
        return frozenset(found)

    def of_user(self, user: str, assigned: str) -> frozenset[str]:
        """Every role that a user may take.

        :param assigned: the role that the user has without a grant.
        """
        given = [each["name"] for each in self._grants("USER") if each["kind"] == "ROLE" and each["role"] == user]
        return self.roles(assigned, *given)

    def check_role(self, user: str, assigned: str, role: str, *, is_restricted: bool = False) -> None:
        """A user may take a role.

        :param is_restricted: whether the session may have none but the assigned one.
        :raises SnowflakeFault: there is no such role, or it is not theirs.
        """
        if not self._catalogue.has_role(role):
            text = f"SQL compilation error:\nObject does not exist, or operation cannot be performed: role '{role}'."
            raise SnowflakeFault(2043, "02000", text)
        if role not in (self.roles(assigned) if is_restricted else self.of_user(user, assigned)):
            raise not_assigned(role)

    # -- privileges -------------------------------------------------------------------------------------------------

    def require(self, role: str, privilege: str, kind: str, name: str = "", also: Iterable[str] = ()) -> None:
        """A role must have a privilege on an object; ``OWNERSHIP`` is one too.

        :param name: full name; empty for the account.
        :param also: secondary roles.
        :raises SnowflakeFault: it has not. An object on which it has no right at all "does not exist".
        """
        held = self.roles(role, *also)
        doing = self.roles(role) if privilege.startswith("CREATE ") else held
        if ADMIN in doing:
            return
        outer = name.split(".")
        if kind in IN_SCHEMA:
            self._reach(held, outer[:2])
        elif kind == "Schema":
            self._reach(held, outer[:1])
        if self._has(doing, privilege, kind, name):
            return
        if kind != ACCOUNT and not self._sees(held, kind, name):
            raise does_not_exist(kind, name)
        raise insufficient_privileges(kind, name.rpartition(".")[2] or self._account)

    def require_ownership_to_replace(self, role: str, kind: str, name: str) -> None:
        """Who replaces an object must own it."""
        if self.owner(kind, name) is not None:
            self.require(role, "OWNERSHIP", kind, name)

    def may_grant(self, role: str, privilege: str, kind: str, name: str) -> None:
        """A role may give a privilege to others: its object's owner, who manages grants, who has it with that option.

        :raises SnowflakeFault: it may not.
        """
        held = self.roles(role)
        if ADMIN in held or self._has(held, "MANAGE GRANTS", ACCOUNT, ""):
            return
        for grant in self._grants():
            of_this = (grant["kind"], grant["name"], grant["privilege"]) == (kind.upper(), name, privilege)
            if of_this and grant["option"] and grant["role"] in held:
                return
        self.require(role, "OWNERSHIP" if kind != ACCOUNT else "MANAGE GRANTS", kind, name)

    def grantor(self, role: str, privilege: str, kind: str, name: str) -> str:
        """The role in whose name a grant is made: the object's owner, or the one that has it with the grant option."""
        held = self.roles(role)
        owner = self.owner(kind, name) if kind != ACCOUNT else ADMIN
        if owner is not None and owner not in held:
            for grant in self._on(held, kind, name):
                if grant["privilege"] == privilege and grant["option"]:
                    return str(grant["role"])
        return owner or role

    def scope(
        self, role: str, database: str | None, schema: str | None, also: Iterable[str] = ()
    ) -> tuple[str | None, str | None]:
        """The database and schema that a role may use, of those it asks for."""
        outer = [part for part in (database, schema if database else None) if part]
        held = self.roles(role, *also)
        while outer and ADMIN not in held and self._reaches(held, outer):
            outer.pop()
        return (*outer, None, None)[0], (*outer, None, None)[1]

    def has(self, role: str, privilege: str, kind: str, name: str = "", also: Iterable[str] = ()) -> bool:
        """Whether a role has a privilege."""
        held = self.roles(role, *also)
        return ADMIN in held or self._has(held, privilege, kind, name)

    def sees(self, role: str, kind: str, name: str, also: Iterable[str] = ()) -> bool:
        """Whether a role has any right on an object, so that SHOW lists it; who manages grants sees everything."""
        held = self.roles(role, *also)
        if ADMIN in held or self._has(held, "MANAGE GRANTS", ACCOUNT, ""):
            return True
        outer = name.split(".")[:2] if kind in IN_SCHEMA else name.split(".")[:1] if kind == "Schema" else []
        return self._reaches(held, outer) is None and self._sees(held, kind, name)

    def enters(self, role: str, service: str, endpoint: str, roles_of_spec: Mapping[str, Sequence[str]]) -> bool:
        """Whether a role may use a public endpoint: its service's owner, or who has a service role for it (reference 4.3)."""
        held = self.roles(role)
        if ADMIN in held or self.owner("Service", service) in held:
            return True
        for grant in self._grants():
            own, _, service_role = grant["name"].partition("!")
            if (grant["kind"], own) != ("SERVICE ROLE", service) or grant["role"] not in held:
                continue
            if service_role == "ALL_ENDPOINTS_USAGE" or endpoint in roles_of_spec.get(service_role, ()):
                return self._reaches(held, service.split(".")[:2]) is None
        return False

    def owner(self, kind: str, name: str) -> str | None:
        """The role that owns an object, or None where there is none of this name."""
        body = self._catalogue.find(kind, name)
        if body is not None:
            return str(body.get("owner") or ADMIN)
        return self._owner_elsewhere(kind, name)

    def _has(self, held: frozenset[str], privilege: str, kind: str, name: str) -> bool:
        if kind != ACCOUNT and self.owner(kind, name) in held:
            return True
        if kind == ACCOUNT and any(privilege in SYSTEM.get(role, ()) for role in held):
            return True
        wanted = {privilege, "ALL", _INCLUDED.get(privilege, privilege)}
        return any(grant["privilege"] in wanted for grant in self._on(held, kind, name))

    def _sees(self, held: frozenset[str], kind: str, name: str) -> bool:
        return self.owner(kind, name) in held or any(True for _ in self._on(held, kind, name))

    def _reaches(self, held: frozenset[str], outer: list[str]) -> tuple[str, str] | None:
        """The database or schema that the roles may not use, if any."""
        for kind, count in (("Database", 1), ("Schema", 2)):
            name = ".".join(outer[:count])
            is_outer = len(outer) >= count and outer[count - 1] != "INFORMATION_SCHEMA"
            if is_outer and not self._has(held, "USAGE", kind, name):
                return kind, name
        return None

    def _reach(self, held: frozenset[str], outer: list[str]) -> None:
        if shut := self._reaches(held, outer):
            raise does_not_exist(*shut)

    def _on(self, held: frozenset[str], kind: str, name: str) -> Iterator[dict[str, Any]]:
        for grant in self._grants():
            if (grant["kind"], grant["name"]) == (kind.upper(), name) and grant["role"] in held:
                yield grant

    # -- grants -----------------------------------------------------------------------------------------------------

    def grant(self, to: str, role: str, privilege: str, kind: str, name: str, *, by: str, option: bool = False) -> None:
        """Record a grant.

        :param to: ``ROLE`` or ``USER``, which ``role`` names.
        """
        body = {"to": to, "role": role, "privilege": privilege, "kind": kind.upper(), "name": name}
        key = " ".join(body.values())
        self._catalogue.create("Grant", key, {**body, "option": option, "by": by}, replace=True)

    def revoke(self, to: str, role: str, privilege: str, kind: str, name: str) -> None:
        """Forget a grant."""
        self._catalogue.drop("Grant", f"{to} {role} {privilege} {kind.upper()} {name}", if_exists=True)

    def grants(self) -> Iterator[dict[str, Any]]:
        """Every grant, to roles and users."""
        for _, body in self._catalogue.all("Grant"):
            yield body

    def forget(self, kind: str, name: str) -> None:
        """An object is gone, and with it the grants on it, those to it where it is a role or user, and those to come in it."""
        for key, body in list(self._catalogue.all("Grant")):
            of_object = body["kind"] == kind.upper() and body["name"] == name
            of_service = kind == "Service" and body["kind"] == "SERVICE ROLE" and body["name"].startswith(f"{name}!")
            if of_object or of_service or (kind.upper(), name) == (body["to"], body["role"]):
                self._catalogue.drop("Grant", key, if_exists=True)
        for key, body in list(self.future()):
            if (kind, name) in ((body["of"], body["name"]), ("Role", body["role"])):
                self._catalogue.drop(_FUTURE, key, if_exists=True)

    # -- grants on what is made later -------------------------------------------------------------------------------

    def grant_future(self, role: str, privilege: str, kind: str, of: str, name: str, *, by: str, option: bool) -> None:
        """Grant a privilege on every object of a kind that will be made in a database or schema.

        :param of: ``Database`` or ``Schema``, which ``name`` names.
        """
        body = {"role": role, "privilege": privilege, "kind": kind, "of": of, "name": name}
        self._catalogue.create(_FUTURE, " ".join(body.values()), {**body, "option": option, "by": by}, replace=True)

    def revoke_future(self, role: str, privilege: str, kind: str, of: str, name: str) -> None:
        """Forget such a grant; what it has given already stays given."""
        self._catalogue.drop(_FUTURE, f"{role} {privilege} {kind} {of} {name}", if_exists=True)

    def future(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every such grant."""
        return self._catalogue.all(_FUTURE)

    def made(self, kind: str, name: str) -> None:
        """An object is new: nothing that was granted on one of its name before holds, what was granted in advance does.

        What a schema has of a kind goes before what its database has.
        """
        self.forget(kind, name)
        outer = name.rpartition(".")[0]
        for of, container in (("Schema", outer), ("Database", outer.partition(".")[0])):
            found = [
                body for _, body in self.future() if (body["kind"], body["of"], body["name"]) == (kind, of, container)
            ]
            for body in found:
                option, by = body["option"], body["by"]
                self.grant("ROLE", body["role"], body["privilege"], kind, name, by=by, option=option)
            if found:
                return

    def _grants(self, to: str = "ROLE") -> Iterator[dict[str, Any]]:
        return (body for body in self.grants() if body["to"] == to)
