"""Leases: who uses a shared cluster, kept in a table, so that the last one out deletes it.

Snowflake enforces no primary key and lets INSERTs run side by side, but an UPDATE locks the rows it changes until its
transaction ends. So every cluster has one more row, the gate, which is never deleted, and every transaction here begins
with an UPDATE of it: transactions on one cluster run one after another, and as each statement sees what was committed
before it began, those after the UPDATE see everything. Should two first comers both make a gate, each later UPDATE
changes both rows, and all still meet at the older one.

While the last one out deletes the cluster, the gate carries its mark: OWNER is who deletes, EXPIRES_AT until when the
mark counts, should the deleter die. All times are those of Snowflake's clock, in UTC.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from airflow_provider_raydp_spcs.spcs import rows, sql
from airflow_provider_raydp_spcs.spcs.errors import (
    ClusterClosingError,
    InsufficientPrivilegesError,
    InvalidValueError,
    LeaseTableMissingError,
    ObjectDoesNotExistError,
)
from airflow_provider_raydp_spcs.spcs.session import Row, Session
from airflow_provider_raydp_spcs.spcs.transactions import atomically

T = TypeVar("T")
TABLE: Final = "RAYDP_LEASES"
GATE: Final = "#gate"
CLOSING_SECONDS: Final = 600
"""How long a closing mark counts; longer than a deletion takes."""
MAX_SECONDS: Final = 30 * 86400
POLL_SECONDS: Final = 5.0
CREATE_TABLE: Final = """\
CREATE TABLE IF NOT EXISTS {table} (
  CLUSTER_NAME TEXT NOT NULL,
  HOLDER TEXT NOT NULL,
  OWNER TEXT,
  RUN TEXT,
  TAKEN_AT TIMESTAMP_NTZ NOT NULL,
  EXPIRES_AT TIMESTAMP_NTZ NOT NULL,
  PRIMARY KEY (CLUSTER_NAME, HOLDER)
) COMMENT = 'RayDP: leases of shared clusters; times are UTC';"""
_PARTS: Final = {
    "columns": "CLUSTER_NAME, HOLDER, OWNER, RUN, TAKEN_AT, EXPIRES_AT",
    "live": "EXPIRES_AT > SYSDATE()",
    "from_now": "DATEADD(SECOND, %s, SYSDATE())",
    "row": "CLUSTER_NAME = %s AND HOLDER = %s",
}
"""What the statements below name in braces, beside the table."""


@dataclass(frozen=True)
class Lease:
    """One holder's right to use a cluster. Times are aware, in UTC.

    :param is_live: whether it had not expired when it was read.
    """

    cluster: str
    holder: str
    owner: str | None
    run: str | None
    taken_at: dt.datetime
    expires_at: dt.datetime
    is_live: bool


@dataclass(frozen=True)
class _Inside:
    """What a transaction finds once it is through the gate."""

    holders: frozenset[str]
    closer: str | None
    closing_until: str


class Leases:
    """Statements about leases. Every one may be repeated, as after a lost answer.

    :param session: without a transaction of its own open; its ``LOCK_TIMEOUT`` is set.
    :param table: ``[database.][schema.]name``.
    :param sleep: how to wait; replaced in tests.

    Besides what each method names, all raise :class:`LeaseTableMissingError`, and
    :class:`InsufficientPrivilegesError` or :class:`LockConflictError` as Snowflake has it.
    """

    def __init__(self, session: Session, table: str = TABLE, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._session, self._table, self._sleep = session, sql.qualified(table, "table"), sleep

    def acquire(
        self, cluster: str, holder: str, *, owner: str = "", run: str = "", seconds: int, wait_seconds: float = 0
    ) -> None:
        """Take a lease, or renew the one that the holder has.

        :param holder: who it is for; the same text in every attempt of the same thing.
        :param seconds: until it expires.
        :param wait_seconds: how long to wait while the cluster is being closed.
        :raises ClusterClosingError: it is being closed, still, after that wait.
        """
        name, holder, seconds = sql.identifier(cluster, "cluster name"), _holder(holder), _seconds(seconds)
        owner, run, left = sql.text(owner), sql.text(run), wait_seconds
        while True:
            try:
                return self._through_gate(name, lambda inside: self._take(inside, name, holder, owner, run, seconds))
            except ClusterClosingError:
                if left <= 0:
                    raise
            nap = min(POLL_SECONDS, left)
            self._sleep(nap)
            left -= nap

    def renew(self, cluster: str, holder: str, *, seconds: int) -> bool:
        """Let a lease expire ``seconds`` from now.

        :returns: False where the holder has none, or it expired: the cluster may be gone, so acquire again.
        """
        name, holder, seconds = sql.identifier(cluster, "cluster name"), _holder(holder), _seconds(seconds)

        def prolong(inside: _Inside) -> bool:
            if holder in inside.holders:
                self._prolong(name, holder, seconds)
            return holder in inside.holders

        return self._through_gate(name, prolong)

    def release(self, cluster: str, holder: str, *, unless_last: bool = False) -> bool:
        """Give a lease back.

        :param unless_last: where nobody else holds one, keep it, for somebody may come yet; True then says that it was
            kept. Of several who do so at once, one keeps theirs.
        :returns: True where nobody else holds one. The cluster is then marked as closing for
            :data:`CLOSING_SECONDS`, and the caller must delete it and call :meth:`closed`. Of several who release at
            once, one gets True; whoever got True gets it again while the mark lasts.
        """
        name, holder = sql.identifier(cluster, "cluster name"), _holder(holder)

        def give_back(inside: _Inside) -> bool:
            others = bool(inside.holders - {holder})
            if unless_last and not others:
                return holder in inside.holders
            self._execute("DELETE FROM {table} WHERE {row}", name, holder)
            if others or inside.closer not in (None, holder):
                return False
            self._mark(name, holder, CLOSING_SECONDS)
            return True

        return self._through_gate(name, give_back)

    def closed(self, cluster: str, holder: str | None = None) -> None:
        """Take the closing mark away: the cluster is deleted, and may be made anew.

        :param holder: only a mark that this holder set, so that one who took too long takes no other's away.
        """
        name = sql.identifier(cluster, "cluster name")

        def unmark(inside: _Inside) -> None:
            if holder is None or inside.closer == holder:
                self._mark(name, None, 0)

        self._through_gate(name, unmark)

    def live(self, cluster: str) -> list[Lease]:
        """Leases of the cluster that have not expired, oldest first."""
        name = sql.identifier(cluster, "cluster name")
        return [lease for lease in self.all() if lease.cluster == name and lease.is_live]

    def all(self) -> list[Lease]:
        """Leases of every cluster; expired ones are there until somebody takes, renews or releases one."""
        with self._explained():
            found = self._execute(
                "SELECT {columns}, {live} AS IS_LIVE FROM {table} WHERE HOLDER <> %s ORDER BY CLUSTER_NAME, TAKEN_AT, HOLDER",
                GATE,
            )
        return [_lease(row) for row in found]

    def _take(self, inside: _Inside, cluster: str, holder: str, owner: str, run: str, seconds: int) -> None:
        if inside.closer is not None:
            msg = (
                f"cluster {cluster} is being deleted by {inside.closer}, which has until {inside.closing_until} UTC; "
                "try again when it is gone"
            )
            raise ClusterClosingError(msg)
        if holder in inside.holders:
            self._prolong(cluster, holder, seconds)
        else:
            self._insert(cluster, holder, owner, run, seconds)

    def _through_gate(self, cluster: str, work: Callable[[_Inside], T]) -> T:
        with self._explained():
            if not self._execute("SELECT 1 AS FOUND FROM {table} WHERE {row}", cluster, GATE):
                # Committed on its own: the UPDATE below must find a row that others can find too.
                atomically(self._session, lambda: self._insert(cluster, GATE, None, None, 0), sleep=self._sleep)

            def inside() -> T:
                self._execute("UPDATE {table} SET TAKEN_AT = SYSDATE() WHERE {row}", cluster, GATE)
                return work(self._look(cluster))

            return atomically(self._session, inside, sleep=self._sleep)

    def _look(self, cluster: str) -> _Inside:
        # What has expired is gone from here on, however long the rest of the transaction takes.
        expired = "DELETE FROM {table} WHERE CLUSTER_NAME = %s AND HOLDER <> %s AND NOT {live}"
        self._execute(expired, cluster, GATE)
        holders, closer, until = set(), None, ""
        for row in self._execute("SELECT {columns}, {live} AS IS_LIVE FROM {table} WHERE CLUSTER_NAME = %s", cluster):
            if row["holder"] != GATE:
                holders.add(rows.text(row, "holder"))
            elif rows.truth(row, "is_live") and row["owner"] is not None:
                closer, until = rows.text(row, "owner"), f"{row['expires_at']:%Y-%m-%d %H:%M:%S}"
        return _Inside(frozenset(holders), closer, until)

    def _insert(self, cluster: str, holder: str, owner: str | None, run: str | None, seconds: int) -> None:
        statement = "INSERT INTO {table} ({columns}) SELECT %s, %s, %s, %s, SYSDATE(), {from_now}"
        self._execute(statement, cluster, holder, owner, run, seconds)

    def _prolong(self, cluster: str, holder: str, seconds: int) -> None:
        self._execute("UPDATE {table} SET EXPIRES_AT = {from_now} WHERE {row}", seconds, cluster, holder)

    def _mark(self, cluster: str, closer: str | None, seconds: int) -> None:
        statement = "UPDATE {table} SET OWNER = %s, EXPIRES_AT = {from_now} WHERE {row}"
        self._execute(statement, closer, seconds, cluster, GATE)

    def _execute(self, statement: str, *values: object) -> list[Row]:
        return self._session.execute(statement.format(table=self._table, **_PARTS), values)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what to do about a table that is not there or may not be used."""
        grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE {self._table} TO ROLE <role>;"
        try:
            yield
        except ObjectDoesNotExistError as error:
            msg = (
                f"the table of leases {self._table} is not there, or this role may not see it. Run "
                f"sql/step1_user_setup.sql, which has:\n{CREATE_TABLE.format(table=self._table)}\n"
                f"or, where another role owns the table, let that role run:\n{grant}\nSnowflake said: {error}"
            )
            raise LeaseTableMissingError(msg, error.number, error.sqlstate) from error
        except InsufficientPrivilegesError as error:
            msg = f"this role may not use the table of leases; let its owner run:\n{grant}\nSnowflake said: {error}"
            raise InsufficientPrivilegesError(msg, error.number, error.sqlstate) from error


def _holder(holder: str) -> str:
    if not holder or holder.startswith("#"):
        msg = f"holder is {holder!r}; it must be a text that does not start with #, such as a DAG run and task"
        raise InvalidValueError(msg)
    return sql.text(holder)


def _seconds(seconds: int) -> int:
    return sql.count(seconds, "seconds", minimum=1, maximum=MAX_SECONDS)


def _lease(row: Row) -> Lease:
    taken, expires = (row[column].replace(tzinfo=dt.UTC) for column in ("taken_at", "expires_at"))
    owner, run = rows.optional(row, "owner"), rows.optional(row, "run")
    return Lease(row["cluster_name"], row["holder"], owner, run, taken, expires, rows.truth(row, "is_live"))
