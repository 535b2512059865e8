"""Batches of a query's result, fetched wherever they are needed.

Snowflake keeps a result in parts, each at an address that needs no session (SPCS reference, part 0: the clients' protocol).
So Spark's executors and Ray's tasks fetch them side by side, and no row passes through the driver.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.runtime.connecting import connection
from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.spcs.errors import translate
from airflow_provider_raydp_spcs.spcs.sql import bound

if TYPE_CHECKING:
    import pyarrow as pa
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.cursor import SnowflakeCursor
    from snowflake.connector.result_batch import ResultBatch

ADDRESS_SECONDS: Final = 5 * 3600.0
"""So long the addresses are used; Snowflake's end after six hours, and the result itself after a day."""
ARROW: Final = {"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "ARROW"}
ROWS_AT_ONCE: Final = 50_000


def connected() -> SnowflakeConnection:
    """A connection whose results are Arrow, with decimals."""
    return connection(arrow_number_to_decimal=True, session_parameters=ARROW)


def execute(cursor: SnowflakeCursor, query: str, params: Sequence[object]) -> None:
    """Run a query, its values bound.

    :raises SpcsError: Snowflake refuses it, or the values do not fit its marks.
    """
    import snowflake.connector.errors as connector_errors

    try:
        cursor.execute(query, bound(query, params) if params else None)
    except connector_errors.Error as error:
        raise translate(error) from error


def fetch_batch(batch: ResultBatch, schema: pa.Schema) -> pa.Table:
    """The rows of a batch. Moments are cut to microseconds, of which Spark and Ray have no parts.

    :param schema: that of the whole result; a batch by itself has whole numbers as narrow as its own values allow.
    :raises TableError: a number does not fit the column's type.
    """
    import pyarrow as pa

    table = batch.to_arrow(force_microsecond_precision=True)
    if table is None:
        return schema.empty_table()
    columns = []
    for column, field in zip(table.columns, schema, strict=True):
        try:
            columns.append(column.cast(field.type))
        except pa.ArrowInvalid as error:
            if not pa.types.is_decimal(column.type) or not pa.types.is_int64(field.type):
                raise
            msg = (
                f"column {field.name} has a number that does not fit 64 bits ({error}). Read it with wide_numbers='decimal', "
                f"or cast it in the query: {field.name}::TEXT"
            )
            raise TableError(msg) from error
    return pa.Table.from_arrays(columns, schema=schema)


@dataclass
class ResultParts:
    """A result that was made and is fetched part by part; it can be sent to other processes.

    :param key: Snowflake's id of the query.
    :param until: Unix time up to which the batches' addresses are good.
    """

    key: str
    batches: Sequence[ResultBatch]
    schema: pa.Schema
    until: float

    @classmethod
    def of(cls, cursor: Any, schema: pa.Schema) -> ResultParts:
        """Of a cursor that has executed a query."""
        batches = [batch for batch in cursor.get_result_batches() or () if batch.rowcount]
        return cls(str(cursor.sfqid), batches, schema, time.time() + ADDRESS_SECONDS)

    @property
    def rows(self) -> int:
        """How many there are in all."""
        return sum(batch.rowcount for batch in self.batches)

    def fetch(self, number: int) -> pa.Table:
        """One part; where the addresses have grown old, ask for new ones."""
        if time.time() > self.until:
            self._renew()
        return fetch_batch(self.batches[number], self.schema)

    def __call__(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Numbers of parts to their rows, as Spark's ``mapInArrow`` has it."""
        for wanted in numbers:
            for number in wanted.column(0).to_pylist():
                yield from self.fetch(number).to_batches(max_chunksize=ROWS_AT_ONCE)

    def _renew(self) -> None:
        with connected() as snowflake, snowflake.cursor() as cursor:
            cursor.query_result(self.key)
            renewed = self.of(cursor, self.schema)
        if [batch.rowcount for batch in renewed.batches] != [batch.rowcount for batch in self.batches]:
            msg = f"the result of query {self.key} is cut into other parts than when it was made; read the table again"
            raise TableError(msg)
        self.batches, self.until = renewed.batches, renewed.until
