"""Tables that a statement of the engine for tables names: the role must be able to reach where they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from sqlglot.tokens import Token, TokenType

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.sql.registry import Context

_BEFORE_NAMES: Final = frozenset({"FROM", "INTO", "JOIN", "UPDATE", "TABLE", "VIEW", "USING"})
_ENDS: Final = (
    "WHERE GROUP ORDER HAVING QUALIFY LIMIT UNION EXCEPT INTERSECT MINUS FETCH OFFSET WINDOW CONNECT SET WHEN SELECT"
)
_AFTER_FROM: Final = frozenset(_ENDS.split())
"""Words that end a FROM clause."""
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
    for index, token in enumerate(tokens[:-1]):
        word = token.text.upper()
        if word not in _BEFORE_NAMES or token.token_type in (TokenType.STRING, TokenType.IDENTIFIER):
            continue
        if word == "FROM" and index and tokens[index - 1].text.upper() == "DISTINCT":
            continue  # IS DISTINCT FROM compares
        for start in _items(tokens, index + 1) if word in ("FROM", "USING") else (index + 1,):
            if parts := _name(tokens, start, may_be_function=word in ("FROM", "JOIN", "USING")):
                yield parts


def _items(tokens: Sequence[Token], start: int) -> Iterator[int]:
    """Where the items of a FROM clause begin: behind FROM, and behind each comma that is in no parentheses."""
    yield start
    depth = 0
    for index in range(start, len(tokens) - 1):
        kind = tokens[index].token_type
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(kind, 0)
        if depth < 0 or (depth == 0 and tokens[index].text.upper() in _AFTER_FROM and kind is not TokenType.IDENTIFIER):
            return
        if depth == 0 and kind is TokenType.COMMA:
            yield index + 1


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
