"""Reading a statement token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sqlglot.dialects.snowflake import Snowflake
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, syntax_error, unsupported
from airflow_provider_raydp_spcs.local.sql.locations import quote_locations

_TEXT = frozenset({TokenType.STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING})


class _Tokenizer(Snowflake.Tokenizer):  # type: ignore[misc]
    """Snowflake's, without the words after which sqlglot takes the rest of a statement as one text; each word is a token."""

    COMMANDS: ClassVar[set[TokenType]] = set()
    KEYWORDS: ClassVar[dict[str, TokenType]] = {
        key: value for key, value in Snowflake.Tokenizer.KEYWORDS.items() if " " not in key
    }


class _Dialect(Snowflake):  # type: ignore[misc]
    Tokenizer = _Tokenizer


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text as they are in it.

    :raises SqlglotError: it cannot be cut into tokens.
    """
    found: list[Token] = _Dialect().tokenize(text)
    return found


class Cursor:
    """A position in the tokens of one statement.

    :param bindings: values for ``?`` marks, in order.
    """

    def __init__(self, text: str, bindings: Sequence[object] = ()) -> None:
        try:
            self._text, self.source = text, quote_locations(text)
            tokens = tokens_of(self.source)
        except SqlglotError as error:
            raise syntax_error(0, text[:20]) from error
        while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
            tokens.pop()
        self._tokens: list[Token] = tokens
        self._bindings = list(bindings)
        self._index = 0

    @property
    def tokens(self) -> Sequence[Token]:
        """Every token of the statement, wherever the position is."""
        return self._tokens

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._index >= len(self._tokens)

    def words(self, count: int) -> tuple[str, ...]:
        """The next words in upper case, without moving; texts and marks are no words and end the row."""
        found = []
        for token in self._tokens[self._index : self._index + count]:
            if token.token_type in _TEXT:
                break
            found.append(token.text.upper())
        return tuple(found)

    def fault(self) -> SnowflakeFault:
        """A syntax error at this position."""
        if self.at_end:
            line, position = self._place(self._tokens[-1].end + 1 if self._tokens else 0)
            return syntax_error(position, "<EOF>", line)
        token = self._tokens[self._index]
        line, position = self._place(token.start)
        return syntax_error(position, token.text[:60], line)

    def _place(self, offset: int) -> tuple[int, int]:
        """Line and position in the text as it was sent, of an offset in the text with quoted locations."""
        before = self.source[:offset]
        while offset and quote_locations(self._text[:offset]) != before:
            offset -= 1
        return self._text.count("\n", 0, offset) + 1, offset - self._text.rfind("\n", 0, offset) - 1

    def take(self, *words: str) -> bool:
        """Go past these words if they come next, in any case."""
        if self.words(len(words)) != words:
            return False
        self._index += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Go past these words.

        :raises SnowflakeFault: something else comes.
        """
        for word in words:
            if not self.take(word):
                raise self.fault()

    def end(self) -> None:
        """Nothing may follow.

        :raises SnowflakeFault: something does.
        """
        if not self.at_end:
            raise self.fault()

    def if_exists(self) -> bool:
        """Go past ``IF EXISTS``."""
        return self.take("IF", "EXISTS")

    def if_not_exists(self) -> bool:
        """Go past ``IF NOT EXISTS``."""
        return self.take("IF", "NOT", "EXISTS")

    def peek_is_text(self) -> bool:
        """Whether a quoted text comes next."""
        return not self.at_end and self._tokens[self._index].token_type in _TEXT

    def is_text_or_mark(self) -> bool:
        """Whether a quoted text, or a ``?`` for one, comes next."""
        return self.peek_is_text() or self._is_mark()

    def word(self) -> str:
        """The next word in upper case."""
        if self.at_end or self.peek_is_text():
            raise self.fault()
        self._index += 1
        return str(self._tokens[self._index - 1].text).upper()

    def text(self) -> str:
        """The next quoted text, or the value of a ``?``."""
        if self.at_end:
            raise self.fault()
        token = self._tokens[self._index]
        if token.token_type is TokenType.PLACEHOLDER:
            self._index += 1
            return str(self._binding())
        if token.token_type not in _TEXT:
            raise self.fault()
        self._index += 1
        return str(token.text)

    def value(self) -> str:
        """The next text, number or word, as text; words in upper case."""
        if not self.at_end and (self.peek_is_text() or self._is_mark()):
            return self.text()
        negative = "-" if self.take("-") else ""
        return negative + self.word()

    def number(self) -> int:
        """The next whole number.

        :raises SnowflakeFault: something else comes.
        """
        at = self._index
        try:
            return int(self.value())
        except ValueError:
            self._index = at
            raise self.fault() from None

    def boolean(self) -> bool:
        """The next ``TRUE`` or ``FALSE``."""
        at = self._index
        value = self.value().upper()
        if value not in ("TRUE", "FALSE"):
            self._index = at
            raise self.fault()
        return value == "TRUE"

    def name(self) -> str:
        """A name of one to three parts, unquoted parts in upper case; ``IDENTIFIER('…')`` and ``?`` are names too."""
        if self.take("IDENTIFIER", "("):
            text = self.text()
            self.expect(")")
            return Cursor(text).name()
        if self._is_mark():
            return Cursor(self.text()).name()
        parts = [self._part()]
        while self.take("."):
            parts.append(self._part())
        return ".".join(parts)

    def key(self) -> str:
        """A name of one part in its own case, as keys of ``name => value`` are."""
        part = self._tokens[self._index].text if not self.at_end else ""
        self._part()
        return str(part)

    def names(self) -> list[str]:
        """Names in parentheses."""
        self.expect("(")
        found: list[str] = []
        while not self.take(")"):
            if found:
                self.expect(",")
            found.append(self.name())
        return found

    def texts(self) -> list[str]:
        """Texts in parentheses."""
        self.expect("(")
        found: list[str] = []
        while not self.take(")"):
            if found:
                self.expect(",")
            found.append(self.text())
        return found

    def skip(self) -> None:
        """Go past whatever comes next."""
        self._index += 1

    def skip_group(self) -> str:
        """Go past a balanced group in parentheses, answer its inside as words."""
        self.expect("(")
        depth, inside = 1, []
        while depth:
            if self.at_end:
                raise self.fault()
            token = self._tokens[self._index]
            self._index += 1
            if token.token_type not in _TEXT:
                depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth:
                inside.append(token.text)
        return " ".join(inside)

    def raw_group(self) -> str:
        """Go past a balanced group in parentheses, answer its inside as it is written (bare locations in quotes)."""
        start = self._index
        self.skip_group()
        return self.source[self._tokens[start].end + 1 : self._tokens[self._index - 1].start]

    def rest(self) -> str:
        """Everything that is left, as words."""
        left = " ".join(token.text for token in self._tokens[self._index :])
        self._index = len(self._tokens)
        return left

    def _part(self) -> str:
        if self.at_end or self.peek_is_text():
            raise self.fault()
        token = self._tokens[self._index]
        if token.token_type is TokenType.IDENTIFIER:
            self._index += 1
            # Names become names of files and folders here, and dots stand between their parts.
            if not token.text or set(token.text) & {"/", ".", "\0"}:
                raise unsupported(f"the quoted name {token.text!r}, which is empty or has a '/', '.' or NUL in it")
            return str(token.text)
        if not (token.text[:1].isalpha() or token.text[:1] == "_"):
            raise self.fault()
        self._index += 1
        return str(token.text).upper()

    def _is_mark(self) -> bool:
        return not self.at_end and self._tokens[self._index].token_type is TokenType.PLACEHOLDER

    def _binding(self) -> object:
        if not self._bindings:
            raise self.fault()
        return self._bindings.pop(0)
