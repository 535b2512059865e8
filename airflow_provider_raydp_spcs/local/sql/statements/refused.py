"""What is refused whatever follows: by the real Snowflake as well (SPCS reference 1.1, 2.1), or by this one alone."""

from __future__ import annotations

from airflow_provider_raydp_spcs.local.errors import syntax_error, unsupported
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Statement, reads


@reads("CREATE OR REPLACE COMPUTE POOL", "CREATE OR REPLACE SERVICE")
def no_replacing(cursor: Cursor) -> Statement:
    kind = cursor.tokens[3]
    raise syntax_error(kind.start, kind.text)


@reads(
    *(
        f"CREATE {form}{kind}"
        for form in ("", "OR REPLACE ")
        for kind in ("PROCEDURE", "TASK", "STREAM", "PIPE", "DYNAMIC TABLE")
    )
)
def unknown_here(cursor: Cursor) -> Statement:
    raise unsupported(" ".join(token.text.upper() for token in cursor.tokens[:4] if token.text.isalpha()))
