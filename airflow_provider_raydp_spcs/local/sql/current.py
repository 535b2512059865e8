"""``CURRENT_ROLE()`` and its like inside any statement: replaced by what the session has, for the engine does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlglot.dialects.snowflake import Snowflake
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

_TEXT: Final = (TokenType.STRING, TokenType.RAW_STRING)
_OTHER_LISTS: Final = frozenset({"FROM", "JOIN", "ON", "WHERE", "BY", "HAVING", "QUALIFY", "VALUES", "SET"})


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
        if not call or name not in facts or token.token_type in _TEXT:
            continue
        value = facts[name]
        literal = "NULL" if value is None else "'" + value.replace("'", "''") + "'"
        whole = is_select_item(tokens, index, index + 2)
        parts += [text[position : token.start], literal, f' AS "{name}()"' if whole else ""]
        position = tokens[index + 2].end + 1
    return "".join([*parts, text[position:]]) if parts else None


def is_select_item(tokens: Sequence[Token], first: int, last: int) -> bool:
    """Whether these tokens are a whole item of a SELECT list, and so may be given a name; ``(VALUES (1, F()))`` is no such list."""

    def word(index: int) -> str:
        there = 0 <= index < len(tokens) and tokens[index].token_type not in _TEXT
        return str(tokens[index].text).upper() if there else ""

    at_end = last + 1 >= len(tokens)
    if word(first - 1) not in ("SELECT", ",", "DISTINCT") or not (at_end or word(last + 1) in (",", "FROM", ";")):
        return False
    depth = 0
    for index in range(first - 1, -1, -1):
        found = word(index)
        depth += {")": 1, "(": -1}.get(found, 0)
        if depth < 0 or (depth == 0 and found in _OTHER_LISTS):
            return False
        if depth == 0 and found == "SELECT":
            return True
    return False
