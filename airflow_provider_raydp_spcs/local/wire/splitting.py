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


def pipe(text: str) -> list[str] | None:
    """The statements of a chain ``… ->> …``, each of which reads the former ones as ``$1``, ``$2`` …; None where it is none."""
    from sqlglot.tokens import TokenType

    from airflow_provider_raydp_spcs.local.sql.cursor import Cursor

    if "->>" not in text:
        return None
    cursor = Cursor(text)
    parts, start = [], 0
    for token in cursor.tokens:
        if token.token_type is TokenType.DARROW:
            parts.append(cursor.source[start : token.start])
            start = token.end + 1
    return [*parts, cursor.source[start:]] if parts else None


def piped(text: str, keys: list[str]) -> str:
    """A statement of a chain with the results of the former ones in place; ``$1`` is the youngest."""
    from sqlglot.tokens import TokenType

    from airflow_provider_raydp_spcs.local.sql.cursor import Cursor

    cursor = Cursor(text)
    parts, position, tokens = list[str](), 0, cursor.tokens
    for index, token in enumerate(tokens[1:-1], 1):
        number = tokens[index + 1].text
        before = tokens[index - 1].text.upper()
        if token.token_type is TokenType.PARAMETER and before in ("FROM", "JOIN") and number.isdecimal():
            if not 1 <= int(number) <= len(keys):
                raise SnowflakeFault(
                    2003, "02000", f"SQL compilation error:\nThere is no statement ${number} in this chain."
                )
            parts += [cursor.source[position : token.start], f"TABLE(RESULT_SCAN('{keys[-int(number)]}'))"]
            position = tokens[index + 1].end + 1
    return "".join([*parts, cursor.source[position:]])


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
