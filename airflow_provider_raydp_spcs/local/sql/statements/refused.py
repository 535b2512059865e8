"""What the real Snowflake does not know either (SPCS reference 1.1, 2.1)."""

from __future__ import annotations

from airflow_provider_raydp_spcs.local.errors import syntax_error
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Statement, reads


@reads("CREATE OR REPLACE COMPUTE POOL", "CREATE OR REPLACE SERVICE")
def no_replacing(cursor: Cursor) -> Statement:
    kind = cursor.tokens[3]
    raise syntax_error(kind.start, kind.text)
