"""The statements that leave this process, cut as the local Snowflake cuts them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from snowflake.connector.connection import SnowflakeConnection
from sqlglot.tokens import TokenType

from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.wire.splitting import pipe, statements

_VALUES = {
    TokenType.STRING: "text",
    TokenType.RAW_STRING: "text",
    TokenType.IDENTIFIER: "quoted name",
    TokenType.NUMBER: "number",
    TokenType.VAR: "name",
}

Form = tuple[str, ...]
EXPLAINS: Form = ("SELECT", "name", "(", ")", "AS", "name")
"""After a refusal the package asks for the role, to say which GRANT helps."""


class Sent:
    """What was sent while :func:`recording`: the texts as they went over the wire."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    @property
    def forms(self) -> list[Form]:
        """Each statement as its words, with what names and values hold left out.

        :raises AssertionError: what was meant as one statement is read as several, or as a chain of them.
        """
        found = []
        for text in self.texts:
            assert len(statements(text, 0)) == 1, f"several statements: {text[:500]!r}"
            assert pipe(text) is None, f"a chain of statements: {text[:500]!r}"
            words: list[str] = []
            for token in Cursor(text).tokens:
                word = _VALUES.get(token.token_type) or token.text.upper()
                if word == "name" and words[-2:] == ["name", "."]:
                    del words[-1]  # a name may have parts
                else:
                    words.append(word)
            found.append(tuple(words))
        return [form for form in found if form != EXPLAINS]

    @property
    def names(self) -> list[list[str]]:
        """The plain names of each statement."""
        return [
            [token.text for token in Cursor(text).tokens if token.token_type is TokenType.VAR] for text in self.texts
        ]


def is_form(form: Form, meant: Form, given: Collection[str]) -> bool:
    """Whether a statement is of a form.

    :param given: words that may stand for a name, although SQL has some of its own that are written so.
    """
    joined: list[str] = []
    for word, following in zip(form, (*form[1:], ""), strict=True):
        is_part = word == "name" or (word in given and "." in (following, *joined[-1:]))
        if is_part and joined[-2:] == ["name", "."]:
            del joined[-1]
        else:
            joined.append("name" if is_part else word)
    return len(joined) == len(meant) and all(
        word == other or (other == "name" and word in given) for word, other in zip(joined, meant, strict=True)
    )


@contextmanager
def recording() -> Iterator[Sent]:
    """Every statement that any connection of Snowflake's connector in this process sends meanwhile."""
    sent = Sent()
    real = SnowflakeConnection.cmd_query

    def cmd_query(self: SnowflakeConnection, sql: str, *args: Any, **kwargs: Any) -> Any:
        sent.texts.append(sql)
        return real(self, sql, *args, **kwargs)

    with patch.object(SnowflakeConnection, "cmd_query", cmd_query):
        yield sent
