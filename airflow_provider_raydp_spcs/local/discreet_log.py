"""The server's log, without what clients sent: statements and values may be secrets, and messages of errors quote them."""

from __future__ import annotations

import logging
import traceback
from types import TracebackType
from typing import Final

_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"
_PLACES: Final = 30
"""How many places of an exception are told, the last ones."""
_TALKATIVE: Final = ("fakesnow", "httpcore", "httpx", "snowflake", "sqlglot")
"""They log statements, values and addresses."""


class DiscreetFormatter(logging.Formatter):
    """Writes an exception as its type and the places in the code, never its message."""

    def formatException(  # noqa: N802 - the name is logging's
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """The exception and those that it came from."""
        parts: list[str] = []
        error = ei[1]
        while error is not None:
            places = "".join(traceback.format_tb(error.__traceback__, limit=-_PLACES))
            parts.append(f"{places}{type(error).__module__}.{type(error).__qualname__} (its message is left out)")
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "Traceback (most recent call last):\n" + "\ncaused by:\n".join(parts)


def set_up_log() -> None:
    """Let everything of this process log to the standard error output, discreetly."""
    handler = logging.StreamHandler()
    handler.setFormatter(DiscreetFormatter(_FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
