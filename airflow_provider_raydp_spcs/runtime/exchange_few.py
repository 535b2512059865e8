"""A DataFrame's few rows, brought into this process by one query of Spark's.

To cache them first, as for many rows (``exchange_partitions.py``), is a second query, which takes longer than the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_LIMIT: Final = "spark.driver.maxResultSize"


class ResultTooLargeError(Exception):
    """The rows are more than Spark lets into the driver: they must go another way. Users never see it."""


@contextmanager
def limit_told() -> Iterator[None]:
    """In the block, rows come into the driver.

    :raises ResultTooLargeError: they are more than ``spark.driver.maxResultSize``.
    """
    try:
        yield
    except Exception as error:
        if _LIMIT in str(error):
            raise ResultTooLargeError from error
        raise


def estimated_bytes(frame: DataFrame) -> int:
    """What Spark's optimizer believes the rows to take; very much where it knows nothing.

    It is wrong where rows make more rows (``explode``) or files are packed very tight.
    """
    plan: Any = frame._jdf.queryExecution().optimizedPlan()
    return int(plan.stats().sizeInBytes())


def collected(frame: DataFrame) -> pa.Table:
    """All rows, in their order.

    :raises ResultTooLargeError: they are more than ``spark.driver.maxResultSize``.
    """
    from pyspark.sql.pandas.types import to_arrow_schema

    with limit_told():
        batches = frame._collect_as_arrow()
    schema = to_arrow_schema(frame.schema)
    # Spark calls an instant's zone what the session calls it; here all are called UTC.
    return pa.Table.from_batches(batches).cast(schema) if batches else schema.empty_table()
