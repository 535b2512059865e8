"""The statement that runs in this context: its id, and whether it shall stop, being cancelled or over its time.

Whoever runs statements makes each one interruptible in a context of its own; a statement that waits looks here.
"""

from __future__ import annotations

import threading
import time
import uuid
from contextvars import ContextVar
from typing import Final

from airflow_provider_raydp_spcs.local.errors import statement_cancelled

POLL_SECONDS: Final = 0.1
"""How often a statement that waits looks."""
_running: ContextVar[tuple[str, threading.Event] | None] = ContextVar("running", default=None)


def interruptible(statement: str) -> threading.Event:
    """Make what runs from here on interruptible; set the answered event to stop it.

    :param statement: its id.
    """
    event = threading.Event()
    _running.set((statement, event))
    return event


def pause(seconds: float = POLL_SECONDS) -> None:
    """Wait, unless the statement is to stop.

    :raises SnowflakeFault: 000604, it is, before or meanwhile.
    """
    running = _running.get()
    if running is None:
        time.sleep(seconds)
    elif running[1].wait(seconds):
        raise statement_cancelled()


def statement_id() -> str:
    """The statement's id; a new one where nobody gave it one."""
    running = _running.get()
    return running[0] if running else str(uuid.uuid4())
