"""How long silence is borne: a service may be busy, an ingress may be renewed, a head may be on its way to another node."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

PATIENCE_SECONDS: Final = 120.0
"""How long silence may last before waiting ends."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 15.0


class Patience:
    """Bounded back-off over one silence.

    :param seconds: how long it may last.
    """

    def __init__(self, seconds: float = PATIENCE_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._since: float | None = None
        self._pause = FIRST_PAUSE

    def answered(self) -> None:
        """The silence is over."""
        self._since, self._pause = None, FIRST_PAUSE

    def bear(self, error: Exception) -> float:
        """How many seconds to pause before the next try.

        :raises Exception: the given error, once the silence has lasted too long.
        """
        now = self._clock()
        self._since = now if self._since is None else self._since
        if now - self._since > self._seconds:
            raise error
        pause, self._pause = self._pause, min(LONGEST_PAUSE, self._pause * 2)
        return pause
