"""Log files of containers: their tails, and when each line was written (SPCS reference 2.7).

Containers write into their files themselves, so a line's time is when the supervisor first saw that it is there.
"""

from __future__ import annotations

import bisect
import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MAX_LOG_BYTES: Final = 100_000
"""SYSTEM$GET_SERVICE_LOGS hands out 100 KB at most."""

MARK_SECONDS: Final = 1.0
"""No two notes of one log are nearer to each other."""


class Clock:
    """Notes how long logs are as they grow; one for all of them."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[int, float]] = {}

    def mark(self, log: Path) -> None:
        """Note how long a log is now, unless it is as long as at the last time; at most once in a while."""
        size, at = self._seen.get(log, (-1, 0.0))
        if time.monotonic() - at < MARK_SECONDS:
            return
        try:
            found = log.stat().st_size
        except FileNotFoundError:
            return
        marks = _marks_of(log)
        if size < 0:
            known = _read(marks)
            size = known[-1][0] if known else 0
        if found < size:  # the file began anew
            marks.unlink(missing_ok=True)
        if found and found != size:
            with marks.open("a") as file:
                file.write(f"{found} {time.time():.3f}\n")
        self._seen[log] = found, time.monotonic()

    def forget(self, folder: Path) -> None:
        """The logs of a folder are gone."""
        for log in [each for each in self._seen if each.is_relative_to(folder)]:
            del self._seen[log]


def lines(log: Path, begin: int = 0, end: int | None = None) -> Iterator[tuple[dt.datetime, str]]:
    """The lines of a log with their times, each at least a microsecond after the one before: in order of time they stay in order.

    :param begin: first byte; ``end``: the byte behind the last.
    """
    if not log.is_file():
        return
    known = _read(_marks_of(log))
    sizes = [size for size, _ in known]
    with log.open("rb") as file:
        file.seek(begin)
        position = begin
        last = dt.datetime.min.replace(tzinfo=dt.UTC)
        for raw in file:
            if end is not None and position >= end:
                return
            position += len(raw)
            at = bisect.bisect_left(sizes, position)
            seen = dt.datetime.fromtimestamp(known[at][1] if at < len(known) else time.time(), dt.UTC)
            last = max(seen, last + dt.timedelta(microseconds=1))
            yield last, raw.decode(errors="replace").rstrip("\r\n")


def tail(
    log: Path,
    begin: int = 0,
    end: int | None = None,
    *,
    count: int | None = None,
    since: dt.datetime | None = None,
    with_times: bool = False,
) -> str:
    """The last lines of a log, within what the function hands out.

    :param count: how many lines at most.
    :param since: leave out what was written before.
    :param with_times: begin each line with its time.
    """
    if not log.is_file():
        return ""
    size = log.stat().st_size if end is None else end
    begin = max(begin, size - MAX_LOG_BYTES)
    found = [
        f"{moment.isoformat(timespec='microseconds').replace('+00:00', 'Z')} {text}" if with_times else text
        for moment, text in lines(log, begin, end)
        if since is None or moment >= since
    ]
    return "\n".join(found if count is None else found[len(found) - min(count, len(found)) :])


def _marks_of(log: Path) -> Path:
    return log.with_suffix(".times")


def _read(marks: Path) -> list[tuple[int, float]]:
    try:
        rows = [line.split() for line in marks.read_text().splitlines()]
        return [(int(row[0]), float(row[1])) for row in rows if len(row) == 2]
    except (FileNotFoundError, ValueError):
        return []
