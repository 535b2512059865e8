"""Names in their database and schema."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from airflow_provider_raydp_spcs.local.errors import invalid_value, no_database, no_schema
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.wire.answers import SessionFacts

_FILTERS: Final = ((), ("LIKE",), ("STARTS",), ("LIMIT",), ("OF",))
_UNQUOTED: Final = re.compile(r"[A-Z_][A-Z0-9_$]*")


def full_name(name: str, session: SessionFacts, verb: str) -> str:
    """``DATABASE.SCHEMA.NAME`` for a name of one to three parts.

    :raises SnowflakeFault: parts are missing and the session has none.
    """
    parts = name.split(".")
    outer = [session.database, session.schema][: 3 - len(parts)]
    if len(outer) == 2 and not outer[0]:
        raise no_database(verb)
    if not all(outer):
        raise no_schema(verb)
    return ".".join([*(part for part in outer if part), *parts])


def like_matches(pattern: str | None, name: str) -> bool:
    """Whether a LIKE pattern matches, without regard to case, as SHOW does it; a backslash escapes."""
    if pattern is None:
        return True
    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            parts.append(re.escape(next(characters, "\\")))
        else:
            parts.append({"%": ".*", "_": "."}.get(character, re.escape(character)))
    return re.fullmatch("".join(parts), name, re.IGNORECASE | re.DOTALL) is not None


def unquoted(name: str) -> str:
    """The same name; its last part must be one that needs no quotes (SPCS reference 2.1, part 6).

    :raises SnowflakeFault: it needs them.
    """
    last = name.rpartition(".")[2]
    if not _UNQUOTED.fullmatch(last):
        msg = f"invalid identifier '{last[:80]}'; names in quotes are not supported here, only letters, digits, _ and $"
        raise invalid_value(msg)
    return name


@dataclass(frozen=True)
class Scope:
    """What ``IN …`` of a SHOW narrows it to.

    :param kind: ``ACCOUNT``, ``DATABASE``, ``SCHEMA``, or empty: the current database, else the account.
    :param name: of the database or schema; None for the current one.
    """

    kind: str = ""
    name: str | None = None

    def holds(self, full: str, session: SessionFacts) -> bool:
        """Whether an object's full name is inside."""
        if self.kind == "ACCOUNT" or (not self.name and session.database is None):
            return True
        if self.kind in ("DATABASE", ""):
            return full.startswith(f"{self.name or session.database}.")
        database, _, schema = (self.name or f"{session.database}.{session.schema}").rpartition(".")
        return full.startswith(f"{database or session.database}.{schema}.")


def read_scope(cursor: Cursor) -> Scope:
    """Read ``IN ACCOUNT``, ``IN DATABASE [name]``, ``IN SCHEMA [name]``, ``IN name``, or nothing."""
    if not cursor.take("IN"):
        return Scope()
    kind = next((kind for kind in ("ACCOUNT", "DATABASE", "SCHEMA") if cursor.take(kind)), "SCHEMA")
    named = kind != "ACCOUNT" and cursor.words(1) not in _FILTERS
    return Scope(kind, cursor.name() if named else None)
