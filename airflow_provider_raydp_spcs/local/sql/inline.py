"""What a query reads besides tables, wherever it stands in the text: it is put in place of what the engine cannot read.

``FROM @stage (FILE_FORMAT => …, PATTERN => …)`` with ``$1``, ``$1:field`` and ``METADATA$…``; ``DIRECTORY(@stage)``;
``TABLE(INFER_SCHEMA(…))``; ``TABLE(RESULT_SCAN(…))``; ``LAST_QUERY_ID()``; ``GET_PRESIGNED_URL(@stage, …)`` (SPCS
reference, part 5).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from sqlglot.tokens import Token, TokenType

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, syntax_error, unsupported
from airflow_provider_raydp_spcs.local.sql.current import is_select_item
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.directory import directory_rows
from airflow_provider_raydp_spcs.local.sql.options import format_of
from airflow_provider_raydp_spcs.local.sql.registry import Context
from airflow_provider_raydp_spcs.local.sql.stage_locations import READ, STAGE, Location
from airflow_provider_raydp_spcs.local.tables.inference import InferredSchema
from airflow_provider_raydp_spcs.local.tables.sources import Rows, StagedFiles, not_found

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.tables.session import Source

_MARKS: Final = ("@", "RESULT_SCAN", "LAST_QUERY_ID", "INFER_SCHEMA", "GET_PRESIGNED_URL")
_TEXT: Final = (TokenType.STRING, TokenType.RAW_STRING)
_METADATA: Final = (
    "METADATA$FILENAME",
    "METADATA$FILE_ROW_NUMBER",
    "METADATA$START_SCAN_TIME",
)
_FILE_FUNCTIONS: Final = (
    "BUILD_SCOPED_FILE_URL",
    "BUILD_STAGE_FILE_URL",
    "GET_ABSOLUTE_PATH",
    "GET_RELATIVE_PATH",
    "GET_STAGE_LOCATION",
    "TO_FILE",
)
"""Functions of staged files that are not here."""
_NUMBERS = itertools.count(1)
PRESIGNED_SECONDS: Final = 3600
MAX_PRESIGNED_SECONDS: Final = 604_800


@dataclass
class Rewritten:
    """A text that the engine can read.

    :param used: numbers of the ``?`` marks that were read and are gone from the text.
    """

    sql: str
    sources: list[Source] = field(default_factory=list)
    used: set[int] = field(default_factory=set)


def mentions_any(text: str) -> bool:
    """Whether the text may have anything of it; quick, for every statement is asked."""
    upper = text.upper()
    return any(mark in upper for mark in _MARKS)


def rewrite(cursor: Cursor, bindings: Sequence[object], context: Context, staged: Any = None) -> Rewritten | None:
    """The statement with everything of it replaced; None where it has nothing of it.

    :param staged: the format of staged files of which the text does not tell it.
    :raises SnowflakeFault: a stage, format or result is not there, or the role may not read it.
    """
    work = _Rewriting(cursor, bindings, context, staged or {})
    return work.run()


def spell_identifiers(cursor: Cursor, bindings: Sequence[object]) -> Rewritten:
    """The statement with each ``IDENTIFIER('…')`` and ``IDENTIFIER(?)`` as the name that it stands for.

    :raises SnowflakeFault: the text is no name.
    """
    tokens, parts, position, marks = cursor.tokens, list[str](), 0, 0
    used: set[int] = set()
    for index, token in enumerate(tokens):
        marks += token.token_type is TokenType.PLACEHOLDER
        if token.text.upper() != "IDENTIFIER" or index + 3 >= len(tokens) or tokens[index + 1].text != "(":
            continue
        argument = tokens[index + 2]
        if tokens[index + 3].text != ")" or token.token_type in _TEXT:
            continue
        if argument.token_type is TokenType.PLACEHOLDER and marks < len(bindings):
            text = str(bindings[marks])
            used.add(marks + 1)
        elif argument.token_type in _TEXT:
            text = argument.text
        else:
            continue
        name = ".".join('"' + part.replace('"', '""') + '"' for part in Cursor(text).name().split("."))
        parts += [cursor.source[position : token.start], name]
        position = tokens[index + 3].end + 1
    return Rewritten("".join([*parts, cursor.source[position:]]), used=used)


class _Rewriting:
    def __init__(self, cursor: Cursor, bindings: Sequence[object], context: Context, staged: dict[str, Any]) -> None:
        self._source, self._tokens = cursor.source, cursor.tokens
        self._bindings, self._context, self._staged = bindings, context, staged
        self._edits: list[tuple[int, int, str]] = []
        self._sources: list[Source] = []
        self._used: set[int] = set()

    def run(self) -> Rewritten | None:
        index = 0
        while index < len(self._tokens):
            index = self._step(index)
        self._columns()
        if not self._edits:
            return None
        parts, position = [], 0
        for start, end, text in sorted(self._edits):
            parts += [self._source[position:start], text]
            position = end + 1
        return Rewritten("".join([*parts, self._source[position:]]), self._sources, self._used)

    def _step(self, index: int) -> int:
        token = self._tokens[index]
        word = token.text.upper()
        if token.token_type in _TEXT:
            before = self._word(index - 1)
            if token.text.startswith("@") and before in ("FROM", "JOIN"):
                return self._staged_files(index)
        elif word == "DIRECTORY" and self._word(index + 1) == "(":
            return self._directory(index)
        elif (
            word == "TABLE"
            and self._word(index + 1) == "("
            and self._word(index + 2) in ("RESULT_SCAN", "INFER_SCHEMA")
        ):
            return self._table_function(index)
        elif word == "LAST_QUERY_ID" and self._word(index + 1) == "(":
            return self._last_query_id(index)
        elif word == "GET_PRESIGNED_URL" and self._word(index + 1) == "(":
            return self._presigned_url(index)
        elif word in _FILE_FUNCTIONS and self._word(index + 1) == "(":
            raise unsupported(word)
        return index + 1

    def _word(self, index: int) -> str:
        if not 0 <= index < len(self._tokens) or self._tokens[index].token_type in _TEXT:
            return ""
        return str(self._tokens[index].text).upper()

    def _replace(self, first: int, last: int, text: str) -> int:
        self._edits.append((self._tokens[first].start, self._tokens[last].end, text))
        return last + 1

    def _relation(self, first: int, last: int, source: Source) -> int:
        self._sources.append(source)
        return self._replace(first, last, f'"temp"."main"."{source.name}"')

    def _name(self) -> str:
        return f"_SOURCE_{next(_NUMBERS)}"

    def _closing(self, opening: int) -> int:
        """The parenthesis that belongs to one."""
        depth = 0
        for index in range(opening, len(self._tokens)):
            if self._tokens[index].token_type not in _TEXT:
                depth += {"(": 1, ")": -1}.get(self._tokens[index].text, 0)
            if not depth:
                return index
        raise syntax_error(self._tokens[-1].end + 1, "<EOF>")

    def _inside(self, opening: int) -> tuple[Cursor, int]:
        """What is in parentheses, as a statement of its own, and where they close."""
        closing = self._closing(opening)
        text = self._source[self._tokens[opening].end + 1 : self._tokens[closing].start]
        marks = [index for index, token in enumerate(self._tokens) if token.token_type is TokenType.PLACEHOLDER]
        numbers = [number for number, index in enumerate(marks, 1) if opening < index < closing]
        given = [self._bindings[number - 1] for number in numbers if number <= len(self._bindings)]
        self._used |= set(numbers)
        return Cursor(text, given), closing

    def _staged_files(self, index: int) -> int:
        location = Location.of(self._tokens[index].text)
        last, options = index, dict[str, Any]()
        if self._word(index + 1) == "(" and self._word(index + 3) == "=>":
            inside, last = self._inside(index + 1)
            options = _arguments(inside)
        unknown = set(options) - {"FILE_FORMAT", "PATTERN"}
        if unknown:
            raise unsupported(f"{sorted(unknown)[0]} of a staged file")
        named = {"FORMAT_NAME": options["FILE_FORMAT"]} if "FILE_FORMAT" in options else {}
        form = format_of(self._context, _stage_format(location, self._context), self._staged, named)
        found = location.files(self._context, "SELECT", options.get("PATTERN"))
        source = StagedFiles(self._name(), [str(file) for file, _ in found], [told for _, told in found], form)
        return self._relation(index, last, source)

    def _directory(self, index: int) -> int:
        inside, last = self._inside(index + 1)
        rows = directory_rows(Location.read(inside), self._context)
        return self._relation(index, last, Rows(self._name(), rows))

    def _table_function(self, index: int) -> int:
        end = self._closing(index + 1)
        inside, _ = self._inside(index + 3)
        if self._word(index + 2) == "RESULT_SCAN":
            if inside.take("LAST_QUERY_ID", "("):
                key = self._last(0 if inside.take(")") else inside.number())
            else:
                key = inside.text()
            desk = self._context.session.desk
            if desk is None:
                raise not_found(key)
            return self._relation(index, end, Rows(self._name(), desk.result(key)))
        given = _arguments(inside)
        location = Location.of(str(given.get("LOCATION", "")))
        form = format_of(self._context, {"FORMAT_NAME": given["FILE_FORMAT"]} if "FILE_FORMAT" in given else {})
        names = given.get("FILES")
        found = location.files(
            self._context, "SELECT", None, names if isinstance(names, list) or names is None else [names]
        )
        case = str(given.get("IGNORE_CASE", "FALSE")).upper() == "TRUE"
        source = InferredSchema(self._name(), [str(file) for file, _ in found], [told for _, told in found], form, case)
        return self._relation(index, end, source)

    def _last(self, number: int) -> str:
        """The id of an earlier statement: counted from the youngest where the number is negative."""
        finished = self._context.session.finished
        at = number - 1 if number > 0 else len(finished) + (number or -1)
        if not 0 <= at < len(finished):
            raise not_found("NULL")
        return finished[at]

    def _last_query_id(self, index: int) -> int:
        inside, last = self._inside(index + 1)
        try:
            key = f"'{self._last(0 if inside.at_end else inside.number())}'"
        except SnowflakeFault as fault:
            if fault.number != 709:
                raise
            key = "NULL"
        name = ' AS "LAST_QUERY_ID()"' if is_select_item(self._tokens, index, last) else ""
        return self._replace(index, last, key + name)

    def _presigned_url(self, index: int) -> int:
        """One address for a path that is known, else one key for the stage with each row's path before it."""
        last = self._closing(index + 1)
        location = Location.of(self._tokens[index + 2].text)
        stage = location.stage_in(self._context, "SELECT", READ)
        arguments = self._split(index + 3, last)
        desk = self._context.session.desk
        if desk is None or not 1 <= len(arguments) <= 2:
            raise syntax_error(self._tokens[index].start, "GET_PRESIGNED_URL")
        seconds = (
            int(arguments[1][0].text) if len(arguments) == 2 and arguments[1][0].text.isdecimal() else PRESIGNED_SECONDS
        )
        if not 0 < seconds <= MAX_PRESIGNED_SECONDS:
            text = f"SQL compilation error:\nargument 3 to function GET_PRESIGNED_URL must be between 1 and {MAX_PRESIGNED_SECONDS}"
            raise SnowflakeFault(1015, "22023", text)
        folder = self._context.files.folder(stage)
        path = arguments[0]
        if len(path) == 1 and path[0].token_type in _TEXT:
            self._context.files.inside(folder, location.path + path[0].text)
            text = "'" + desk.presign(folder, location.path + path[0].text, seconds) + "'"
        else:
            base, _, key = desk.presign(folder, "*", seconds).partition("*")
            expression = self._source[path[0].start : path[-1].end + 1]
            text = f"('{base}{quote(location.path)}' || URL_ENCODE({expression}) || '{key}')"
        return self._replace(index, last, text)

    def _split(self, first: int, last: int) -> list[list[Token]]:
        """The arguments between the first comma and the closing parenthesis."""
        found: list[list[Token]] = []
        depth = 0
        for token in self._tokens[first:last]:
            depth += {"(": 1, ")": -1}.get(token.text, 0) if token.token_type not in _TEXT else 0
            if token.text == "," and not depth and token.token_type not in _TEXT:
                found.append([])
            elif found:
                found[-1].append(token)
        return [each for each in found if each]

    def _columns(self) -> None:
        """``$1``, ``$1:field`` and the columns of metadata, for the staged files of this statement."""
        if not any(isinstance(source, StagedFiles) for source in self._sources):
            return
        width, fields = 1, dict[str, None]()
        for index, token in enumerate(self._tokens):
            following = self._tokens[index + 1] if index + 1 < len(self._tokens) else None
            if token.token_type is TokenType.PARAMETER and following is not None and following.text.isdecimal():
                width = max(width, int(following.text))
                key = self._field(index + 2) if following.text == "1" else None
                if key is not None:
                    fields[key] = None
                    self._replace(index, index + 3, '"$1:' + key.replace('"', '""') + '"')
                else:
                    self._replace(index, index + 1, f'"${following.text}"')
            elif self._word(index) in _METADATA:
                self._replace(index, index, f'"{token.text.upper()}"')
        self._sources = [
            replace(source, width=width, fields=tuple(fields)) if isinstance(source, StagedFiles) else source
            for source in self._sources
        ]

    def _field(self, index: int) -> str | None:
        """The key after ``$1:`` where it is the last one of its path."""
        if self._word(index) != ":" or index + 1 >= len(self._tokens):
            return None
        token = self._tokens[index + 1]
        if token.token_type is not TokenType.IDENTIFIER and not (token.text[:1].isalpha() or token.text[:1] == "_"):
            return None
        return None if self._word(index + 2) in (".", ":", "[") else str(token.text)


def _arguments(cursor: Cursor) -> dict[str, Any]:
    """``NAME => value, …``."""
    found: dict[str, Any] = {}
    while not cursor.at_end:
        cursor.take(",")
        name = cursor.word()
        cursor.expect("=>")
        found[name] = cursor.texts() if cursor.words(1) == ("(",) else cursor.value()
    return found


def _stage_format(location: Location, context: Context) -> dict[str, Any]:
    """The format that the stage itself has."""
    if location.stage.startswith(("~", "%")):
        return {}
    from airflow_provider_raydp_spcs.local.sql.scope import full_name

    record = context.catalogue.find(STAGE, full_name(location.stage, context.session, "SELECT")) or {}
    return dict(record.get("file_format") or {})
