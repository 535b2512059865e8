"""Errors of Spark whose words lie in its JVM: fetched before that ends, or whoever reads the job's log finds
``<exception str() failed>``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_ASKING: Final = ("py4j", "pyspark")
"""Packages whose errors ask the JVM."""


@contextmanager
def words_kept() -> Iterator[None]:
    """Around what uses a JVM that ends later: an error that leaves the block has its words by then."""
    try:
        yield
    except BaseException as error:
        for each in _chain(error):
            if type(each).__module__.partition(".")[0] in _ASKING:
                with contextlib.suppress(Exception):  # the JVM is dead, and its words with it
                    _keep(each, str(each))
        raise


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that led to it."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]


def _keep(error: BaseException, words: str) -> None:
    """Have an error of the same kind and name say this, and ask nobody."""
    kind = type(error)
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    error.__class__ = type(kind.__name__, (kind,), {**names, "__str__": lambda _error: words})
