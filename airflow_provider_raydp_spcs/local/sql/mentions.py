"""Tables that a statement of the engine for tables names: the role must be able to reach where they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from sqlglot.tokens import Token, TokenType

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.sql.registry import Context

_BEFORE_NAMES: Final = frozenset({"FROM", "INTO", "JOIN", "UPDATE", "TABLE", "VIEW", "USING"})
_LISTS: Final = frozenset({"FROM", "USING"})
_AFTER_LISTS: Final = frozenset(
    "WHERE GROUP ORDER HAVING QUALIFY LIMIT UNION EXCEPT INTERSECT MINUS FETCH OFFSET WINDOW CONNECT SET WHEN SELECT".split()
)
_NO_NAMES: Final = frozenset({"TABLE", "IF", "LATERAL", "SELECT", "VALUES", "SET", "ALL", "INTO", "FROM"})


def check_mentions(tokens: Sequence[Token], context: Context) -> None:
    """Check USAGE on the databases and schemas of the tables that are named.

    :raises SnowflakeFault: the role may not use one of them; it "does not exist".
    """
    for parts in _names(tokens):
        outer = [context.session.database, context.session.schema][: 3 - len(parts)]
        name = [*outer, *parts]
        if all(name):
            database, schema, _ = (str(part) for part in name)
            context.needs("USAGE", "Database", database)
            if schema != "INFORMATION_SCHEMA":
                context.needs("USAGE", "Schema", f"{database}.{schema}")


def _names(tokens: Sequence[Token]) -> Iterator[list[str]]:
    lists = [False]  # whether a comma begins another table, for each parenthesis that is open
    for index, token in enumerate(tokens[:-1]):
        if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER):
            continue
        word = token.text.upper()
        if word == "FROM" and index and tokens[index - 1].text.upper() == "DISTINCT":
            continue  # IS DISTINCT FROM compares
        if token.token_type is TokenType.L_PAREN:
            lists.append(False)
        elif token.token_type is TokenType.R_PAREN:
            lists = lists[:-1] or [False]
        elif (first := word.partition(" ")[0]) in _LISTS | _AFTER_LISTS:
            lists[-1] = first in _LISTS
        another = lists[-1] and token.token_type is TokenType.COMMA
        if another or word in _BEFORE_NAMES:
            parts = _name(tokens, index + 1, may_be_function=another or word in ("FROM", "JOIN", "USING"))
            if parts:
                yield parts


def _name(tokens: Sequence[Token], index: int, *, may_be_function: bool) -> list[str]:
    """The parts of the name that begins here; none where no name does, or it is a function's."""
    parts: list[str] = []
    while index < len(tokens):
        token = tokens[index]
        quoted = token.token_type is TokenType.IDENTIFIER
        if not quoted and not (token.text[:1].isalpha() or token.text[:1] == "_"):
            return []
        if token.token_type is TokenType.STRING or (not parts and not quoted and token.text.upper() in _NO_NAMES):
            return []
        parts.append(token.text if quoted else token.text.upper())
        following = tokens[index + 1].token_type if index + 1 < len(tokens) else None
        if following is not TokenType.DOT:
            is_function = may_be_function and following is TokenType.L_PAREN
            return [] if is_function or len(parts) > 3 else parts
        index += 2
    return []
