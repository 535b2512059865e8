"""The rows of the conformance table: what they may say, and how an answer is compared with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from snowflake.connector.constants import FIELD_ID_TO_NAME

FOLDER: Final = Path(__file__).parent / "tables"
_TYPES: Final = {
    "": "TEXT",
    "number": "FIXED",
    "real": "REAL",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIMESTAMP_LTZ",
    "ntz": "TIMESTAMP_NTZ",
    "variant": "VARIANT",
    "moment": "/TIMESTAMP_.+/",  # which one is not in the reference
}
_KEYS: Final = frozenset(
    {"part", "run", "role", "with", "columns", "row", "rows", "only", "among", "status", "error", "until", "why"}
)


@dataclass(frozen=True)
class Row:
    """One row: statements, what the last of them answers, and where the reference says so.

    :param table: the file it is in, and its number there.
    """

    table: str
    number: int
    body: Mapping[str, Any]

    def __post_init__(self) -> None:
        unknown = set(self.body) - _KEYS
        judged = set(self.body) & {"columns", "row", "rows", "only", "among", "status", "error"}
        if unknown or not judged or not self.body.get("part") or not self.body.get("run"):
            msg = f"row {self.number} of {self.table} has unknown keys {sorted(unknown)}, or judges nothing: {dict(self.body)}"
            raise ValueError(msg)

    @property
    def statements(self) -> list[str]:
        """What is run; the last one is judged."""
        run = self.body["run"]
        return [run] if isinstance(run, str) else list(run)

    @property
    def role(self) -> str:
        """Who runs it."""
        return str(self.body.get("role", "RAYDP_SIS_ROLE"))

    @property
    def waits(self) -> bool:
        """Whether the answer may take a while to become what is expected."""
        return bool(self.body.get("until"))

    @property
    def name(self) -> str:
        """How the test of it is called."""
        words = " ".join(self.statements[-1].split())
        return f"{self.table}-{self.number:02}-{words[:70]}"


@dataclass(frozen=True)
class Answer:
    """What a statement answered: columns and rows, or an error."""

    columns: Sequence[tuple[str, str]] = ()
    rows: Sequence[Sequence[object]] = ()
    error: tuple[int, str, str] | None = None


def all_rows() -> Iterator[list[Row]]:
    """The rows of each file."""
    for file in sorted(FOLDER.glob("*.yaml")):
        bodies = yaml.safe_load(file.read_text())
        yield [Row(file.stem, number, body) for number, body in enumerate(bodies, 1)]


def differences(row: Row, answer: Answer) -> list[str]:
    """In which ways an answer is not what the row says; none where it is."""
    body = row.body
    if "error" in body:
        return _error_differences(body["error"], answer)
    if answer.error is not None:
        return [f"refused: {answer.error}"]
    found: list[str] = []
    if "status" in body:
        found += _compare("column", [("status", "TEXT")], list(answer.columns))
        found += _compare("message", [[body["status"]]], [list(each) for each in answer.rows])
    if "columns" in body:
        found += _compare("column", _columns(body["columns"]), list(answer.columns))
    names = [name for name, _ in answer.columns]
    if "rows" in body:
        found += _compare("row", body["rows"], [list(each) for each in answer.rows])
    shown = [dict(zip(names, each, strict=True)) for each in answer.rows]
    for one in body.get("among", ()):
        if not any(all(key in each and _same(value, each[key]) for key, value in one.items()) for each in shown):
            found.append(f"there is no {one}, only these: {shown}")
    if "row" in body or "only" in body:
        expected = [body["row"]] if "row" in body else body["only"]
        if len(shown) != len(expected):
            found.append(f"{len(expected)} rows expected, these came: {shown}")
        for one, other in zip(expected, shown, strict=False):
            found += [
                f"{key} is {other.get(key, 'no column')!r} and not {value!r}"
                for key, value in one.items()
                if key not in other or not _same(value, other[key])
            ]
    return found


def type_name(code: int) -> str:
    """The name of a column's type."""
    return str(FIELD_ID_TO_NAME[code])


def _columns(text: str) -> list[tuple[str, str]]:
    found = []
    for entry in text.split():
        name, _, kind = entry.partition(":")
        found.append((name, _TYPES[kind]))
    return found


def _error_differences(expected: Sequence[Any], answer: Answer) -> list[str]:
    if answer.error is None:
        return [f"not refused; it answered {list(answer.rows)}"]
    return [
        f"{what} is {got!r} and not {wanted!r}"
        for what, wanted, got in zip(("number", "SQLSTATE", "message"), expected, answer.error, strict=True)
        if not _same(wanted, got)
    ]


def _compare(what: str, expected: Sequence[Any], found: Sequence[Any]) -> list[str]:
    if len(expected) != len(found):
        return [f"{what}s: {len(expected)} expected, {len(found)} came: {found}"]
    return [
        f"{what} {index} is {got!r} and not {wanted!r}"
        for index, (wanted, got) in enumerate(zip(expected, found, strict=True), 1)
        if not _same(wanted, got)
    ]


def _same(wanted: object, got: object) -> bool:
    """Whether a value is as expected; a text in slashes is a pattern, in which ``/.*/`` is anything but NULL."""
    if isinstance(wanted, (list, tuple)) and isinstance(got, (list, tuple)):
        return len(wanted) == len(got) and all(_same(one, other) for one, other in zip(wanted, got, strict=True))
    if isinstance(wanted, str) and len(wanted) > 1 and wanted[0] == wanted[-1] == "/":
        return got is not None and re.fullmatch(wanted[1:-1], str(got), re.DOTALL) is not None
    return wanted == got
