"""How far readers have shown the logs of jobs, under names of their own: a reader that begins anew goes on from there.

Kept in memory, for the jobs and their logs do not outlive the head either.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

MAX_MARKS: Final = 20_000
MAX_NAME: Final = 200
"""How many are kept, the newest ones, and how long their names may be."""


class Marks:
    """Positions by name; any thread may call.

    :param most: how many are kept.
    """

    def __init__(self, most: int = MAX_MARKS) -> None:
        self._most = most
        self._marks: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def set(self, marks: Mapping[str, int]) -> None:
        """Keep marks. One never goes back; those that were not set for the longest go where there are too many."""
        with self._lock:
            for name, position in marks.items():
                if len(name) <= MAX_NAME:
                    self._marks[name] = max(position, self._marks.get(name, 0))
                    self._marks.move_to_end(name)
            while len(self._marks) > self._most:
                self._marks.popitem(last=False)

    def get(self, names: Iterable[str]) -> dict[str, int]:
        """Those of the named ones that are known."""
        with self._lock:
            return {name: self._marks[name] for name in names if name in self._marks}
