"""Blocks of Snowflake Scripting: the part of the language that set-up scripts need.

``BEGIN … [EXCEPTION WHEN OTHER THEN …] END``, ``LET``, ``FOR`` over a result set or over numbers, ``IF``, ``BREAK``,
``RETURN``, and any statement that is not the engine's for tables, with ``:name`` for a variable. Anything else is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sqlglot.tokens import Token, TokenType

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, unsupported
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.wire.answers import RowsAnswer

Row = dict[str, object]
Value = object
Run = Callable[[str], RowsAnswer]
"""Carries out one statement."""
MAX_ROUNDS = 10_000


class _Break(Exception):  # noqa: N818 - a way out of a loop
    pass


class _Return(Exception):  # noqa: N818 - a way out of the block
    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value


@dataclass
class _Block:
    """Statements, and what to do where one fails."""

    body: list[_Step] = field(default_factory=list)
    handler: list[_Step] | None = None

    def run(self, scope: _Scope) -> None:
        try:
            for step in self.body:
                step(scope)
        except SnowflakeFault:
            if self.handler is None:
                raise
            for step in self.handler:
                step(scope)


@dataclass
class _Scope:
    """Variables and result sets, and how statements run."""

    run: Run
    values: dict[str, Value] = field(default_factory=dict)


_Step = Callable[[_Scope], None]


def run_block(text: str, run: Run) -> str | None:
    """Carry out a block; answer what it returns.

    :raises SnowflakeFault: it cannot be read, or a statement in it fails and no handler takes that.
    """
    reader = _Reader(text)
    reader.expect("BEGIN")
    block = reader.block()
    try:
        block.run(_Scope(run))
    except _Return as end:
        return None if end.value is None else str(end.value)
    return None


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._cursor = Cursor(text)
        self._tokens: Sequence[Token] = self._cursor.tokens
        self._at = 0

    def block(self) -> _Block:
        """What stands behind BEGIN, to its END."""
        block = _Block(self._steps("EXCEPTION", "END"))
        if self._take("EXCEPTION"):
            self.expect("WHEN", "OTHER", "THEN")
            block.handler = self._steps("END")
        self.expect("END")
        self._take(";")
        return block

    def _steps(self, *ends: str) -> list[_Step]:
        found = []
        while self._word() not in ends:
            found.append(self._step())
        return found

    def _step(self) -> _Step:
        if self._take("BEGIN"):
            return self.block().run
        if self._take("LET"):
            return self._let()
        if self._take("FOR"):
            return self._for()
        if self._take("IF"):
            return self._if()
        if self._take("BREAK"):
            self.expect(";")
            return _leave
        if self._take("RETURN"):
            value = self._expression()
            self.expect(";")
            return _returning(value)
        return self._statement()

    def _let(self) -> _Step:
        name = self._next().text.upper()
        kind = self._next().text.upper()
        self.expect(":=") if self._word() == ":=" else self.expect(":", "=")
        if kind == "RESULTSET":
            self.expect("(")
            start = self._at
            depth = 1
            while depth:
                depth += {"(": 1, ")": -1}.get(self._next().text, 0)
            text = self._between(start, self._at - 1)
            self.expect(";")
            return lambda scope: scope.values.__setitem__(name, _rows(scope.run(_filled(text, scope))))
        value = self._expression()
        self.expect(";")
        return lambda scope: scope.values.__setitem__(name, value(scope))

    def _for(self) -> _Step:
        name = self._next().text.upper()
        self.expect("IN")
        first = self._next()
        if first.token_type is TokenType.NUMBER:
            self.expect("TO")
            rounds = range(int(first.text), int(self._next().text) + 1)
            if len(rounds) > MAX_ROUNDS:
                raise unsupported(f"a loop of {len(rounds)} rounds")
            items: Callable[[_Scope], Sequence[Value]] = lambda scope: rounds  # noqa: E731 - one of two
        else:
            source = first.text.upper()
            items = lambda scope: _result_set(scope, source)  # noqa: E731
        self.expect("DO")
        steps = self._steps("END")
        self.expect("END", "FOR", ";")

        def loop(scope: _Scope) -> None:
            for item in items(scope):
                scope.values[name] = item
                try:
                    for step in steps:
                        step(scope)
                except _Break:
                    return

        return loop

    def _if(self) -> _Step:
        self.expect("(")
        left = self._expression()
        self.expect("=")
        right = self._expression()
        self.expect(")", "THEN")
        steps = self._steps("END")
        self.expect("END", "IF", ";")

        def branch(scope: _Scope) -> None:
            if left(scope) == right(scope):
                for step in steps:
                    step(scope)

        return branch

    def _expression(self) -> Callable[[_Scope], Value]:
        token = self._next()
        if token.token_type is TokenType.STRING:
            return lambda scope: token.text
        if token.token_type is TokenType.NUMBER:
            return lambda scope: int(token.text)
        name = token.text.upper()
        if self._take("."):
            column = self._next()
            key = column.text if column.token_type is TokenType.IDENTIFIER else column.text.upper()
            return lambda scope: _field(scope, name, key)
        return lambda scope: _value(scope, name)

    def _statement(self) -> _Step:
        start = self._at
        while self._next().token_type is not TokenType.SEMICOLON:
            pass
        text = self._between(start, self._at - 1)
        return lambda scope: _done(scope.run(_filled(text, scope)))

    def _between(self, start: int, end: int) -> str:
        return self._text[self._tokens[start].start : self._tokens[end - 1].end + 1] if end > start else ""

    def _word(self) -> str:
        if self._at >= len(self._tokens):
            raise self._cursor_at_end()
        return str(self._tokens[self._at].text).upper()

    def _next(self) -> Token:
        self._word()
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, word: str) -> bool:
        taken = self._at < len(self._tokens) and self._tokens[self._at].text.upper() == word
        self._at += taken
        return taken

    def expect(self, *words: str) -> None:
        """Go past these words.

        :raises SnowflakeFault: something else comes.
        """
        for word in words:
            if not self._take(word):
                raise unsupported(f"'{self._word()[:40]}' where '{word}' is expected in a scripting block")

    def _cursor_at_end(self) -> SnowflakeFault:
        self._cursor.rest()
        return self._cursor.fault()


def _leave(scope: _Scope) -> None:
    raise _Break


def _returning(value: Callable[[_Scope], Value]) -> _Step:
    def step(scope: _Scope) -> None:
        raise _Return(value(scope))

    return step


def _done(answer: RowsAnswer) -> None:
    del answer


def _rows(answer: RowsAnswer) -> list[Row]:
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def _value(scope: _Scope, name: str) -> Value:
    if name not in scope.values:
        raise SnowflakeFault(904, "42000", f"SQL compilation error:\ninvalid identifier '{name}'")
    return scope.values[name]


def _result_set(scope: _Scope, name: str) -> list[Row]:
    found = _value(scope, name)
    if not isinstance(found, list):
        raise unsupported(f"FOR … IN {name}, which is no result set")
    return found


def _field(scope: _Scope, name: str, key: str) -> Value:
    row = _value(scope, name)
    if not isinstance(row, dict) or key not in row:
        raise SnowflakeFault(904, "42000", f"SQL compilation error:\ninvalid identifier '{name}.{key}'")
    return row[key]


def _filled(text: str, scope: _Scope) -> str:
    """The statement with each ``:name`` replaced by the variable's value as a literal."""
    parts, position = [], 0
    tokens = Cursor(text).tokens
    for colon, name in pairwise(tokens):
        if colon.token_type is TokenType.COLON and name.start == colon.end + 1 and name.text[:1].isalpha():
            literal = "'" + str(_value(scope, name.text.upper())).replace("\\", "\\\\").replace("'", "''") + "'"
            parts += [text[position : colon.start], literal]
            position = name.end + 1
    return "".join([*parts, text[position:]])
