"""Whether the statement that runs in this context shall stop: its client cancelled it, or it took too long.

Whoever runs statements makes each one interruptible in a context of its own; a statement that waits looks here.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar

_event: ContextVar[threading.Event | None] = ContextVar("interruption", default=None)


def interruptible() -> threading.Event:
    """Make what runs from here on interruptible; set the answered event to stop it."""
    event = threading.Event()
    _event.set(event)
    return event


def is_interrupted() -> bool:
    """Whether to stop."""
    event = _event.get()
    return event is not None and event.is_set()
