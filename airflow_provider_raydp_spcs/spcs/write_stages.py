"""Stages that hold the files of one write, and what dead writes left of theirs (SPCS reference, part 5)."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from airflow_provider_raydp_spcs.spcs import rows, sql
from airflow_provider_raydp_spcs.spcs.errors import SpcsError
from airflow_provider_raydp_spcs.spcs.session import Session

PREFIX: Final = "RAYDP_WRITE_"
LEFT_AFTER: Final = dt.timedelta(days=2)
"""No write takes so long; the stage of an older one was left by a job that died."""
_COMMENT: Final = "RayDP: a write under way"


@contextmanager
def stage_of_its_own(session: Session) -> Iterator[str]:
    """A stage for the time of the block, as ``@NAME``; it is dropped with the files on it, also after a failure.

    It is no temporary one, for other sessions put files there. Where the job is killed, or it cannot be dropped, it stays, and
    a later write drops it.
    """
    name = f"{PREFIX}{uuid.uuid4().hex.upper()}"
    # The files live for moments inside Snowflake; its own encryption spares the clients theirs.
    session.execute(f"CREATE STAGE {name} ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE') COMMENT = {sql.literal(_COMMENT)}")
    try:
        yield f"@{name}"
    finally:
        # The rows may be in the table by now; whoever is told of a failure writes them again. A later write drops it.
        with contextlib.suppress(SpcsError):
            session.execute(f"DROP STAGE IF EXISTS {name}")


def drop_left(session: Session, now: dt.datetime | None = None) -> list[str]:
    """Drop the stages in the current schema that dead writes left; answer their names.

    :param now: aware; the present by default.
    """
    dropped = []
    present = now or dt.datetime.now(dt.UTC)
    for row in session.execute(f"SHOW STAGES LIKE {sql.like(PREFIX)}"):
        name, created = rows.text(row, "name"), rows.moment(row, "created_on")
        is_ours = rows.text(row, "comment") == _COMMENT
        if is_ours and created is not None and present - created > LEFT_AFTER:
            # Another role's stage is that role's to drop.
            with contextlib.suppress(SpcsError):
                session.execute(f"DROP STAGE IF EXISTS {sql.identifier(name)}")
                dropped.append(name)
    return dropped
