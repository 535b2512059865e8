"""Which runs have written to which table, so that a run that is repeated does not write twice.

The note is made in the transaction of the write itself: either both are there or none. Snowflake enforces no key and lets
INSERTs run side by side, so each table's notes have a gate, a row that every transaction updates before it looks and notes;
two attempts of the same run pass one after another, and the second finds the note of the first. An UPDATE keeps those of
other rows waiting too, where Snowflake has them in one micro-partition; so the gate is passed last, when the rows are in.
"""

from __future__ import annotations

from typing import Final

from airflow_provider_raydp_spcs.spcs import rows
from airflow_provider_raydp_spcs.spcs.session import Session

TABLE: Final = "RAYDP_WRITES"
_GATE: Final = "#gate"
CREATE_TABLE: Final = f"""\
CREATE TABLE IF NOT EXISTS {TABLE} (
  TARGET TEXT NOT NULL,
  RUN TEXT NOT NULL,
  ROWS_WRITTEN NUMBER(38, 0) NOT NULL,
  WRITTEN_AT TIMESTAMP_NTZ NOT NULL
) COMMENT = 'RayDP: runs that have written to a table; times are UTC'"""


class WriteLedger:
    """The notes about one table.

    :param session: in the schema where the notes are kept.
    :param target: the table's name, the same in every attempt.
    """

    def __init__(self, session: Session, target: str) -> None:
        self._session, self._target = session, target

    def prepare(self) -> None:
        """Make the table and the gate where there is none. DDL commits, so this comes before the transaction."""
        self._session.execute(CREATE_TABLE)
        if self.written(_GATE) is None:
            # Two that come at once make two gates; whoever passes updates both.
            self._insert(_GATE, 0)

    def enter(self) -> None:
        """Wait until no other transaction is at the notes of this table. Then look again, note, and commit."""
        self._session.execute(
            f"UPDATE {TABLE} SET WRITTEN_AT = SYSDATE() WHERE TARGET = %s AND RUN = %s",  # noqa: S608
            (self._target, _GATE),
        )

    def written(self, run: str) -> int | None:
        """How many rows a run has written; None where it has not."""
        found = self._session.execute(
            f"SELECT MAX(ROWS_WRITTEN) AS WRITTEN FROM {TABLE} WHERE TARGET = %s AND RUN = %s",  # noqa: S608
            (self._target, run),
        )
        return rows.number(found[0], "written") if found and found[0]["written"] is not None else None

    def note(self, run: str, count: int) -> None:
        """Note what a run has written. Last in the transaction."""
        self._insert(run, count)

    def _insert(self, run: str, count: int) -> None:
        self._session.execute(
            f"INSERT INTO {TABLE} (TARGET, RUN, ROWS_WRITTEN, WRITTEN_AT) SELECT %s, %s, %s, SYSDATE()",
            (self._target, run, count),
        )
