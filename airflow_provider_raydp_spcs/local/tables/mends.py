"""What fakesnow 0.12 gets wrong and this package needs right, mended in this one place: a cursor and a connection of ours."""

from __future__ import annotations

from typing import Any

import duckdb
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.statement_type import UNKNOWN, statement_type_id
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp

from airflow_provider_raydp_spcs.local.tables.variants import variants_as_texts

_KEYS = (exp.PrimaryKey, exp.ForeignKey, exp.UniqueColumnConstraint)
_COLUMN_KEYS = (exp.PrimaryKeyColumnConstraint, exp.UniqueColumnConstraint, exp.Reference)
_LOCKED = (
    "Another statement has locked the table and this lock has not yet been released. "
    "Your statement was aborted because waiting for this lock is limited to 0 s"
)


class _Nowhere(dict[str, Any]):
    """fakesnow keeps every result for ever; here ``wire.history`` keeps them, and not for ever."""

    def __setitem__(self, key: str, value: Any) -> None:
        pass


class Connection(FakeSnowflakeConnection):
    """fakesnow's, with cursors of ours.

    :param args: as fakesnow has them, without the cache of results.
    """

    def __init__(self, duck: duckdb.DuckDBPyConnection, **given: Any) -> None:
        super().__init__(duck, _Nowhere(), create_schema=False, **given)

    def cursor(self, *_: Any) -> Cursor:  # type: ignore[override]
        """A cursor of ours."""
        return Cursor(conn=self, duck_conn=self._duck_conn)


class Cursor(FakeSnowflakeCursor):
    """fakesnow's, mended; it also tells the kind of the statement that it ran last."""

    statement_type: int = UNKNOWN

    def check_db_and_schema(self, expression: Any) -> None:
        """As fakesnow does; this is where it has the statement as it was written."""
        self.statement_type = statement_type_id(expression)
        variants_as_texts(expression)
        super().check_db_and_schema(expression)

    def _execute(self, transformed: Any, params: Any = None) -> None:
        """DuckDB refuses at once what Snowflake refuses once LOCK_TIMEOUT has passed, and its refusal has no number."""
        connection: Any = self._conn
        begins = isinstance(transformed, exp.Transaction) and connection._in_transaction
        if begins:
            # Snowflake's BEGIN inside a transaction changes nothing.
            transformed = exp.select(exp.Literal.string("Statement executed successfully.").as_("status"))
        try:
            super()._execute(transformed, params)
        except duckdb.TransactionException as error:
            if "conflict" in str(error).lower():
                raise ProgrammingError(msg=_LOCKED, errno=627, sqlstate="57014") from error
            if "transaction is aborted" in str(error):
                raise ProgrammingError(msg="Transaction was aborted.", errno=615, sqlstate="57014") from error
            raise
        if isinstance(transformed, exp.Transaction):
            connection._in_transaction = True
        elif isinstance(transformed, (exp.Commit, exp.Rollback)):
            connection._in_transaction = False
        elif isinstance(transformed, exp.TruncateTable):
            self._forget_loads(transformed)

    def _forget_loads(self, truncated: Any) -> None:
        """A truncated table has no load history, as a new one has none."""
        for table in truncated.find_all(exp.Table):
            catalog, schema = table.catalog or self._conn.database, table.db or self._conn.schema
            with self._duck_conn.cursor() as own:
                own.execute(
                    f'DELETE FROM "{catalog}"._fs_information_schema._fs_load_history WHERE SCHEMA_NAME = ? AND TABLE_NAME = ?',
                    [schema, table.name],
                )

    def _transform_explode(self, expression: Any) -> list[Any]:
        """Snowflake's tables enforce no key but NOT NULL, DuckDB's enforce them all; so keys end as NOT NULL."""
        schema = expression.this if isinstance(expression, exp.Create) else None
        if isinstance(schema, exp.Schema):
            primary = {name.name for key in schema.find_all(exp.PrimaryKey) for name in key.expressions}
            for column in schema.find_all(exp.ColumnDef):
                kinds = [constraint.args["kind"] for constraint in column.constraints]
                left = [kind for kind in kinds if not isinstance(kind, _COLUMN_KEYS)]
                if column.name in primary or any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds):
                    left.append(exp.NotNullColumnConstraint())
                column.set("constraints", [exp.ColumnConstraint(kind=kind) for kind in left])
            schema.set("expressions", [part for part in schema.expressions if not _is_key(part)])
        return super()._transform_explode(expression)


def _is_key(part: Any) -> bool:
    return isinstance(part.expressions[0] if isinstance(part, exp.Constraint) else part, _KEYS)


def mend_timestamps() -> None:
    """NULL timestamps arrive at clients as 1970-01-01, for the struct that stands for them is never NULL itself."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from fakesnow import arrow

    original = arrow.timestamp_to_sf_struct
    if original.__module__ == __name__:
        return

    def with_nulls(column: Any) -> Any:
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        made = original(pc.fill_null(whole, pa.scalar(0, whole.type)))
        return pa.StructArray.from_arrays(made.flatten(), fields=list(made.type), mask=pc.is_null(whole))

    arrow.timestamp_to_sf_struct = with_nulls


def mend_copies() -> None:
    """COPY INTO loads file by file; a server that is killed meanwhile must have loaded all of them or none."""
    import fakesnow.cursor

    original = fakesnow.cursor.copy_into
    if original.__module__ == __name__:
        return

    def copy_into(connection: Any, *args: Any, **kwargs: Any) -> str:
        try:
            connection.execute("BEGIN TRANSACTION")
        except duckdb.TransactionException:
            return str(original(connection, *args, **kwargs))  # the client's own transaction has all of it
        try:
            sql = str(original(connection, *args, **kwargs))
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute(sql)  # the answer's rows
        return sql

    fakesnow.cursor.copy_into = copy_into
