"""What Ray and Spark keep for each other, for as long as it can be of use.

Ray frees an object as soon as its last reference in Python is gone; Spark reads it when a query runs, or runs again.
So the references stay here until Spark's JVM has forgotten the DataFrame and all that was derived from it, which a weak
reference inside the JVM tells, or until its application has ended. The other way round, Spark keeps the rows that a Dataset
was made of, to fetch again what is lost; until nothing in Python is left that was derived from that Dataset.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark import SparkContext

COLLECT_BYTES: Final = 256 * 1024**2
"""From here on the JVM is asked to forget now: its own collector does not know what lies outside its heap."""
_lock = threading.Lock()


@dataclass(frozen=True)
class _Held:
    context: SparkContext
    gone: Any
    objects: Sequence[object]
    size: int

    def is_needed(self) -> bool:
        if self.context._jsc is None:  # stopped
            return False
        try:
            return not self.gone.refersTo(None)
        except Exception:  # its JVM is dead, whatever way
            return False


_held: list[_Held] = []
_due: list[Callable[[], None]] = []


def hold(context: SparkContext, reader: Any, objects: Sequence[object], size: int) -> None:
    """Keep objects for what reads them.

    :param reader: in the JVM; what it reads is let go after it.
    :param size: of the objects, in bytes.
    """
    gone = context._jvm.java.lang.ref.WeakReference(reader)
    with _lock:
        _held.append(_Held(context, gone, objects, size))


def release_after(user: object, release: Callable[[], None]) -> None:
    """Release something once its user is gone.

    Not at that moment, which may be in the middle of a word with the JVM, but when something is let go the next time.
    """
    weakref.finalize(user, _due.append, release).atexit = False


def let_go() -> int:
    """Let go what nobody can read any more; answer how many bytes are held for Spark still."""
    while _due:
        with suppress(Exception):  # its application may have ended
            _due.pop()()
    with _lock:
        _held[:] = [each for each in _held if each.is_needed()]
        if sum(each.size for each in _held) > COLLECT_BYTES:
            for context in {each.context for each in _held}:
                context._jvm.System.gc()
            _held[:] = [each for each in _held if each.is_needed()]
        return sum(each.size for each in _held)
