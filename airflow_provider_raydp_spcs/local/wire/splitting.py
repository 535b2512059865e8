"""One request, many statements."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault


def statements(text: str, wanted: int) -> list[str]:
    """The statements of a request.

    :param wanted: how many the client says there are; 0 is any number.
    :raises SnowflakeFault: 000008, there are more or fewer.
    """
    from snowflake.connector.util_text import split_statements

    if ";" not in text.rstrip().rstrip(";"):
        return [text]
    # A comment behind the last semicolon is no statement, and fakesnow would take it for one.
    parts = [part for part, _ in split_statements(StringIO(text), remove_comments=True) if part]
    parts = [part for part in parts if part.strip(" \t\r\n;")] or [text]
    if wanted and len(parts) != wanted:
        message = f"Actual statement count {len(parts)} did not match the desired statement count {wanted}."
        raise SnowflakeFault(8, "0A000", message)
    return parts


def shares(bindings: Mapping[str, Any], texts: list[str]) -> list[dict[str, Any]]:
    """The values of each statement's own ``?`` marks, numbered from 1 again."""
    from sqlglot.dialects.snowflake import Snowflake
    from sqlglot.tokens import TokenType

    if not bindings:
        return [{} for _ in texts]
    found: list[dict[str, Any]] = []
    used = 0
    for text in texts:
        marks = sum(token.token_type is TokenType.PLACEHOLDER for token in Snowflake().tokenize(text))
        found.append({str(number): bindings[str(used + number)] for number in range(1, marks + 1)})
        used += marks
    return found
