"""EXECUTE JOB SERVICE (SPCS reference 2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name, unquoted
from airflow_provider_raydp_spcs.local.sql.spec_sources import Source
from airflow_provider_raydp_spcs.local.sql.statements.services import MOST_INSTANCES, check_properties, read_placed
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status

_VERB: Final = "EXECUTE JOB SERVICE"
_PROPERTIES: dict[str, p.Reader] = {
    "NAME": Cursor.name,
    "ASYNC": Cursor.boolean,
    "REPLICAS": p.at_least(1, "REPLICAS", MOST_INSTANCES),
    "QUERY_WAREHOUSE": Cursor.name,
    "COMMENT": p.text,
    "EXTERNAL_ACCESS_INTEGRATIONS": Cursor.names,
}


@dataclass(frozen=True)
class ExecuteJob:
    pool: str
    source: Source
    values: dict[str, Any]

    def run(self, context: Context) -> Answer:
        jobs = context.platform.jobs
        name = unquoted(full_name(self.values.get("NAME") or jobs.new_name(), context.session, _VERB))
        context.needs_to_create("Service", name)
        context.needs("USAGE", "Compute pool", self.pool)
        check_properties(context, self.values)
        text = self.source.read(context, _VERB)
        is_async = bool(self.values.get("ASYNC"))
        job = jobs.submit(name, self.pool, text, self.values, context.session.role, is_async=is_async)
        if is_async:
            return status(f"Started Snowpark Container Services Job '{job.record.name}'.")
        jobs.wait(job)
        return status(f"Job {job.record.name} completed successfully with status: DONE.")


@reads("EXECUTE JOB SERVICE")
def execute(cursor: Cursor) -> Statement:
    pool, source, values = read_placed(cursor, _PROPERTIES)
    return ExecuteJob(pool, source, values)
