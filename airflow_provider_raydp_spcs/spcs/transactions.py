"""Several statements as one, tried again where another transaction was in the way."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from airflow_provider_raydp_spcs.spcs.errors import LockConflictError, SpcsError
from airflow_provider_raydp_spcs.spcs.session import Session

T = TypeVar("T")
LOCK_SECONDS: Final = 30
"""How long one statement waits for a lock; Snowflake's own default is 12 hours."""
ATTEMPTS: Final = 20
"""Together longer than the five minutes after which Snowflake rolls back an idle transaction that blocks others, such
as that of a client that died; and enough where a refusal comes at once, as with too many waiters, for all of them to get
their turn."""


def atomically(session: Session, work: Callable[[], T], *, sleep: Callable[[float], None] = time.sleep) -> T:
    """Run ``work`` between BEGIN and COMMIT, and again from the start after a lock conflict.

    :param work: executes statements on the same session; may run several times, so it keeps nothing between runs.
    :raises LockConflictError: the lock is still held after :data:`ATTEMPTS` attempts.
    :raises SpcsError: what a statement raises; everything is rolled back.
    """
    session.execute(f"ALTER SESSION SET LOCK_TIMEOUT = {LOCK_SECONDS}")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            session.execute("BEGIN TRANSACTION")
            result = work()
            session.execute("COMMIT")
        except LockConflictError:
            _roll_back(session)
            if attempt == ATTEMPTS:
                raise
            # Those that collided must not come back together.
            sleep(min(5.0, 0.05 * 2**attempt) * random.uniform(0.5, 1.0))  # noqa: S311
        except BaseException:
            _roll_back(session)
            raise
        else:
            return result
    raise AssertionError


def _roll_back(session: Session) -> None:
    # The caller has an error of its own to raise, and a session that ends rolls back by itself.
    with contextlib.suppress(SpcsError):
        session.execute("ROLLBACK")
