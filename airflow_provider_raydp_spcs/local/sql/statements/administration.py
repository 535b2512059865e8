"""Roles, warehouses, network rules and integrations (SPCS reference, part 7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from airflow_provider_raydp_spcs.local.errors import invalid_value, unsupported
from airflow_provider_raydp_spcs.local.security.access import ACCOUNT, IN_SCHEMA
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.catalogue import SYSTEM_ROLES
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name
from airflow_provider_raydp_spcs.local.sql.statements.compute_pools import ShowFilters, read_filters
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status
from airflow_provider_raydp_spcs.local.wording import already_dropped, dropped

_ON_ACCOUNT = {
    "Role": "CREATE ROLE",
    "Warehouse": "CREATE WAREHOUSE",
    "Integration": "CREATE EXTERNAL ACCESS INTEGRATION",
}
"""The right on the account that makes each of the others."""
_SIZES = {"XSMALL": "X-Small", "SMALL": "Small", "MEDIUM": "Medium", "LARGE": "Large", "XLARGE": "X-Large"}
"""As they are shown."""
_HOST_PORT = re.compile(r"[\w.-]+(:(\d+))?")
_RULE: dict[str, p.Reader] = {"MODE": p.value, "TYPE": p.value, "VALUE_LIST": Cursor.texts, "COMMENT": p.text}
_INTEGRATION: dict[str, p.Reader] = {
    "ALLOWED_NETWORK_RULES": Cursor.names,
    "ALLOWED_AUTHENTICATION_SECRETS": p.group,
    "ALLOWED_API_AUTHENTICATION_INTEGRATIONS": p.group,
    "ENABLED": Cursor.boolean,
    "COMMENT": p.text,
}
_WAREHOUSE: dict[str, p.Reader] = {
    "WAREHOUSE_SIZE": p.value,
    "WAREHOUSE_TYPE": p.value,
    "AUTO_SUSPEND": p.value,
    "AUTO_RESUME": Cursor.boolean,
    "INITIALLY_SUSPENDED": Cursor.boolean,
    "COMMENT": p.text,
}


@dataclass(frozen=True)
class CreateObject:
    kind: str
    name: str
    values: dict[str, Any]
    replace: bool = False
    if_not_exists: bool = False

    def run(self, context: Context) -> Answer:
        name = self.name
        if self.kind in IN_SCHEMA:
            name = full_name(name, context.session, f"CREATE {self.kind.upper()}")
            context.needs_to_create(self.kind, name, replace=self.replace)
        else:
            context.needs(_ON_ACCOUNT[self.kind], ACCOUNT)
            if self.replace:
                context.access.require_ownership_to_replace(context.session.role, self.kind, name)
                context.made.append((self.kind, name))
        for rule in self.values.get("ALLOWED_NETWORK_RULES", ()):
            full = full_name(rule, context.session, "CREATE INTEGRATION")
            context.needs("USAGE", "Network rule", full)
            context.catalogue.get("Network rule", full)
        _check_hosts(self.values)
        body = {**self.values, "owner": context.session.role}
        catalogue = context.catalogue
        new = catalogue.create(self.kind, name, body, replace=self.replace, if_not_exists=self.if_not_exists)
        short = name.rpartition(".")[2]
        if not new:
            return status(f"{short} already exists, statement succeeded.")
        return status(f"{self.kind} {short} successfully created.")


def _check_hosts(values: dict[str, Any]) -> None:
    """Hosts of a network rule have no wildcards, and only some ports (SPCS reference, part 7)."""
    for host in values.get("VALUE_LIST", ()) if values.get("TYPE", "").upper() == "HOST_PORT" else ():
        found = _HOST_PORT.fullmatch(host)
        port = int(found[2] or 443) if found else 0
        if port not in (22, 80, 443) and not 1024 <= port <= 65535:
            msg = f"invalid value '{host[:80]}' for property 'VALUE_LIST'; allowed is host[:port], the port 22, 80, 443 or 1024 to 65535"
            raise invalid_value(msg)


@dataclass(frozen=True)
class AlterObject:
    """Change fields of an object that only the catalogue keeps; tags are taken and not kept."""

    kind: str
    name: str
    if_exists: bool
    values: dict[str, Any]

    def run(self, context: Context) -> Answer:
        name = self.name
        if self.kind in IN_SCHEMA:
            name = full_name(name, context.session, f"ALTER {self.kind.upper()}")
        if not self.if_exists or context.catalogue.has(self.kind, name):
            context.needs("OWNERSHIP", self.kind, name)
            _check_hosts({**context.catalogue.get(self.kind, name), **self.values})
            changed = {key: value for key, value in self.values.items() if key != "TAG"}
            context.catalogue.change(self.kind, name, **changed)
        return status("Statement executed successfully.")


@dataclass(frozen=True)
class DropObject:
    kind: str
    name: str
    if_exists: bool
    verb: str = "DROP"

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, self.verb) if self.kind in IN_SCHEMA else self.name
        short = name.rpartition(".")[2]
        if context.catalogue.has(self.kind, name):
            context.needs("OWNERSHIP", self.kind, name)
        if context.catalogue.drop(self.kind, name, if_exists=self.if_exists):
            context.access.forget(self.kind, name)
            return status(dropped(short))
        return status(already_dropped(short))


def _create(cursor: Cursor, kind: str, readers: dict[str, p.Reader], *, replace: bool = False) -> Statement:
    if_not_exists = cursor.if_not_exists()
    return CreateObject(kind, cursor.name(), p.read_properties(cursor, readers), replace, if_not_exists)


def read_drop(cursor: Cursor, kind: str, verb: str = "DROP") -> DropObject:
    """A statement that drops an object which only the catalogue keeps.

    :param verb: what cannot be performed where the session has no schema.
    """
    if_exists = cursor.if_exists()
    name = cursor.name()
    cursor.end()
    return DropObject(kind, name, if_exists, verb)


@reads("CREATE ROLE")
def create_role(cursor: Cursor) -> Statement:
    return _create(cursor, "Role", {"COMMENT": p.text})


@reads("DROP ROLE")
def drop_role(cursor: Cursor) -> Statement:
    return read_drop(cursor, "Role")


@reads("CREATE WAREHOUSE")
def create_warehouse(cursor: Cursor) -> Statement:
    return _create(cursor, "Warehouse", _WAREHOUSE)


@reads("CREATE OR REPLACE WAREHOUSE")
def replace_warehouse(cursor: Cursor) -> Statement:
    return _create(cursor, "Warehouse", _WAREHOUSE, replace=True)


@reads("DROP WAREHOUSE")
def drop_warehouse(cursor: Cursor) -> Statement:
    return read_drop(cursor, "Warehouse")


@dataclass(frozen=True)
class AlterWarehouse:
    """SUSPEND and RESUME need OPERATE, SET needs MODIFY. No query here needs the warehouse to run."""

    name: str
    if_exists: bool
    privilege: str
    values: dict[str, Any]

    def run(self, context: Context) -> Answer:
        if self.if_exists and not context.catalogue.has("Warehouse", self.name):
            return status("Statement executed successfully.")
        context.needs(self.privilege, "Warehouse", self.name)
        context.catalogue.change("Warehouse", self.name, **self.values)
        return status("Statement executed successfully.")


@reads("ALTER WAREHOUSE")
def alter_warehouse(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    if cursor.take("SET"):
        return AlterWarehouse(name, if_exists, "MODIFY", p.read_properties(cursor, _WAREHOUSE))
    if cursor.words(1) in (("ABORT",), ("RENAME",)):
        raise unsupported(f"ALTER WAREHOUSE … {cursor.word()}")
    suspends = cursor.take("SUSPEND")
    if not suspends:
        cursor.expect("RESUME")
        cursor.take("IF", "SUSPENDED")
    cursor.end()
    return AlterWarehouse(name, if_exists, "OPERATE", {"INITIALLY_SUSPENDED": suspends})


@reads("CREATE NETWORK RULE")
def create_rule(cursor: Cursor) -> Statement:
    return _create(cursor, "Network rule", _RULE)


@reads("CREATE OR REPLACE NETWORK RULE", "CREATE OR ALTER NETWORK RULE")
def replace_rule(cursor: Cursor) -> Statement:
    return _create(cursor, "Network rule", _RULE, replace=True)


@reads("ALTER NETWORK RULE")
def alter_rule(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    if cursor.take("UNSET"):
        values: dict[str, Any] = dict.fromkeys(p.read_unset(cursor, {"VALUE_LIST": p.group, "COMMENT": p.text}))
        return AlterObject(
            "Network rule", name, if_exists, {key: [] if key == "VALUE_LIST" else None for key in values}
        )
    cursor.expect("SET")
    values = p.read_set(cursor, {"VALUE_LIST": Cursor.texts, "COMMENT": p.text})
    return AlterObject("Network rule", name, if_exists, values)


@reads("DROP NETWORK RULE")
def drop_rule(cursor: Cursor) -> Statement:
    return read_drop(cursor, "Network rule")


@reads("CREATE EXTERNAL ACCESS INTEGRATION")
def create_integration(cursor: Cursor) -> Statement:
    return _create(cursor, "Integration", _INTEGRATION)


@reads("CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION")
def replace_integration(cursor: Cursor) -> Statement:
    return _create(cursor, "Integration", _INTEGRATION, replace=True)


@reads("ALTER INTEGRATION", "ALTER EXTERNAL ACCESS INTEGRATION")
def alter_integration(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    if cursor.take("UNSET"):
        unset = p.read_unset(cursor, {"COMMENT": p.text, "ALLOWED_AUTHENTICATION_SECRETS": p.group})
        return AlterObject("Integration", name, if_exists, dict.fromkeys(unset))
    cursor.expect("SET")
    return AlterObject("Integration", name, if_exists, p.read_set(cursor, _INTEGRATION))


@reads("DROP INTEGRATION", "DROP EXTERNAL ACCESS INTEGRATION")
def drop_integration(cursor: Cursor) -> Statement:
    return read_drop(cursor, "Integration")


@dataclass(frozen=True)
class ShowObjects:
    table: str
    kind: str
    filters: ShowFilters

    def run(self, context: Context) -> Answer:
        rows = []
        for full, body in context.catalogue.all(self.kind):
            *outer, name = full.split(".")
            if self.kind != "Role" and not context.sees(self.kind, full):
                continue
            rows.append(
                {
                    **_details(self.kind, body),
                    **dict(zip(("database_name", "schema_name"), outer, strict=False)),
                    "name": name,
                }
            )
        return answer_of(self.table, self.filters.apply(rows))


def _details(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    common = {
        "created_on": body["created_on"],
        "owner": body.get("owner"),
        "owner_role_type": "ROLE",
        "comment": body.get("COMMENT") or "",
    }
    if kind == "Warehouse":
        return {
            **common,
            "state": "SUSPENDED" if body.get("INITIALLY_SUSPENDED") else "STARTED",
            "type": "STANDARD",
            "size": _SIZES.get(
                str(body.get("WAREHOUSE_SIZE", "XSMALL")).upper().replace("-", ""), body.get("WAREHOUSE_SIZE")
            ),
            "auto_suspend": int(body.get("AUTO_SUSPEND", 600)),
            "auto_resume": "true" if body.get("AUTO_RESUME", True) else "false",
        }
    if kind == "Integration":
        enabled = "true" if body.get("ENABLED", True) else "false"
        return {**common, "type": "EXTERNAL_ACCESS", "category": "EXTERNAL_ACCESS", "enabled": enabled}
    if kind == "Network rule":
        entries = len(body.get("VALUE_LIST", ()))
        return {**common, "type": body.get("TYPE"), "mode": body.get("MODE"), "entries_in_valuelist": entries}
    return common


def _show(cursor: Cursor, table: str, kind: str) -> Statement:
    filters = read_filters(cursor)
    cursor.rest()  # IN …: everything of the account is shown
    return ShowObjects(table, kind, filters)


@reads("SHOW WAREHOUSES")
def show_warehouses(cursor: Cursor) -> Statement:
    return _show(cursor, "warehouses", "Warehouse")


@reads("SHOW INTEGRATIONS", "SHOW EXTERNAL ACCESS INTEGRATIONS")
def show_integrations(cursor: Cursor) -> Statement:
    return _show(cursor, "integrations", "Integration")


@reads("SHOW NETWORK RULES")
def show_rules(cursor: Cursor) -> Statement:
    return _show(cursor, "network rules", "Network rule")


@dataclass(frozen=True)
class ShowRoles:
    """Every role, Snowflake's own too; any role may see that there are others."""

    filters: ShowFilters

    def run(self, context: Context) -> Answer:
        access, session = context.access, context.session
        user = context.catalogue.find("User", session.user) or {}
        own = [grant for grant in access.grants() if grant["kind"] == "ROLE"]
        rows = []
        every: dict[str, dict[str, Any]] = {name: {} for name in SYSTEM_ROLES}
        for name, body in sorted((every | dict(context.catalogue.all("Role"))).items()):
            given = [grant["to"] for grant in own if grant["name"] == name]
            rows.append(
                {
                    "created_on": body.get("created_on"),
                    "name": name,
                    "is_default": _letter(user.get("DEFAULT_ROLE") == name),
                    "is_current": _letter(session.role == name),
                    "is_inherited": _letter(name != session.role and name in access.roles(session.role)),
                    "assigned_to_users": given.count("USER"),
                    "granted_to_roles": given.count("ROLE"),
                    "granted_roles": sum((grant["to"], grant["role"]) == ("ROLE", name) for grant in own),
                    "owner": body.get("owner") or "",
                    "comment": body.get("COMMENT") or "",
                }
            )
        return answer_of("roles", self.filters.apply(rows))


def _letter(truth: object) -> str:
    return "Y" if truth else "N"


@reads("SHOW ROLES")
def show_roles(cursor: Cursor) -> Statement:
    filters = read_filters(cursor)
    cursor.end()
    return ShowRoles(filters)
