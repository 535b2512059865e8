"""Showing a growing log: each line once, in order, up to a stated number; the last ones always."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from airflow_provider_raydp_spcs.jobs.submission import LogPiece

MAX_LINES: Final = 100_000
"""Lines of one job in a task's log. The exported log has them all."""
LAST_LINES: Final = 30
TAIL_BYTES: Final = 16 * 1024


class LogView:
    """How far a job's log was shown.

    :param show: gets each line.
    :param save: told the position after lines were shown, so that whoever comes next goes on from there.
    :param position: bytes that were shown before.
    :param max_lines: after so many lines only the log's end is shown.
    """

    def __init__(
        self,
        show: Callable[[str], None],
        save: Callable[[int], None] = lambda position: None,
        *,
        position: int = 0,
        max_lines: int = MAX_LINES,
    ) -> None:
        self._show, self._save, self._left = show, save, max_lines
        self._is_whole = position == 0
        self.position = position
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._skipped: deque[str] = deque(maxlen=LAST_LINES)

    @property
    def lines_left(self) -> int:
        """How many lines may still be shown."""
        return self._left

    @property
    def is_full(self) -> bool:
        """Whether nothing more is shown before the end."""
        return self._left <= 0

    @property
    def has_all(self) -> bool:
        """Whether it saw the log from the beginning, so that :attr:`last_lines` lacks nothing."""
        return self._is_whole

    def go_on(self, position: int) -> None:
        """What stands before a position was shown by somebody else."""
        self.position = max(self.position, position)
        self._is_whole = self._is_whole and self.position == 0

    def add(self, piece: LogPiece) -> None:
        """Show what is new."""
        lines = piece.text.splitlines()
        self.last_lines.extend(lines)
        self._skipped.extend(lines[self._left :])
        for line in lines[: self._left]:
            self._show(line)
        if lines and len(lines) >= self._left > 0:
            self._show(
                "… further lines are in Ray's dashboard and in the exported log; the last ones follow at the end"
            )
        self._left = max(0, self._left - len(lines))
        if piece.position != self.position:
            self.position = piece.position
            self._save(self.position)

    def finish(self, tail: LogPiece) -> None:
        """The end of a log that was too long: the last ones of the lines that were not shown."""
        lines = tail.text.splitlines()
        self.last_lines.extend(lines)
        self._skipped.extend(lines)
        for line in self._skipped:
            self._show(line)
        self._skipped.clear()
        self.position = tail.position
        self._save(self.position)


def last_words(lines: Sequence[str]) -> str:
    """The driver's last lines, in a sentence."""
    text = "\n".join(lines).rstrip()
    return f"The driver's last lines:\n{text}" if text else "The driver wrote nothing."
