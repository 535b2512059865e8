"""The statement that runs in this context: its id, and whether it shall stop, being cancelled or over its time.

Whoever runs statements makes each one interruptible in a context of its own; a statement that waits looks here.
"""

from __future__ import annotations

import threading
import uuid
from contextvars import ContextVar

_running: ContextVar[tuple[str, threading.Event] | None] = ContextVar("running", default=None)


def interruptible(statement: str) -> threading.Event:
    """Make what runs from here on interruptible; set the answered event to stop it.

    :param statement: its id.
    """
    event = threading.Event()
    _running.set((statement, event))
    return event


def is_interrupted() -> bool:
    """Whether to stop."""
    running = _running.get()
    return running is not None and running[1].is_set()


def statement_id() -> str:
    """The statement's id; a new one where nobody gave it one."""
    running = _running.get()
    return running[0] if running else str(uuid.uuid4())
