"""Parquet files from a stage into a table, in one transaction."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from airflow_provider_raydp_spcs.runtime.connecting import connection
from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.runtime.matching import chosen, match
from airflow_provider_raydp_spcs.runtime.refusals import explained
from airflow_provider_raydp_spcs.runtime.staging import Staged
from airflow_provider_raydp_spcs.runtime.telling import tell
from airflow_provider_raydp_spcs.spcs import rows, sql, table_loads
from airflow_provider_raydp_spcs.spcs.errors import SpcsError
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession, Session
from airflow_provider_raydp_spcs.spcs.table_loads import Assignment
from airflow_provider_raydp_spcs.spcs.transactions import atomically
from airflow_provider_raydp_spcs.spcs.write_ledger import WriteLedger
from airflow_provider_raydp_spcs.spcs.write_stages import drop_left, stage_of_its_own

Mode = Literal["append", "overwrite", "replace_where", "overwrite_partition", "merge"]
_NEEDS = {"replace_where": "where", "overwrite_partition": "partition_by", "merge": "keys"}
_PRIVILEGES = {
    "append": ("SELECT", "INSERT"),
    "merge": ("SELECT", "INSERT", "UPDATE"),
}
_UTC = {"TIMEZONE": "UTC"}
"""Moments with a zone become wall clock times, and wall clock times moments, by the session's zone; Spark's is UTC too."""


@dataclass(frozen=True)
class Target:
    """A table that is written to, and what becomes of the rows that it has.

    :param name: ``[database.][schema.]table``, each part plain or between double quotes.
    :param mode: ``append``; ``overwrite`` replaces all rows; ``replace_where`` replaces those that ``where`` names;
        ``overwrite_partition`` those that have the same values in ``partition_by`` as a row of the data; ``merge`` those that
        have the same ``keys`` as a row of the data.
    :param where: condition of ``replace_where``, values as ``%s`` marks.
    :param params: the values for the marks.
    :param partition_by: columns of ``overwrite_partition``.
    :param keys: columns of ``merge``, which together are another in each row of the data.
    :param run: name of the run that writes; a second write of the same run to the table does nothing.
    :raises TableError: these do not fit together.
    """

    name: str
    mode: Mode = "append"
    where: str | None = None
    params: Sequence[object] = ()
    partition_by: Sequence[str] = ()
    keys: Sequence[str] = ()
    run: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", sql.table(self.name))
        modes = ("append", "overwrite", *_NEEDS)
        if self.mode not in modes:
            msg = f"mode is {self.mode!r}; allowed are {', '.join(modes)}"
            raise TableError(msg)
        for mode, needed in _NEEDS.items():
            given = getattr(self, needed)
            if (self.mode == mode) != bool(given):
                msg = f"mode {self.mode!r} and {needed}={given!r} do not fit: {needed!r} goes with mode={mode!r}, and only with it"
                raise TableError(msg)
            if needed != "where" and isinstance(given, str):
                msg = f"{needed} is {given!r}; give a list of columns: {needed}=[{given!r}]"
                raise TableError(msg)
        run = self.run
        if run is not None and (not isinstance(run, str) or not run or run.startswith("#") or len(run) > 1000):
            msg = f"run is {run!r:.100}; allowed are texts of 1 to 1000 characters, the first of which is no '#'"
            raise TableError(msg)

    @property
    def privileges(self) -> tuple[str, ...]:
        """What is needed on the table."""
        return _PRIVILEGES.get(self.mode, ("SELECT", "INSERT", "DELETE"))


def write_staged(
    target: Target,
    data: Mapping[str, str] | None,
    fill: Callable[[str], Staged],
    timer: Callable[[], float] = time.monotonic,
) -> int:
    """Have rows staged and load them, all or nothing; answer the number of rows.

    :param data: names and types of the columns, as :func:`match` wants them; None where what is staged tells them.
    :param fill: puts the rows on the stage that it is given.
    :param timer: seconds, for what is told.
    """
    with connection(session_parameters=_UTC) as snowflake, explained(snowflake, target.name, target.privileges):
        session = ConnectorSession(snowflake)
        load = Load(session, target)
        if data is not None:
            load.fit(data)
        if (written := load.written_before()) is not None:
            tell(f"{target.name}: run {target.run} has written {written:,} rows before; nothing is written again")
            return written
        with contextlib.suppress(SpcsError):
            drop_left(session)  # what dead writes left is no reason to fail this one
        with stage_of_its_own(session) as stage:
            begin = timer()
            staged = fill(stage)
            middle = timer()
            if data is None and staged.rows:
                load.fit(staged.columns)
            written = load.run(staged, stage)
            end = timer()
    tell(
        f"{target.name}: {written:,} rows, {staged.nbytes / 1e6:,.1f} MB in {len(staged.files)} files; "
        f"{middle - begin:.1f} s to the stage, {end - middle:.1f} s into the table ({target.mode})"
    )
    return written


class _WrittenMeanwhileError(Exception):
    """Another attempt of the run has written while this one was at it, whose rows are taken back.

    :param count: how many rows.
    """

    def __init__(self, count: int) -> None:
        super().__init__(f"another attempt of the run has written {count} rows")
        self.count = count


class Load:
    """The statements of one write."""

    def __init__(self, session: Session, target: Target) -> None:
        self._session, self._target = session, target
        self._columns = table_loads.columns_of(session, target.name)
        self._assignments: Sequence[Assignment] = ()
        self._partition_by: Sequence[str] = ()
        self._keys: Sequence[str] = ()
        self._ledger = WriteLedger(session, target.name)

    def fit(self, data: Mapping[str, str]) -> None:
        """Find the table's columns for those of the data.

        :raises TableError: they do not fit.
        """
        self._assignments = match(data, self._columns, self._target.name)
        self._partition_by = chosen(self._target.partition_by, self._assignments, "partition_by", self._target.name)
        self._keys = chosen(self._target.keys, self._assignments, "keys", self._target.name)

    def written_before(self) -> int | None:
        """How many rows the run has written; None where it has not, or has no name."""
        if self._target.run is None:
            return None
        self._ledger.prepare()
        return self._ledger.written(self._target.run)

    def run(self, staged: Staged, stage: str) -> int:
        """Load what is staged.

        :raises TableError: Snowflake loaded another number of rows, or a key is there twice; the table is as it was.
        """
        if self._target.mode in ("merge", "overwrite_partition"):
            return self._by_way_of_a_table(staged, stage) if staged.rows else self._once(lambda: None, 0)

        def work() -> None:
            if self._target.mode != "append":
                deletion = table_loads.delete(
                    self._target.name, self._target.where, is_marked=bool(self._target.params)
                )
                self._session.execute(deletion, self._target.params)
            self._copy(self._target.name, staged, stage)

        return self._once(work, staged.rows)

    def _by_way_of_a_table(self, staged: Staged, stage: str) -> int:
        """Which rows go is only known once those that come can be asked; DDL commits, so their table is made before."""
        session, target, loaded = self._session, self._target.name, f"RAYDP_LOAD_{uuid.uuid4().hex.upper()}"
        session.execute(table_loads.create_like(loaded, target, self._assignments))
        try:
            self._copy(loaded, staged, stage)
            self._check_keys(loaded)

            def work() -> None:
                if self._keys:
                    session.execute(table_loads.merge(target, loaded, self._assignments, self._keys))
                else:
                    session.execute(table_loads.delete_partitions(target, loaded, self._partition_by))
                    session.execute(table_loads.insert_all(target, loaded, self._assignments))

            return self._once(work, staged.rows)
        finally:
            with contextlib.suppress(SpcsError):
                session.execute(f"DROP TABLE IF EXISTS {loaded}")

    def _once(self, work: Callable[[], None], count: int) -> int:
        """Do it in a transaction, unless the run has done it; another attempt of the run may be under way."""
        run = self._target.run
        if run is None:
            atomically(self._session, work)
            return count

        def noted() -> int:
            if (before := self._ledger.written(run)) is not None:
                return before
            work()
            # Not before the work: the notes of every table lie together, and whoever is at them keeps all others waiting.
            self._ledger.enter()
            if (before := self._ledger.written(run)) is not None:
                raise _WrittenMeanwhileError(before)
            self._ledger.note(run, count)
            return count

        try:
            return atomically(self._session, noted)
        except _WrittenMeanwhileError as error:
            return error.count

    def _copy(self, table: str, staged: Staged, stage: str) -> None:
        if not staged.rows:
            return
        loaded = 0
        for statement in table_loads.copies(table, self._assignments, stage, staged.files):
            # Where no file is there, the only row says so and has no such column.
            loaded += sum(rows.number(row, "rows_loaded") for row in self._session.execute(statement))
        if loaded != staged.rows:
            msg = f"{staged.rows} rows were staged for {self._target.name} and {loaded} loaded; nothing was written"
            raise TableError(msg)

    def _check_keys(self, loaded: str) -> None:
        if not self._keys:
            return
        (found,) = self._session.execute(table_loads.doubles(loaded, self._keys))
        if rows.number(found, "doubles"):
            msg = (
                f"{found['doubles']} keys ({', '.join(self._keys)}) are in more than one row of the data for {self._target.name}; "
                "nothing was written. Leave one row of each: dropDuplicates([…]), or name more columns in keys"
            )
            raise TableError(msg)
