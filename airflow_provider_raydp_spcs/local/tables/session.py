"""One session of the engine for tables."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.tables import bindings as marks
from airflow_provider_raydp_spcs.local.tables.faults import fault_of
from airflow_provider_raydp_spcs.local.tables.results import TableResult, column

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection
    from fakesnow.conn import FakeSnowflakeConnection
    from fakesnow.cursor import FakeSnowflakeCursor


T = TypeVar("T")


class Source(Protocol):
    """What a statement reads besides tables: staged files, a directory table, an earlier result."""

    @property
    def name(self) -> str:
        """Its name in the session."""
        ...

    def open(self, session: TableSession) -> None:
        """Let it be read as ``"temp"."main"."<name>"``."""
        ...


class TableSession:
    """A connection of fakesnow's."""

    def __init__(self, connection: FakeSnowflakeConnection) -> None:
        self.connection = connection

    @property
    def duck(self) -> DuckDBPyConnection:
        """DuckDB's connection, for what fakesnow has no words for."""
        return self.connection._duck_conn

    @property
    def scope(self) -> tuple[str | None, str | None]:
        """Current database and schema, which statements such as USE change."""
        found = self.connection
        return found.database if found.database_set else None, found.schema if found.schema_set else None

    def execute(
        self,
        sql: str,
        bindings: marks.Bindings | None = None,
        sources: Sequence[Source] = (),
        *,
        describe_only: bool = False,
    ) -> TableResult:
        """Run a statement of Snowflake's.

        :param describe_only: answer the columns and no rows, and change nothing where that can be told beforehand.
        :raises SnowflakeFault: it fails, or the engine cannot run it.
        """
        with self._errors(sql), self._opened(sources):
            cursor = self.connection.cursor()
            if describe_only and (described := self._described(cursor, sql)) is not None:
                return described
            if bindings and marks.is_batch(bindings):
                return self._batch(cursor, sql, bindings)
            cursor.execute(sql, binding_params=marks.values(bindings) if bindings else None, server=True)
            return self._result(cursor)

    def guarded(self, sql: str, work: Callable[[], T]) -> T:
        """Do something on the session's connection; every failure is a fault."""
        with self._errors(sql):
            return work()

    def interrupt(self) -> None:
        """Stop what runs; it fails with 000604."""
        self.duck.interrupt()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is done on DuckDB's connection: in the session's transaction, else in one of its own."""
        connection = self.connection
        if connection._in_transaction:
            yield
        elif not connection._autocommit:
            self.duck.begin()
            connection._in_transaction = True
            yield
        else:
            self.duck.begin()
            try:
                yield
            except BaseException:
                self.duck.rollback()
                raise
            self.duck.commit()

    def close(self) -> None:
        """End it; temporary tables go with it."""
        self.connection.close()

    def _described(self, cursor: FakeSnowflakeCursor, sql: str) -> TableResult | None:
        import pyarrow as pa

        rows = cursor._describe_only(sql)
        if rows is None:
            return None
        rowtype = [column(name, kind) for name, kind, *_ in rows]
        return TableResult(pa.table({}), rowtype, cursor.statement_type, described=True)

    def _batch(self, cursor: FakeSnowflakeCursor, sql: str, bindings: marks.Bindings) -> TableResult:
        """Many rows for one statement: one INSERT where it is one, else once per row."""
        import pyarrow as pa

        whole = marks.insert_of_all(sql)
        if whole is None:
            affected = 0
            for row in marks.rows(bindings):
                cursor.execute(sql, binding_params=row, server=True)
                affected += cursor.rowcount or 0
            found = self._result(cursor)
            counts = pa.table({found.rowtype[0]["name"]: [affected]})
            return TableResult(counts, found.rowtype[:1], found.statement_type, affected)
        self.duck.register(marks.BATCH, marks.table(bindings))
        try:
            cursor.execute(whole, server=True)
            return self._result(cursor)
        finally:
            self.duck.unregister(marks.BATCH)

    def _result(self, cursor: FakeSnowflakeCursor) -> TableResult:
        import pyarrow as pa

        table: pa.Table | None = cursor._arrow_table
        if table is None:
            table = pa.table({"status": ["Statement executed successfully."]})
        rowtype = [column(name, str(kind)) for name, kind, *_ in self.duck.description or ()]
        if len(rowtype) != table.num_columns:
            rowtype = [column(field.name, "VARCHAR") for field in table.schema]
        return TableResult(table, rowtype, cursor.statement_type, cursor.rowcount)

    @contextlib.contextmanager
    def _opened(self, sources: Sequence[Source]) -> Iterator[None]:
        """Let the sources be read while a statement runs."""
        try:
            for source in sources:
                source.open(self)
            yield
        finally:
            for source in sources:
                with contextlib.suppress(Exception):
                    self.duck.unregister(source.name)
                    self.duck.execute(f'DROP VIEW IF EXISTS temp.main."{source.name}"')

    @contextlib.contextmanager
    def _errors(self, sql: str) -> Iterator[None]:
        try:
            yield
        except SnowflakeFault:
            raise
        except Exception as error:
            raise fault_of(error, sql) from error
