"""Names in their database and schema."""

from __future__ import annotations

from airflow_provider_raydp_spcs.local.errors import no_schema
from airflow_provider_raydp_spcs.local.wire.answers import SessionFacts


def full_name(name: str, session: SessionFacts, verb: str) -> str:
    """``DATABASE.SCHEMA.NAME`` for a name of one to three parts.

    :raises SnowflakeFault: parts are missing and the session has none.
    """
    parts = name.split(".")
    outer = [session.database, session.schema][: 3 - len(parts)]
    if not all(outer):
        raise no_schema(verb)
    return ".".join([*(part for part in outer if part), *parts])


def like_matches(pattern: str | None, name: str) -> bool:
    """Whether a LIKE pattern matches, without regard to case, as SHOW does it; a backslash escapes."""
    if pattern is None:
        return True
    import re

    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            parts.append(re.escape(next(characters, "\\")))
        else:
            parts.append({"%": ".*", "_": "."}.get(character, re.escape(character)))
    return re.fullmatch("".join(parts), name, re.IGNORECASE | re.DOTALL) is not None
