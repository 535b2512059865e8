"""Looking at something again and again while a job does its own work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def looking(look: Callable[[], bool], every: float, name: str) -> Iterator[None]:
    """Look in a thread, for the time of the block or until a look answers False.

    :param every: seconds between looks.
    :param name: of the thread.
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every) and look():
            pass

    thread = threading.Thread(target=watch, daemon=True, name=name)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=every + 1)
