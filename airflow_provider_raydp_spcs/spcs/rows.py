"""Reading the rows of SHOW and DESCRIBE: Snowflake sends texts, numbers and NULL where types are meant."""

from __future__ import annotations

import datetime as dt
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


def moment(row: Row, column: str) -> dt.datetime | None:
    """A timestamp, always with a time zone: UTC where none came with it; None for NULL and a missing column."""
    value = row.get(column)
    if not value:
        return None
    found = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def truth(row: Row, column: str) -> bool:
    """A boolean column, which Snowflake sends as the text ``true`` or ``false`` (SPCS reference, part 0)."""
    value: Any = row.get(column)
    return value if isinstance(value, bool) else str(value).lower() in ("true", "y", "yes")
