"""What fakesnow 0.12 gets wrong and this package needs right, mended in this one place: a cursor and a connection of ours."""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import duckdb
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.info_schema import insert_text_lengths_sql
from fakesnow.statement_type import UNKNOWN, statement_type_id
from fakesnow.transforms.transforms import indices_to_json_extract
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp

from airflow_provider_raydp_spcs.local.tables.lengths import (
    HAS_CHECK,
    change_lengths,
    check_lengths,
    widen_characters,
)

_casting: ContextVar[bool] = ContextVar("casting", default=False)
"""Whether aggregates of numbers cast what they are given: only where it turned out to be a text."""
_SCOPED = re.compile(r"^(\s*CREATE\s+(?:OR\s+REPLACE\s+)?)SCOPED\s+", re.IGNORECASE)
_LOCK_SECONDS = 2.0
"""How long a statement waits for another's change; Snowflake's LOCK_TIMEOUT, much shorter."""
_KEYS = (exp.PrimaryKey, exp.ForeignKey, exp.UniqueColumnConstraint)
_COLUMN_KEYS = (exp.PrimaryKeyColumnConstraint, exp.UniqueColumnConstraint, exp.Reference)
_LOCKED = (
    "Another statement has locked the table and this lock has not yet been released. "
    "Your statement was aborted because waiting for this lock is limited to 2 s"
)


class _Nowhere(dict[str, Any]):
    """fakesnow keeps every result for ever; here ``wire.history`` keeps them, and not for ever."""

    def __setitem__(self, key: str, value: Any) -> None:
        pass


class _Patient:
    """A connection of DuckDB's that waits a while for what another one changes, as Snowflake waits for locks.

    DuckDB refuses at once. Outside a transaction each statement of its own is whole or nothing, so it is tried again. A
    duplicate key is such a refusal too: tables have no keys here, only fakesnow's notes, which two sessions take at once.
    """

    def __init__(self, duck: duckdb.DuckDBPyConnection) -> None:
        self._duck = duck
        self.in_transaction: Callable[[], bool] = lambda: False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._duck, name)

    def execute(self, *given: Any, **named: Any) -> Any:
        """Run a statement of DuckDB's."""
        end = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                return self._duck.execute(*given, **named)
            except (duckdb.TransactionException, duckdb.ConstraintException) as error:
                collided = any(words in str(error).lower() for words in ("conflict", "duplicate key"))
                if not collided or self.in_transaction() or time.monotonic() > end:
                    raise
                time.sleep(random.uniform(0.002, 0.03))  # noqa: S311 - so that two that collide do not do so again


class Connection(FakeSnowflakeConnection):  # type: ignore[misc]
    """fakesnow's, with cursors of ours.

    :param args: as fakesnow has them, without the cache of results.
    """

    def __init__(self, duck: duckdb.DuckDBPyConnection, **given: Any) -> None:
        patient = _Patient(duck)
        super().__init__(patient, _Nowhere(), create_schema=False, **given)
        patient.in_transaction = lambda: self._in_transaction
        self.temporary: set[tuple[str, str, str]] = set()
        """Temporary tables, which DuckDB keeps in a schema of its own, under the names that Snowflake has for them."""

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """All or nothing, in the session's transaction or one of its own."""
        if self._in_transaction:
            yield
            return
        self._duck_conn.begin()
        try:
            yield
        except BaseException:
            self._duck_conn.rollback()
            raise
        self._duck_conn.commit()

    def cursor(self, *_: Any) -> Cursor:
        """A cursor of ours."""
        return Cursor(conn=self, duck_conn=self._duck_conn)


class Cursor(FakeSnowflakeCursor):  # type: ignore[misc]
    """fakesnow's, mended; it also tells the kind of the statement that it ran last."""

    statement_type: int = UNKNOWN

    def execute(self, command: str, params: Any = None, *given: Any, **named: Any) -> Any:
        """As fakesnow does; aggregates of texts are tried again as ones of numbers."""
        command = _SCOPED.sub(r"\1", command)  # what Snowpark calls its temporary objects
        try:
            return super().execute(command, params, *given, **named)
        except ProgrammingError as error:
            text = str(error)
            if "No function matches" not in text or "VARCHAR" not in text or _casting.get():
                raise
            mark = _casting.set(True)
            try:
                return super().execute(command, params, *given, **named)
            finally:
                _casting.reset(mark)

    def check_db_and_schema(self, expression: Any) -> None:
        """As fakesnow does; this is where it has the statement as it was written."""
        self.statement_type = statement_type_id(expression)
        super().check_db_and_schema(expression)

    def _execute(self, transformed: Any, params: Any = None) -> None:
        """DuckDB refuses at once what Snowflake refuses once LOCK_TIMEOUT has passed, and its refusal has no number."""
        connection: Any = self._conn
        self._place_temporary(transformed)
        for default in transformed.find_all(exp.DefaultColumnConstraint):
            if isinstance(default.this, exp.Alias):  # a sequence's next value, which fakesnow gives a column's name
                default.set("this", default.this.this)
        check_lengths(transformed)
        _drop_notes(transformed)
        made, used = (str(transformed.args.get(key) or "") for key in ("create_db_name", "set_database"))
        made = "" if made and self._has_schema(made) else made
        begins = isinstance(transformed, exp.Transaction) and connection._in_transaction
        if begins:
            # Snowflake's BEGIN inside a transaction changes nothing.
            transformed = exp.select(exp.Literal.string("Statement executed successfully.").as_("status"))
        try:
            self._run(transformed, params)
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
        if made or (used and not transformed.args.get("set_schema")):
            self._enter(made or used, makes=bool(made))

    def _run(self, transformed: Any, params: Any) -> None:
        try:
            super()._execute(transformed, params)
        except ProgrammingError as error:
            table, lengths = transformed.find(exp.Table), transformed.args.get("text_lengths")
            if HAS_CHECK not in str(error) or table is None or not lengths:
                raise
            whole = self._whole_name(table)
            with self._conn.whole():
                change_lengths(self._duck_conn, whole, dict(lengths))
            self._duck_conn.execute(insert_text_lengths_sql(*whole, lengths))
            super()._execute(exp.select(exp.Literal.string("Statement executed successfully.").as_("status")))

    def _has_schema(self, database: str, schema: str = "main") -> bool:
        sql = "SELECT 1 FROM information_schema.schemata WHERE catalog_name = ? AND schema_name = ?"
        return bool(self._duck_conn.execute(sql, [database, schema]).fetchall())

    def _enter(self, database: str, *, makes: bool) -> None:
        """Who makes a database uses it, and who uses one is in its schema PUBLIC, which it has from the beginning."""
        connection: Any = self._conn
        if makes:
            self._duck_conn.execute(f"CREATE SCHEMA {exp.to_identifier(database, quoted=True).sql()}.PUBLIC")
        is_public = self._has_schema(database, "PUBLIC")
        names = [exp.to_identifier(name, quoted=True).sql() for name in (database, "PUBLIC" if is_public else "main")]
        self._duck_conn.execute(f"USE {'.'.join(names)}")
        connection.database, connection.database_set, connection.schema_set = database, True, is_public
        if is_public:
            connection._schema = "PUBLIC"
        self._duck_conn.execute(self._last_sql)  # what the statement itself answers

    def _transform(self, expression: Any, params: Any) -> Any:
        """``$1`` of a row of VALUES is its column ``COLUMN1``; keys of ``{'a': 1}`` keep their case."""
        for key in expression.find_all(exp.PropertyEQ):
            if isinstance(key.this, exp.Identifier):
                key.this.set("quoted", True)
        for mark in list(expression.find_all(exp.Parameter)):
            select = mark.find_ancestor(exp.Select)
            source = select.args.get("from_") if select else None
            if source is not None and source.find(exp.Values) and mark.this.name.isdecimal():
                mark.replace(exp.column(f"COLUMN{mark.this.name}"))
        for division in list(expression.find_all(exp.Div, exp.Mod)):
            _refuse_zero(division)
        self._place_references(expression)
        if isinstance(expression, (exp.Create, exp.Alter)):
            widen_characters(expression)
        return super()._transform(expression, params)

    def _place_temporary(self, statement: Any) -> None:
        """Make and drop temporary tables where DuckDB has them: in a schema of its own, whatever theirs is called."""
        target = statement.find(exp.Table) if isinstance(statement, (exp.Create, exp.Drop)) else None
        if target is None or statement.args.get("kind") not in ("TABLE", "VIEW"):
            self._place_references(statement)
            return
        whole = self._whole_name(target)
        if isinstance(statement, exp.Drop):
            self._place_references(statement)
            self._conn.temporary.discard(whole)
        elif statement.find(exp.TemporaryProperty) is not None:
            self._conn.temporary.add(whole)
            target.set("db", None)
            target.set("catalog", None)

    def _place_references(self, statement: Any) -> None:
        """Let the whole names of temporary tables mean those."""
        if not self._conn.temporary:
            return
        creates = isinstance(statement, exp.Create)
        target = statement.find(exp.Table) if creates else None
        for table in list(statement.find_all(exp.Table)):
            named = isinstance(table.this, exp.Identifier) and (table.db or isinstance(statement, exp.Drop))
            if named and table is not target and self._whole_name(table) in self._conn.temporary:
                table.set("db", exp.to_identifier("main", quoted=True))
                table.set("catalog", exp.to_identifier("temp", quoted=True))

    def _whole_name(self, table: Any) -> tuple[str, str, str]:
        parts = [table.args.get("catalog"), table.args.get("db"), table.this]
        names = [
            None if part is None else part.name if part.args.get("quoted") else part.name.upper() for part in parts
        ]
        return names[0] or self._conn.database or "", names[1] or self._conn.schema or "", names[2] or ""

    def _forget_loads(self, truncated: Any) -> None:
        """A truncated table has no load history, as a new one has none."""
        for table in truncated.find_all(exp.Table):
            catalog, schema = table.catalog or self._conn.database, table.db or self._conn.schema
            if catalog == "temp":
                continue
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
        _open_paths(expression)
        _compare_as_text(expression)
        return list(super()._transform_explode(expression))


def _open_paths(expression: Any) -> None:
    """Of ``variant['a']['b']`` fakesnow changes the last step only."""
    for bracket in reversed(list(expression.find_all(exp.Bracket))):
        if isinstance(bracket.parent, exp.Bracket):
            bracket.replace(indices_to_json_extract(bracket))


def _compare_as_text(expression: Any) -> None:
    """A VARIANT's field beside a text is compared as a text; DuckDB would read the text as JSON."""
    for comparison in expression.find_all(exp.EQ, exp.NEQ):
        for this, other in (("this", "expression"), ("expression", "this")):
            field, text = comparison.args[this], comparison.args[other]
            is_field = isinstance(field, (exp.JSONExtract, exp.Bracket))
            if is_field and isinstance(text, exp.Literal) and text.is_string:
                comparison.set(this, exp.cast(field, "varchar"))


def _refuse_zero(division: Any) -> None:
    """DuckDB divides by zero, Snowflake does not."""
    below = division.expression
    if isinstance(below, exp.Literal) and float(below.name or 0):
        return
    fails = exp.Anonymous(this="ERROR", expressions=[exp.Literal.string("Division by zero")])
    zero = exp.EQ(this=exp.paren(below.copy()), expression=exp.Literal.number(0))
    division.set("expression", exp.paren(exp.Case(ifs=[exp.If(this=zero, true=fails)], default=below.copy())))


def _drop_notes(statement: Any) -> None:
    """Leave out fakesnow's notes of a session's own tables, and of the comment that nobody has made.

    All sessions share them, in a database of their own, which a transaction on another must not touch; and one's own tables
    are also those by which fakesnow merges.
    """
    own = isinstance(statement, exp.Create) and statement.find(exp.TemporaryProperty) is not None
    _, comment = statement.args.get("table_comment") or (None, None)
    if own or comment is None:
        statement.args.pop("table_comment", None)
    if own:
        statement.args.pop("text_lengths", None)


def _is_key(part: Any) -> bool:
    return isinstance(part.expressions[0] if isinstance(part, exp.Constraint) else part, _KEYS)


def mend_aggregates() -> None:
    """SUM and the like turn whole numbers into floating ones, for fakesnow casts whatever may be a text; numbers are not cast."""
    from fakesnow import transforms

    original = transforms.numeric_agg_implicit_cast
    if original.__module__ == __name__:
        return

    def without_cast(expression: Any) -> Any:
        argument = getattr(expression, "this", None)
        made = original(expression)
        call = made.this if isinstance(made, exp.Alias) and made is not expression else made
        cast = getattr(call, "this", None)
        if (
            not _casting.get()
            and isinstance(cast, exp.TryCast)
            and cast is not argument
            and isinstance(call, type(expression))
        ):
            call.set("this", cast.this)
        return made

    transforms.numeric_agg_implicit_cast = without_cast


def mend_numbers() -> None:
    """``NUMBER(38, 0)`` that is written out holds 38 digits; fakesnow makes 64-bit integers of it, as of INT."""
    from fakesnow import transforms

    original = transforms.integer_precision
    if original.__module__ == __name__:
        return

    def with_digits(expression: Any) -> Any:
        written_out = isinstance(expression, exp.DataType) and expression.this == exp.DataType.Type.DECIMAL
        return expression if written_out and expression.expressions else original(expression)

    transforms.integer_precision = with_digits


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
