"""What a session uses: role, warehouse, parameters."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_raydp_spcs.local.errors import unsupported
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.functions.event_table import NAME as EVENT_TABLE
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import like_matches
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer, RewriteAnswer, status

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


@dataclass(frozen=True)
class AlterSession:
    values: dict[str, str]

    def run(self, context: Context) -> Answer:
        context.session.parameters.update(self.values)
        if "AUTOCOMMIT" in self.values:
            return RewriteAnswer(f"ALTER SESSION SET AUTOCOMMIT = {self.values['AUTOCOMMIT']}")
        return status(_DONE)


@reads("ALTER SESSION SET")
def alter_session(cursor: Cursor) -> Statement:
    values: dict[str, str] = {}
    while not cursor.at_end:
        cursor.take(",")
        name = cursor.word()
        cursor.expect("=")
        values[name] = cursor.value()
    return AlterSession(values)


@dataclass(frozen=True)
class ShowParameters:
    like: str | None
    of_account: bool

    def run(self, context: Context) -> Answer:
        rows = [
            {"key": key, "value": value, "default": "", "level": "SESSION", "description": "", "type": "STRING"}
            for key, value in sorted(context.session.parameters.items())
        ]
        if self.of_account:
            table = {"key": "EVENT_TABLE", "value": EVENT_TABLE, "default": EVENT_TABLE, "level": "", "type": "STRING"}
            rows.append({**table, "description": "Event table destination"})
        return answer_of("parameters", [row for row in rows if like_matches(self.like, row["key"])])


@reads("SHOW PARAMETERS")
def show_parameters(cursor: Cursor) -> Statement:
    like = cursor.text() if cursor.take("LIKE") else None
    of_account = cursor.take("IN", "ACCOUNT")
    if cursor.take("IN"):
        cursor.rest()
    cursor.end()
    return ShowParameters(like, of_account)
