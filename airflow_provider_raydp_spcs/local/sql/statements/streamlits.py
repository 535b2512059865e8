"""Streamlit apps: recorded with their files' place, and shown. They are not run; ``streamlit run`` does that."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name
from airflow_provider_raydp_spcs.local.sql.statements.administration import read_drop
from airflow_provider_raydp_spcs.local.sql.statements.compute_pools import ShowFilters, read_filters
from airflow_provider_raydp_spcs.local.sql.statements.stages import Location
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status

_KIND = "Streamlit"
_PROPERTIES: dict[str, p.Reader] = {
    "MAIN_FILE": p.text,
    "QUERY_WAREHOUSE": Cursor.name,
    "TITLE": p.text,
    "COMMENT": p.text,
}


@dataclass(frozen=True)
class CreateStreamlit:
    name: str
    source: Location
    values: dict[str, Any]
    replace: bool
    if_not_exists: bool

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "CREATE STREAMLIT")
        context.needs_to_create(_KIND, name, replace=self.replace)
        stage = self.source.stage_in(context, "CREATE STREAMLIT")
        context.needs("READ", "Stage", stage)
        main = self.values.get("MAIN_FILE", "streamlit_app.py")
        folder = self.source.path.rstrip("/")
        wanted = f"{folder}/{main}" if folder else main
        if "/" in main or wanted not in {each.path for each in context.files.listing(stage, folder)}:
            raise SnowflakeFault(2003, "02000", f"Main file '{main}' does not exist in '@{stage}/{folder}'.")
        if warehouse := self.values.get("QUERY_WAREHOUSE"):
            context.needs("USAGE", "Warehouse", warehouse)
            context.catalogue.get("Warehouse", warehouse)
        body = {
            **self.values,
            "owner": context.session.role,
            "source": f"@{stage}/{folder}",
            "url_id": hashlib.sha256(name.encode()).hexdigest()[:20],
        }
        new = context.catalogue.create(_KIND, name, body, replace=self.replace, if_not_exists=self.if_not_exists)
        short = name.rpartition(".")[2]
        return status(
            f"Streamlit {short} successfully created." if new else f"{short} already exists, statement succeeded."
        )


def _create(cursor: Cursor, *, replace: bool) -> Statement:
    if_not_exists = cursor.if_not_exists()
    name = cursor.name()
    cursor.expect("FROM")
    source = Location.read(cursor)
    return CreateStreamlit(name, source, p.read_properties(cursor, _PROPERTIES), replace, if_not_exists)


@reads("CREATE STREAMLIT")
def create(cursor: Cursor) -> Statement:
    return _create(cursor, replace=False)


@reads("CREATE OR REPLACE STREAMLIT")
def replace(cursor: Cursor) -> Statement:
    return _create(cursor, replace=True)


@dataclass(frozen=True)
class AddLiveVersion:
    name: str

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "ALTER STREAMLIT")
        context.needs("OWNERSHIP", _KIND, name)
        context.catalogue.change(_KIND, name, live=True)
        return status("Statement executed successfully.")


@reads("ALTER STREAMLIT")
def alter(cursor: Cursor) -> Statement:
    name = cursor.name()
    cursor.expect("ADD", "LIVE", "VERSION", "FROM", "LAST")
    cursor.end()
    return AddLiveVersion(name)


@reads("DROP STREAMLIT")
def drop(cursor: Cursor) -> Statement:
    return read_drop(cursor, _KIND, "DROP STREAMLIT")


@dataclass(frozen=True)
class ShowStreamlits:
    filters: ShowFilters

    def run(self, context: Context) -> Answer:
        rows = []
        for full, body in context.catalogue.all(_KIND):
            if not context.sees(_KIND, full):
                continue
            database, schema, name = full.split(".")
            rows.append(
                {
                    "created_on": body["created_on"],
                    "name": name,
                    "database_name": database,
                    "schema_name": schema,
                    "title": body.get("TITLE"),
                    "owner": body["owner"],
                    "comment": body.get("COMMENT") or "",
                    "query_warehouse": body.get("QUERY_WAREHOUSE"),
                    "url_id": body["url_id"],
                    "owner_role_type": "ROLE",
                }
            )
        return answer_of("streamlits", self.filters.apply(rows))


@reads("SHOW STREAMLITS")
def show(cursor: Cursor) -> Statement:
    filters = read_filters(cursor)
    cursor.rest()  # IN …: everything of the account is shown
    return ShowStreamlits(filters)
