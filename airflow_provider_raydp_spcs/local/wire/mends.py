"""What fakesnow 0.12 gets wrong and this package needs right, mended in this one place."""

from __future__ import annotations

from typing import Any


def mend_fakesnow() -> None:
    """Apply every mend; call it once, before the first session."""
    _null_timestamps()
    _lock_conflicts()
    _keys_without_force()
    _whole_copies()


def _null_timestamps() -> None:
    """NULL timestamps arrive at clients as 1970-01-01, for the struct that stands for them is never NULL itself."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from fakesnow import arrow

    original = arrow.timestamp_to_sf_struct

    def with_nulls(column: Any) -> Any:
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        made = original(pc.fill_null(whole, pa.scalar(0, whole.type)))
        return pa.StructArray.from_arrays(made.flatten(), fields=list(made.type), mask=pc.is_null(whole))

    arrow.timestamp_to_sf_struct = with_nulls


def _lock_conflicts() -> None:
    """DuckDB refuses at once what Snowflake refuses once LOCK_TIMEOUT has passed, and its refusal has no number."""
    import duckdb
    from fakesnow.cursor import FakeSnowflakeCursor
    from snowflake.connector.errors import ProgrammingError

    original = FakeSnowflakeCursor._execute

    def execute(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            original(self, *args, **kwargs)
        except duckdb.TransactionException as error:
            if "conflict" in str(error).lower():
                text = (
                    "Another statement has locked the table and this lock has not yet been released. "
                    "Your statement was aborted because waiting for this lock is limited to 0 s"
                )
                raise ProgrammingError(msg=text, errno=627, sqlstate="57014") from error
            if "transaction is aborted" in str(error):
                raise ProgrammingError(msg="Transaction was aborted.", errno=615, sqlstate="57014") from error
            raise

    FakeSnowflakeCursor._execute = execute


def _keys_without_force() -> None:
    """Snowflake's tables enforce no key but NOT NULL, DuckDB's enforce them all; so keys end as NOT NULL."""
    from fakesnow.cursor import FakeSnowflakeCursor
    from sqlglot import exp

    original = FakeSnowflakeCursor._transform_explode
    keys = (exp.PrimaryKey, exp.ForeignKey, exp.UniqueColumnConstraint)
    column_keys = (exp.PrimaryKeyColumnConstraint, exp.UniqueColumnConstraint, exp.Reference)

    def is_key(part: Any) -> bool:
        return isinstance(part.expressions[0] if isinstance(part, exp.Constraint) else part, keys)

    def explode(self: Any, expression: Any) -> Any:
        schema = expression.this if isinstance(expression, exp.Create) else None
        if isinstance(schema, exp.Schema):
            primary = {name.name for key in schema.find_all(exp.PrimaryKey) for name in key.expressions}
            for column in schema.find_all(exp.ColumnDef):
                kinds = [constraint.args["kind"] for constraint in column.constraints]
                left = [kind for kind in kinds if not isinstance(kind, column_keys)]
                if column.name in primary or any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds):
                    left.append(exp.NotNullColumnConstraint())
                column.set("constraints", [exp.ColumnConstraint(kind=kind) for kind in left])
            schema.set("expressions", [part for part in schema.expressions if not is_key(part)])
        return original(self, expression)

    FakeSnowflakeCursor._transform_explode = explode


def _whole_copies() -> None:
    """COPY INTO loads file by file; a server that is killed meanwhile must have loaded all of them or none."""
    import duckdb
    import fakesnow.cursor

    original = fakesnow.cursor.copy_into

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
