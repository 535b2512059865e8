"""``CURRENT_ROLE()`` and its like inside any statement: replaced by what the session has, for the engine does not know."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot.dialects.snowflake import Snowflake
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType


def replace_current(text: str, facts: Mapping[str, str | None]) -> str | None:
    """The text with each ``NAME()`` of ``facts`` replaced by its value; None where it has none of them.

    A call that is a whole item of the SELECT list keeps its name as the column's name.
    """
    if not any(name in text.upper() for name in facts):
        return None
    try:
        tokens = Snowflake().tokenize(text)
    except SqlglotError:
        return None
    parts: list[str] = []
    position = 0
    for index, token in enumerate(tokens[:-2]):
        name = token.text.upper()
        call = [each.token_type for each in tokens[index + 1 : index + 3]] == [TokenType.L_PAREN, TokenType.R_PAREN]
        if not call or name not in facts or token.token_type in (TokenType.STRING, TokenType.RAW_STRING):
            continue
        value = facts[name]
        literal = "NULL" if value is None else "'" + value.replace("'", "''") + "'"
        before = tokens[index - 1].token_type if index else None
        after = tokens[index + 3].token_type if index + 3 < len(tokens) else None
        whole = before in (TokenType.SELECT, TokenType.COMMA) and after in (None, TokenType.COMMA, TokenType.SEMICOLON)
        parts += [text[position : token.start], literal, f' AS "{name}()"' if whole else ""]
        position = tokens[index + 2].end + 1
    return "".join([*parts, text[position:]]) if parts else None
