"""What the local Snowflake remembers besides tables: objects as JSON in one SQLite file.

SQLite's journal makes every change whole or not made at all, also when the server is killed in the middle of it.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def now() -> str:
    """The time as objects keep it: ISO 8601 in UTC."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


def age_of(moment: str) -> float:
    """Seconds since a time that :func:`now` wrote."""
    return (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(moment)).total_seconds()


class Store:
    """Objects by kind and name."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS objects (kind TEXT, name TEXT, body TEXT, PRIMARY KEY (kind, name))"
        )
        path.chmod(0o600)

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """One object, or None."""
        with self._lock:
            row = self._database.execute(
                "SELECT body FROM objects WHERE kind = ? AND name = ?", (kind, name)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, name: str, body: dict[str, Any]) -> None:
        """Write one object, new or not."""
        with self._lock:
            self._database.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?)", (kind, name, json.dumps(body)))

    def delete(self, kind: str, name: str) -> bool:
        """Remove one object; answer whether it was there."""
        with self._lock:
            return self._database.execute("DELETE FROM objects WHERE kind = ? AND name = ?", (kind, name)).rowcount > 0

    def all(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every object of a kind, by name."""
        with self._lock:
            rows = self._database.execute(
                "SELECT name, body FROM objects WHERE kind = ? ORDER BY name", (kind,)
            ).fetchall()
        return ((name, json.loads(body)) for name, body in rows)

    def next_number(self, series: str) -> int:
        """1, 2, 3 …, never the same twice, also after a restart."""
        with self._lock:
            self._database.execute(
                "INSERT INTO objects VALUES ('series', ?, '1') "
                "ON CONFLICT (kind, name) DO UPDATE SET body = CAST(CAST(body AS INTEGER) + 1 AS TEXT)",
                (series,),
            )
            row = self._database.execute(
                "SELECT body FROM objects WHERE kind = 'series' AND name = ?", (series,)
            ).fetchone()
        return int(row[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()
