"""Properties of DDL statements, in any order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_raydp_spcs.local.errors import invalid_value
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor

Reader = Callable[[Cursor], Any]


def read_properties(cursor: Cursor, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Read ``NAME = value`` pairs until the end; ``WITH`` before and commas between them are allowed.

    :raises SnowflakeFault: a property nobody knows, or a value its reader refuses.
    """
    found: dict[str, Any] = {}
    while not cursor.at_end:
        cursor.take("WITH")
        cursor.take(",")
        if cursor.take("TAG"):
            found["TAG"] = tags(cursor)
            continue
        words = cursor.words(1)
        if not words or words[0] not in readers:
            raise cursor.fault()
        name = cursor.word()
        reader = readers[name]
        cursor.take("=")
        found[name] = reader(cursor)
    return found


def read_set(cursor: Cursor, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """What stands after SET: properties as :func:`read_properties` has them, or ``TAG name = 'value', …`` alone.

    :raises SnowflakeFault: nothing does, or something else.
    """
    if not cursor.take("TAG"):
        if cursor.at_end:
            raise cursor.fault()
        return read_properties(cursor, readers)
    found: dict[str, str] = {}
    while not found or cursor.take(","):
        name = cursor.name()
        cursor.expect("=")
        found[name] = cursor.text()
    cursor.end()
    return {"TAG": found}


def read_unset(cursor: Cursor, known: Mapping[str, Reader]) -> list[str]:
    """Names after UNSET; none of them where tags are taken away.

    :raises SnowflakeFault: nothing stands there, or a property nobody knows.
    """
    names: list[str] = []
    if cursor.take("TAG"):
        cursor.name()
        while cursor.take(","):
            cursor.name()
        cursor.end()
        return names
    while not names or not cursor.at_end:
        if names:
            cursor.take(",")
        words = cursor.words(1)
        if not words or words[0] not in known:
            raise cursor.fault()
        names.append(cursor.word())
    return names


def one_of(name: str, *allowed: str) -> Reader:
    """A word or text out of these, in any case; read in upper case.

    :raises SnowflakeFault: it is another one.
    """

    def read(cursor: Cursor) -> str:
        found = cursor.value().upper()
        if found not in allowed:
            msg = f"invalid value '{found[:80]}' for property '{name}'; allowed are {', '.join(allowed)}"
            raise invalid_value(msg)
        return found

    return read


def tags(cursor: Cursor) -> dict[str, str]:
    """``('name' = 'value', …)``."""
    cursor.expect("(")
    found: dict[str, str] = {}
    while not cursor.take(")"):
        if found:
            cursor.expect(",")
        name = cursor.name()
        cursor.expect("=")
        found[name] = cursor.text()
    return found


def text(cursor: Cursor) -> str:
    """A quoted text."""
    return cursor.text()


def value(cursor: Cursor) -> str:
    """A text, number or word."""
    return cursor.value()


def group(cursor: Cursor) -> str:
    """Anything in parentheses, or one value."""
    return cursor.skip_group() if cursor.words(1) == ("(",) else cursor.value()


def at_least(minimum: int, name: str, maximum: int = 2**31 - 1) -> Reader:
    """A whole number that may not be smaller, or larger than the maximum."""

    def read(cursor: Cursor) -> int:
        found = cursor.number()
        if not minimum <= found <= maximum:
            bound = f"at least {minimum}" if found < minimum else f"at most {maximum}"
            msg = f"invalid value {found} for property '{name}'; it must be {bound}"
            raise invalid_value(msg)
        return found

    return read
