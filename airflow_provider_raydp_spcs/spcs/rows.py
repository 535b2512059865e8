"""Reading the rows of SHOW and DESCRIBE: Snowflake sends texts, numbers and NULL where types are meant."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from airflow_provider_raydp_spcs.spcs.session import Row


def text(row: Row, column: str) -> str:
    """A column as text; NULL and a missing column are the empty text."""
    value = row.get(column)
    return "" if value is None else str(value)


def optional(row: Row, column: str) -> str | None:
    """A column as text, or None for NULL, empty, and a missing column."""
    return text(row, column) or None


def number(row: Row, column: str) -> int:
    """A column as a whole number; NULL is 0."""
    return int(row.get(column) or 0)


def truth(row: Row, column: str) -> bool:
    """A boolean column, which Snowflake sends as the text ``true`` or ``false`` (SPCS reference, part 0)."""
    value: Any = row.get(column)
    return value if isinstance(value, bool) else str(value).lower() in ("true", "y", "yes")


def moment(row: Row, column: str) -> datetime | None:
    """A time column, aware; None for NULL. Without a zone it is UTC."""
    value: Any = row.get(column)
    if isinstance(value, str):
        value = datetime.fromisoformat(value) if value else None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def mail_date(row: Row, column: str) -> datetime | None:
    """A time that is written as in mail, ``Tue, 24 Nov 2026 02:11:38 GMT``; None for NULL and anything else."""
    try:
        found = parsedate_to_datetime(text(row, column))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
