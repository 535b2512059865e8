"""Calls of Snowflake's own functions inside statements (SPCS reference 2.2, 2.7).

``SELECT f(…)`` and ``CALL f(…)`` are answered at once. Anywhere else a scalar function's answer is put into the text as a
literal, and a table function's as a subquery over its rows; the engine for tables does the rest.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, syntax_error, unsupported
from airflow_provider_raydp_spcs.local.sql import functions
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor, tokens_of
from airflow_provider_raydp_spcs.local.sql.functions.registry import (
    RELATIONS,
    SCALARS,
    TABLES,
    Call,
    Rows,
    Scalar,
    Table,
)
from airflow_provider_raydp_spcs.local.sql.scope import full_name
from airflow_provider_raydp_spcs.local.sql.splits import open_splits
from airflow_provider_raydp_spcs.local.wire.answers import Answer, Column, RewriteAnswer, RowsAnswer

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.sql.registry import Context

_MARKS: Final = ("SYSTEM$", "!SPCS_", "GET_JOB_HISTORY", "TELEMETRY", "SPLIT_TO_TABLE")
_CONSTANTS: Final = frozenset({TokenType.STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING, TokenType.NUMBER})

for _module in pkgutil.iter_modules(functions.__path__, f"{functions.__name__}."):
    importlib.import_module(_module.name)


def answer_calls(text: str, bindings: Sequence[object], context: Context) -> Answer | None:
    """Answer a statement that calls one of the functions; None where it calls none.

    :raises SnowflakeFault: a call is not as it must be, or the function refuses.
    """
    upper = text.upper()
    if not any(mark in upper for mark in _MARKS):
        return None
    try:
        opened = open_splits(text, tokens_of(text))
        text = opened or text
        tokens = [token for token in tokens_of(text) if token.token_type is not TokenType.SEMICOLON]
    except SqlglotError:
        return None
    reader = _Reader(text, tokens, bindings)
    calls = list(reader.calls())
    if not calls:
        return None if opened is None else RewriteAnswer(opened, keeps_bindings=True)
    first, _ = calls[0]
    if len(calls) == 1 and first.name in SCALARS and (column := reader.whole(first)):
        return RowsAnswer([Column(column)], [[_scalar(first, context)]])
    if reader.marks_inside and reader.marks_inside < reader.marks:
        raise unsupported("binds both inside and outside of a function about services")
    parts: list[str] = []
    position = 0
    for call, (start, end) in calls:
        if call.name in SCALARS:
            filling = _literal(_scalar(call, context))
        elif call.name in RELATIONS:
            filling = _rows(RELATIONS[call.name].answer(context), "")
        else:
            filling = _subquery(call, context)
        parts += [text[position:start], filling]
        position = end
    return RewriteAnswer("".join([*parts, text[position:]]), keeps_bindings=not reader.marks_inside)


class _Reader:
    """Finds the calls in the tokens of a statement."""

    def __init__(self, text: str, tokens: list[Token], bindings: Sequence[object]) -> None:
        self._text, self._tokens, self._bindings = text, tokens, bindings
        self.marks = sum(token.token_type is TokenType.PLACEHOLDER for token in tokens)
        self.marks_inside = 0

    def calls(self) -> Iterator[tuple[Call, tuple[int, int]]]:
        """Each call with the range of the text that its answer replaces."""
        index = 0
        while index < len(self._tokens) - 1:
            if relation := self._relation(index):
                last = index + 4
                start, end = self._tokens[index].start, self._tokens[last].end + 1
                yield Call(relation, None, start, end), (start, end)
                index = last + 1
                continue
            name = self._tokens[index].text.upper()
            is_call = self._type(index + 1) is TokenType.L_PAREN and self._type(index) not in _CONSTANTS
            known = (SCALARS.get(name) or TABLES.get(name)) if is_call else None
            if known is None:
                if is_call and self._type(index - 1) is TokenType.EXCLAMATION:
                    raise SnowflakeFault(
                        2143, "42601", f"SQL compilation error:\nUnknown function {name[:80]} of a service."
                    )
                index += 1
                continue
            first = self._first(index, of_service=known.of_service)
            if first is None:
                index += 1
                continue
            last, call = self._read(name, known, first, index)
            start, end = first, last
            if isinstance(known, Table):
                around = first - 2
                if not (self._word(around) == "TABLE" and self._type(last + 1) is TokenType.R_PAREN):
                    raise self._fault(first)
                start, end = around, last + 1
            yield call, (self._tokens[start].start, self._tokens[end].end + 1)
            index = last + 1

    def whole(self, call: Call) -> str | None:
        """The name of the result's column, where the call is all that a SELECT or CALL has in it; else None."""
        verb = self._word(0)
        if verb not in ("SELECT", "CALL") or self._tokens[1].start != call.start:
            return None
        after = [token for token in self._tokens if token.start >= call.end]
        if after and verb == "SELECT" and after[0].text.upper() == "AS":
            after = after[1:]
            if not after:
                return None
        if not after:
            return call.name
        if verb == "CALL" or len(after) > 1:
            return None
        return str(after[0].text if after[0].token_type is TokenType.IDENTIFIER else after[0].text.upper())

    def _relation(self, index: int) -> str | None:
        """The name of the relation that begins here, if one does."""
        if self._type(index) in _CONSTANTS or self._type(index - 1) is TokenType.DOT:
            return None
        name = "".join(self._word(at) for at in range(index, index + 5))
        return name if name in RELATIONS else None

    def _first(self, index: int, *, of_service: bool) -> int | None:
        """Where the call whose function's name is at ``index`` begins; None where it is another function of that name."""
        before = self._type(index - 1) if index else None
        if not of_service:
            if self._tokens[index].text.upper().startswith("SYSTEM$"):
                return index if before is not TokenType.DOT else None
            qualified = [self._word(at) for at in range(index - 4, index)] == ["SNOWFLAKE", ".", "SPCS", "."]
            return index - 4 if index >= 4 and qualified else None
        if before is not TokenType.EXCLAMATION:
            return None
        first = index - 2
        while first >= 2 and self._type(first - 1) is TokenType.DOT:
            first -= 2
        return max(first, 0)

    def _read(self, name: str, known: Scalar | Table, first: int, index: int) -> tuple[int, Call]:
        groups, last = self._groups(index + 1)
        service = None
        if known.of_service:
            service = Cursor(self._slice(first, index - 2)).name()
        start, end = self._tokens[first].start, self._tokens[last].end + 1
        if isinstance(known, Scalar):
            arguments = [self._constant(*group) for group in groups]
            if not known.least <= len(arguments) <= known.most:
                expected = str(known.least) if known.least == known.most else f"{known.least} to {known.most}"
                text = f"SQL compilation error: error line 1 at position {start}\nInvalid number of arguments for {name}: got {len(arguments)}, expected {expected}"
                raise SnowflakeFault(1044, "42P13", text)
            return last, Call(name, service, start, end, arguments)
        allowed = {known.start, known.end, *([known.limit] if known.limit else [])}
        named = {}
        for begin, stop in groups:
            key = self._word(begin)
            if key not in allowed or self._type(begin + 1) is not TokenType.FARROW or stop < begin + 2:
                raise self._fault(begin)
            named[key] = self._slice(begin + 2, stop)
        return last, Call(name, service, start, end, (), named)

    def _groups(self, opening: int) -> tuple[list[tuple[int, int]], int]:
        """First and last token of each argument, and the closing parenthesis."""
        depth, begin, groups = 0, opening + 1, []
        for index in range(opening, len(self._tokens)):
            kind = self._type(index)
            depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(kind, 0)
            if depth == 0 or (depth == 1 and kind is TokenType.COMMA):
                if begin < index:
                    groups.append((begin, index - 1))
                elif groups or kind is TokenType.COMMA:
                    raise self._fault(index)
                begin = index + 1
            if depth == 0:
                return groups, index
        raise syntax_error(len(self._text), "<EOF>")

    def _constant(self, begin: int, end: int) -> str | None:
        token = self._tokens[end]
        sign = "-" if end == begin + 1 and self._type(begin) is TokenType.DASH else ""
        if begin != end and not sign:
            raise unsupported(f"an expression as argument: {self._slice(begin, end)[:60]}")
        if token.token_type is TokenType.PLACEHOLDER:
            number = sum(each.token_type is TokenType.PLACEHOLDER for each in self._tokens[:end])
            self.marks_inside += 1
            if number >= len(self._bindings):
                raise self._fault(end)
            value = self._bindings[number]
            return None if value is None else str(value)
        word = token.text.upper()
        if token.token_type in _CONSTANTS:
            return f"{sign}{token.text}"
        if word in ("TRUE", "FALSE", "NULL") and not sign:
            return None if word == "NULL" else word
        raise unsupported(f"an expression as argument: {self._slice(begin, end)[:60]}")

    def _type(self, index: int) -> TokenType | None:
        return self._tokens[index].token_type if 0 <= index < len(self._tokens) else None

    def _word(self, index: int) -> str:
        return str(self._tokens[index].text).upper() if 0 <= index < len(self._tokens) else ""

    def _slice(self, first: int, last: int) -> str:
        return self._text[self._tokens[first].start : self._tokens[last].end + 1]

    def _fault(self, index: int) -> SnowflakeFault:
        token = self._tokens[min(index, len(self._tokens) - 1)]
        return syntax_error(token.start, token.text[:60])


def _scalar(call: Call, context: Context) -> str:
    function = SCALARS[call.name]
    of = [full_name(call.service, context.session, "CALL")] if call.service else []
    return function.answer(context, [*of, *call.arguments])


def _subquery(call: Call, context: Context) -> str:
    function = TABLES[call.name]
    found = function.answer(context, full_name(call.service, context.session, "SELECT") if call.service else "")
    time = f"value:{found.time}::{found.columns[found.time]}"
    start = call.named.get(function.start, f"DATEADD('day', -{function.days}, CURRENT_TIMESTAMP())")
    conditions = [f"{time} >= ({start})"]
    if function.end in call.named:
        conditions.append(f"{time} <= ({call.named[function.end]})")
    limit = ""
    if function.limit:
        limit = f" ORDER BY {time} DESC LIMIT {call.named.get(function.limit, '100')}"
    return _rows(found, f" WHERE {' AND '.join(conditions)}{limit}")


def _rows(found: Rows, narrowed: str) -> str:
    """Rows as a subquery. One JSON text, for a text is cut into tokens once, however many rows are in it."""
    filled = [{name: value for name, value in row.items() if value is not None} for row in found.rows]
    columns = ", ".join(
        f"value:{name}{'' if kind == 'VARIANT' else f'::{kind}'} AS {name}" for name, kind in found.columns.items()
    )
    source = f"TABLE(FLATTEN(INPUT => PARSE_JSON({_literal(json.dumps(filled))})))"
    return f"(SELECT {columns} FROM {source}{narrowed})"  # noqa: S608 - part of the client's own statement


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
