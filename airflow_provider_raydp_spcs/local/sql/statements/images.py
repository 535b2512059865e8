"""Image repositories and images (SPCS reference, part 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import Scope, full_name, read_scope, unquoted
from airflow_provider_raydp_spcs.local.sql.statements.administration import AlterObject, read_drop
from airflow_provider_raydp_spcs.local.sql.statements.compute_pools import ShowFilters, read_filters
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status

_KIND = "Image repository"
_PROPERTIES: dict[str, p.Reader] = {"ENCRYPTION": p.group, "COMMENT": p.text}


@dataclass(frozen=True)
class CreateRepository:
    name: str
    values: dict[str, Any]
    if_not_exists: bool = False
    or_replace: bool = False

    def run(self, context: Context) -> Answer:
        name = unquoted(full_name(self.name, context.session, "CREATE IMAGE REPOSITORY"))
        context.needs_to_create(_KIND, name, replace=self.or_replace)
        body = {**self.values, "owner": context.session.role}
        new = context.catalogue.create(_KIND, name, body, replace=self.or_replace, if_not_exists=self.if_not_exists)
        short = name.rpartition(".")[2]
        if not new:
            return status(f"{short} already exists, statement succeeded.")
        return status(f"Image Repository {short} successfully created.")


def _create(cursor: Cursor, *, or_replace: bool) -> Statement:
    if_not_exists = cursor.if_not_exists()
    return CreateRepository(cursor.name(), p.read_properties(cursor, _PROPERTIES), if_not_exists, or_replace)


@reads("CREATE IMAGE REPOSITORY")
def create(cursor: Cursor) -> Statement:
    return _create(cursor, or_replace=False)


@reads("CREATE OR REPLACE IMAGE REPOSITORY")
def create_or_replace(cursor: Cursor) -> Statement:
    return _create(cursor, or_replace=True)


@reads("ALTER IMAGE REPOSITORY")
def alter(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    if cursor.take("UNSET"):
        raise SnowflakeFault(2, "0A000", "Unsupported feature 'UNSET'.")  # of the real Snowflake too
    cursor.expect("SET")
    return AlterObject(_KIND, name, if_exists, p.read_set(cursor, {"COMMENT": p.text}))


@reads("DROP IMAGE REPOSITORY")
def drop(cursor: Cursor) -> Statement:
    return read_drop(cursor, _KIND, "DROP IMAGE REPOSITORY")


@dataclass(frozen=True)
class ShowRepositories:
    filters: ShowFilters
    scope: Scope

    def run(self, context: Context) -> Answer:
        rows = []
        for full, body in context.catalogue.all(_KIND):
            if not self.scope.holds(full, context.session) or not context.sees(_KIND, full):
                continue
            database, schema, name = full.split(".")
            rows.append(
                {
                    "created_on": body["created_on"],
                    "name": name,
                    "database_name": database,
                    "schema_name": schema,
                    "repository_url": context.platform.repository_url(database, schema, name),
                    "owner": body.get("owner"),
                    "owner_role_type": "ROLE",
                    "comment": body.get("COMMENT") or "",
                    "encryption": "SNOWFLAKE_SSE",
                }
            )
        return answer_of("image repositories", self.filters.apply(rows))


@reads("SHOW IMAGE REPOSITORIES")
def show_repositories(cursor: Cursor) -> Statement:
    filters = read_filters(cursor)
    scope = read_scope(cursor)
    filters = read_filters(cursor, filters)
    cursor.end()
    return ShowRepositories(filters, scope)


@dataclass(frozen=True)
class ShowImages:
    repository: str
    filters: ShowFilters

    def run(self, context: Context) -> Answer:
        name = full_name(self.repository, context.session, "SHOW IMAGES")
        context.needs("READ", _KIND, name)
        context.catalogue.get(_KIND, name)
        rows = [{**row, "name": row["image_name"]} for row in context.platform.show_images(name)]
        return answer_of("images", self.filters.apply(rows))


@reads("SHOW IMAGES")
def show_images(cursor: Cursor) -> Statement:
    filters = read_filters(cursor)
    cursor.expect("IN", "IMAGE", "REPOSITORY")
    name = cursor.name()
    filters = read_filters(cursor, filters)
    cursor.end()
    return ShowImages(name, filters)
