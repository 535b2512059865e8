"""What services and jobs there are, and what they consist of (SPCS reference 2.4, 2.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_raydp_spcs.local.errors import invalid_value
from airflow_provider_raydp_spcs.local.services.pool_desk import WORKLOAD_TYPES
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import Scope, full_name, read_scope
from airflow_provider_raydp_spcs.local.sql.statements.compute_pools import ShowFilters, read_filters, read_types
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer

_KIND = "Service"


@dataclass(frozen=True)
class ShowServices:
    """
    :param pool: only those on this compute pool.
    :param jobs: only jobs (True), only services (False), or both (None).
    :param types: only workloads of these types; empty for all.
    """

    filters: ShowFilters
    scope: Scope
    pool: str | None = None
    jobs: bool | None = None
    types: tuple[str, ...] = ()

    def run(self, context: Context) -> Answer:
        self._check_scope(context)
        rows = [row for row in context.platform.views.services() if self._is_shown(row, context)]
        # Where only one of the two is asked for, the column that tells them apart is left out.
        table = "services" if self.jobs is None else "services of one kind"
        return answer_of(table, self.filters.apply(rows))

    def _check_scope(self, context: Context) -> None:
        if self.pool:
            context.needs("USAGE", "Compute pool", self.pool)
        if self.scope.kind not in ("DATABASE", "SCHEMA"):
            return
        name = self.scope.name or ""
        database, _, schema = (name, "", "") if self.scope.kind == "DATABASE" else name.rpartition(".")
        if outer := database or context.session.database:
            context.needs("USAGE", "Database", outer)
            if schema:
                context.needs("USAGE", "Schema", f"{outer}.{schema}")

    def _is_shown(self, row: dict[str, Any], context: Context) -> bool:
        if self.jobs not in (None, row["is_job"] == "true") or self.pool not in (None, row["compute_pool"]):
            return False
        if self.types and not {"ALL", "USER"} & set(self.types):
            return False
        full = f"{row['database_name']}.{row['schema_name']}.{row['name']}"
        return self.scope.holds(full, context.session) and context.sees(_KIND, full)


@reads("SHOW SERVICES")
def show_services(cursor: Cursor) -> Statement:
    return _show(cursor, jobs=False if cursor.take("EXCLUDE", "JOBS") else None)


@reads("SHOW JOB SERVICES")
def show_jobs(cursor: Cursor) -> Statement:
    return _show(cursor, jobs=True)


def _show(cursor: Cursor, *, jobs: bool | None) -> Statement:
    filters = ShowFilters()
    types: tuple[str, ...] = ()
    scope, pool = Scope(), None
    while not cursor.at_end:
        before = filters
        filters = read_filters(cursor, filters)
        if cursor.take("IN", "COMPUTE", "POOL"):
            scope, pool = Scope("ACCOUNT"), cursor.name()
        elif cursor.words(1) == ("IN",):
            scope = read_scope(cursor)
        elif cursor.take("OF", "TYPE"):
            types = read_types(cursor)
            if unknown := [each for each in types if each not in WORKLOAD_TYPES]:
                msg = f"invalid workload type '{unknown[0][:80]}'; allowed are {', '.join(WORKLOAD_TYPES)}"
                raise invalid_value(msg)
        elif filters == before:
            raise cursor.fault()
    return ShowServices(filters, scope, pool, jobs, types)


@dataclass(frozen=True)
class OfService:
    """DESCRIBE SERVICE and the SHOW statements about one service."""

    table: str
    name: str

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "SHOW")
        monitored = self.table in ("containers", "instances")
        context.needs("MONITOR" if monitored else "USAGE", _KIND, name)
        views = context.platform.views
        if self.table == "service":
            row = views.service(name)
            if not context.owns(_KIND, name):
                row["spec"] = None  # which only the owner sees
            return answer_of(self.table, [row])
        readers = {
            "containers": views.containers,
            "instances": views.instances,
            "endpoints": views.endpoints,
            "service roles": views.roles,
        }
        return answer_of(self.table, readers[self.table](name))


def _of_service(cursor: Cursor, table: str) -> Statement:
    name = cursor.name()
    cursor.end()
    return OfService(table, name)


@reads("DESC SERVICE", "DESCRIBE SERVICE")
def describe(cursor: Cursor) -> Statement:
    return _of_service(cursor, "service")


@reads("SHOW SERVICE CONTAINERS IN SERVICE")
def containers(cursor: Cursor) -> Statement:
    return _of_service(cursor, "containers")


@reads("SHOW SERVICE INSTANCES IN SERVICE")
def instances(cursor: Cursor) -> Statement:
    return _of_service(cursor, "instances")


@reads("SHOW ENDPOINTS IN SERVICE")
def endpoints(cursor: Cursor) -> Statement:
    return _of_service(cursor, "endpoints")


@reads("SHOW ROLES IN SERVICE")
def roles(cursor: Cursor) -> Statement:
    return _of_service(cursor, "service roles")
