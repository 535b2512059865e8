"""Which statements a session was asked to execute."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_raydp_spcs.spcs.session import Row, Session


class Recorder:
    """A session that remembers its statements, the first two words of each.

    :param session: which executes them.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.statements: list[str] = []

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
        """See :class:`Session`."""
        self.statements.append(" ".join(sql.split()[:2]))
        return self._session.execute(sql, params)
