"""File formats in statements: ``(TYPE = CSV …)``, ``(FORMAT_NAME = …)`` or a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context
from airflow_provider_raydp_spcs.local.sql.scope import full_name
from airflow_provider_raydp_spcs.local.tables.file_formats import FileFormat

FORMAT: Final = "File format"
_ESCAPES: Final = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}


def read_options(cursor: Cursor) -> dict[str, Any]:
    """Options in parentheses, or the name of a format.

    :raises SnowflakeFault: neither comes.
    """
    if not cursor.take("("):
        return {"FORMAT_NAME": cursor.text() if cursor.peek_is_text() else cursor.name()}
    found: dict[str, Any] = {}
    while not cursor.take(")"):
        cursor.take(",")
        name = cursor.word()
        cursor.expect("=")
        found[name] = read_option(cursor, name)
    return found


def read_option(cursor: Cursor, name: str) -> Any:
    """The value of one option."""
    if name == "FORMAT_NAME":
        return cursor.text() if cursor.peek_is_text() else cursor.name()
    if cursor.words(1) == ("(",):
        return [_unescaped(text) for text in cursor.texts()]
    return _unescaped(cursor.value())


def format_of(context: Context, *given: Mapping[str, Any]) -> FileFormat:
    """The format that options make; the later ones win, and a named format comes before the options beside its name.

    :raises SnowflakeFault: there is no such format, or an option is not one of its type.
    """
    options: dict[str, Any] = {}
    for each in given:
        if not each:
            continue
        own = dict(each)
        named = own.pop("FORMAT_NAME", None)
        if named is not None:
            name = full_name(Cursor(str(named)).name(), context.session, "COPY")
            context.needs("USAGE", FORMAT, name)
            own = {**context.catalogue.get(FORMAT, name)["options"], **own}
        # A format of another type has none of the former's options.
        if str(own.get("TYPE", options.get("TYPE", "CSV"))).upper() != str(options.get("TYPE", "CSV")).upper():
            options = {}
        options |= own
    return FileFormat.of(options)


def _unescaped(text: str) -> str:
    for escaped, plain in _ESCAPES.items():
        if text == escaped:
            return plain
    return text
