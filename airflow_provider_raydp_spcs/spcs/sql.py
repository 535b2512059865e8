"""Names and values in SQL text. Only this room renders SQL, and only through these functions.

A name is validated or refused; a value is bound or rendered as a literal that it cannot end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from airflow_provider_raydp_spcs.spcs.errors import InvalidIdentifierError, InvalidValueError

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z", re.ASCII)
_PART: Final = re.compile(r'"((?:[^"\0]|"")+)"|([^".]+)')
UNSENDABLE: Final = re.compile("[\0\ud800-\udfff]")
"""NUL characters and halves of surrogate pairs: no statement can hold them, and no environment or argument of a process."""
MAX_IDENTIFIER: Final = 255
MAX_DNS_LABEL: Final = 63


def identifier(name: str, kind: str = "name") -> str:
    """A plain (unquoted) identifier, in upper case as Snowflake stores it.

    Services, compute pools, image repositories and the schemas around them cannot have quoted names (SPCS reference
    1.1, 2.1, 6), so quoting is no way out and anything else is refused.

    :raises InvalidIdentifierError: not a letter or underscore followed by letters, digits, ``_`` or ``$``; too long.
    """
    if not isinstance(name, str) or not _PLAIN.match(name) or len(name) > MAX_IDENTIFIER:
        msg = (
            f"{kind} {_shown(name)} is no plain Snowflake identifier: it must start with a letter or underscore, go on "
            f"with letters, digits, underscores or dollar signs, and have at most {MAX_IDENTIFIER} characters"
        )
        raise InvalidIdentifierError(msg)
    return name.upper()


def dns_identifier(name: str, kind: str = "service name") -> str:
    """An identifier that also makes a DNS label once ``_`` has become ``-``, as services need (reference 2.1).

    :raises InvalidIdentifierError: see :func:`identifier`; or longer than 63, with ``$``, or with ``_`` at an end.
    """
    label = identifier(name, kind)
    if len(label) > MAX_DNS_LABEL or "$" in label or label.startswith("_") or label.endswith("_"):
        msg = (
            f"{kind} {_shown(name)} cannot become a DNS label: at most {MAX_DNS_LABEL} letters, digits and underscores, "
            "a letter first and a letter or digit last"
        )
        raise InvalidIdentifierError(msg)
    return label


def qualified(name: str, kind: str = "name") -> str:
    """One to three identifiers with dots between them: ``[database.][schema.]name``."""
    parts = name.split(".") if isinstance(name, str) else [name]
    if len(parts) > 3:
        msg = f"{kind} {_shown(name)} has {len(parts)} parts; write [database.][schema.]name"
        raise InvalidIdentifierError(msg)
    return ".".join(identifier(part, kind) for part in parts)


def quoted(name: str, kind: str = "column") -> str:
    """A name between double quotes, as it is stored: of a column or table that Snowflake itself told, or in data.

    :raises InvalidIdentifierError: empty, too long, or with a character that :func:`text` refuses.
    """
    if not isinstance(name, str) or not name or len(name) > MAX_IDENTIFIER or UNSENDABLE.search(name):
        msg = (
            f"{kind} {_shown(name)} is no Snowflake identifier: 1 to {MAX_IDENTIFIER} characters, none of them NUL or half of "
            "a surrogate pair"
        )
        raise InvalidIdentifierError(msg)
    return '"' + name.replace('"', '""') + '"'


def column(name: str) -> str:
    """A column as a user writes it: plain, or between double quotes.

    :raises InvalidIdentifierError: neither.
    """
    return _part(name, "column") if isinstance(name, str) else identifier(name, "column")


def table(name: str) -> str:
    """A table or view, ``[database.][schema.]name``, each part plain or between double quotes.

    :raises InvalidIdentifierError: a part is neither, or there are more than three.
    """
    parts: list[str] = []
    rest = name if isinstance(name, str) else ""
    while True:
        found = _PART.match(rest)
        parts.append(_part(found[0] if found else rest, "table"))
        rest = rest[found.end() :] if found else ""
        if not rest:
            break
        if not rest.startswith(".") or len(parts) == 3:
            msg = f"table {_shown(name)} is no [database.][schema.]name with parts that are plain or between double quotes"
            raise InvalidIdentifierError(msg)
        rest = rest[1:]
    return ".".join(parts)


def _part(text: str, kind: str) -> str:
    found = _PART.fullmatch(text)
    return quoted(found[1].replace('""', '"'), kind) if found and found[1] else identifier(text, kind)


def literal(value: str) -> str:
    r"""A string literal. Quotes and backslashes are doubled, for Snowflake reads ``\`` as an escape in ``'…'``.

    :raises InvalidValueError: see :func:`text`.
    """
    return "'" + text(value).replace("\\", "\\\\").replace("'", "''") + "'"


def text(value: str) -> str:
    """A text that arrives as it is.

    :raises InvalidValueError: no text; a NUL character, or half of a surrogate pair, which no encoding of Unicode has.
    """
    if not isinstance(value, str) or UNSENDABLE.search(value):
        msg = (
            f"{_shown(value)} cannot be sent to Snowflake; allowed are texts without NUL characters and without halves of "
            "surrogate pairs"
        )
        raise InvalidValueError(msg)
    return value


def bound(statement: str, params: Sequence[object]) -> tuple[object, ...]:
    """Values for the ``%s`` marks of a statement, once it is sure that they fit.

    :raises InvalidValueError: as many marks as values are not there, or one is a text that :func:`text` refuses.
    """
    try:
        statement % tuple("" for _ in params)
    except (TypeError, ValueError) as error:
        msg = (
            f"{len(params)} values do not fit the marks of {_shown(statement)} ({error}); write %s once for each value, and %% for "
            "a per cent sign"
        )
        raise InvalidValueError(msg) from error
    return tuple(text(value) if isinstance(value, str) else value for value in params)


def like(prefix: str) -> str:
    r"""A LIKE pattern that matches names starting with ``prefix`` literally."""
    return literal(re.sub(r"([\\%_])", r"\\\1", prefix) + "%")


def count(value: int, name: str, *, minimum: int, maximum: int) -> int:
    """A whole number within bounds.

    :raises InvalidValueError: not an int (booleans are none), or out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        msg = f"{name} is {value!r}; allowed are whole numbers from {minimum} to {maximum:,}"
        raise InvalidValueError(msg)
    return value


def boolean(value: bool) -> str:
    """``TRUE`` or ``FALSE``."""
    return "TRUE" if value else "FALSE"


def names(values: Iterable[str], kind: str) -> str:
    """A list of identifiers in parentheses."""
    return "(" + ", ".join(qualified(value, kind) for value in values) + ")"


def tags(values: Mapping[str, str]) -> str:
    """A ``TAG`` list in parentheses."""
    return "(" + ", ".join(f"{qualified(name, 'tag')} = {literal(value)}" for name, value in values.items()) + ")"


def stage_path(path: str) -> str:
    """A stage reference ``@[db.][schema.]stage[/path]``, quoted, its stage part validated.

    :raises InvalidIdentifierError: no ``@``, a stage name that is no identifier, or ``..`` in the path.
    """
    if not path.startswith("@"):
        msg = f"stage path {_shown(path)} must start with @, as in @RAYDPLOGS/folder"
        raise InvalidIdentifierError(msg)
    stage, slash, rest = path[1:].partition("/")
    if ".." in rest.split("/") or any(ord(character) < 32 for character in rest):
        msg = f"stage path {_shown(path)} must not hold '..' or control characters"
        raise InvalidIdentifierError(msg)
    return literal("@" + qualified(stage, "stage") + slash + rest)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "…" + text[-1]
