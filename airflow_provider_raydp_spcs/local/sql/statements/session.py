"""What a session uses: role and warehouse; ``parameters.py`` has its parameters."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_raydp_spcs.local.errors import unsupported
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status

_DONE = "Statement executed successfully."


@dataclass(frozen=True)
class UseRole:
    name: str

    def run(self, context: Context) -> Answer:
        session = context.session
        context.access.check_role(session.user, session.assigned_role, self.name, is_restricted=session.is_restricted)
        session.role = self.name
        return status(_DONE)


@reads("USE ROLE")
def use_role(cursor: Cursor) -> Statement:
    name = cursor.name()
    cursor.end()
    return UseRole(name)


@dataclass(frozen=True)
class UseSecondaryRoles:
    which: str

    def run(self, context: Context) -> Answer:
        context.session.secondary_roles = self.which
        return status(_DONE)


@reads("USE SECONDARY ROLES")
def use_secondary_roles(cursor: Cursor) -> Statement:
    for which in ("ALL", "NONE"):
        if cursor.take(which):
            cursor.end()
            return UseSecondaryRoles(which)
    raise unsupported("USE SECONDARY ROLES with names of roles") if not cursor.at_end else cursor.fault()


@dataclass(frozen=True)
class UseWarehouse:
    name: str

    def run(self, context: Context) -> Answer:
        context.needs("USAGE", "Warehouse", self.name)
        context.catalogue.get("Warehouse", self.name)
        context.session.warehouse = self.name
        return status(_DONE)


@reads("USE WAREHOUSE")
def use_warehouse(cursor: Cursor) -> Statement:
    name = cursor.name()
    cursor.end()
    return UseWarehouse(name)
