"""One way between Ray and Spark, once there and once back, in a process and a Spark session of its own.

Run by ``exchange.py``: ``python -m tests.benchmarks.exchange_trial stock|ours ROWS MARK``. Prints seconds, and CPU seconds of
all processes of the run, in JSON; and what came over, which must be the same both ways.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import ray
import raydp
from ray.data import Dataset

from airflow_provider_raydp_spcs.runtime import to_ray, to_spark
from tests.benchmarks.one_node import cpu_seconds

SUM = ("count(*) AS n", "sum(id) AS ids", "sum(value) AS total", "sum(length(name)) AS letters")
BLOCKS = 8
EXECUTORS, CORES, MEMORY = 1, 2, "1g"


def rows_of(count: int, start: int = 0) -> pa.Table:
    """Whole numbers, decimals of binary kind, and text of 12 letters."""
    number = np.arange(start, start + count)
    names = np.char.add("name-", np.char.zfill((number % 10_000_000).astype(str), 7))
    return pa.table({"id": number, "value": (number % 1000) / 8, "name": names.tolist()})


def main(way: str, rows: int, mark: str) -> None:
    ray.init(log_to_driver=False)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    per_block = -(-rows // BLOCKS)
    blocks = [rows_of(min(per_block, rows - start), start) for start in range(0, rows, per_block)]
    dataset = ray.data.from_arrow(blocks).materialize()
    del blocks
    spark = raydp.init_spark(f"{way}-{rows}", EXECUTORS, CORES, MEMORY)
    spark.range(1000).selectExpr("sum(id)").collect()
    into: Callable[[Dataset], Any] = (
        (lambda: dataset.to_spark(spark)) if way == "stock" else lambda: to_spark(spark, dataset)
    )
    found: dict[str, Any] = {}

    def timed(name: str, work: Callable[[], Any]) -> None:
        cpu, began = cpu_seconds(mark), time.monotonic()
        came = work()
        found[name] = {"seconds": time.monotonic() - began, "cpu": cpu_seconds(mark) - cpu, "came": came}

    for turn in ("first", "again"):
        timed(f"to Spark, {turn}", lambda: list(into().selectExpr(*SUM).collect()[0]))
    made = spark.range(rows).selectExpr(
        "id", "(id % 1000) / 8 AS value", "concat('name-', lpad(id % 10000000, 7, '0')) AS name"
    )
    back = raydp.spark.from_spark_recoverable if way == "stock" else to_ray

    def whole() -> list[Any]:
        came = [_sums(ray.get(ref)) for bundle in back(made).iter_internal_ref_bundles() for ref in bundle.block_refs]
        return [sum(column) for column in zip(*came, strict=True)]

    for turn in ("first", "again"):
        timed(f"to Ray, {turn}", whole)
    raydp.stop_spark()
    ray.shutdown()
    print(json.dumps(found))


def _sums(table: pa.Table) -> tuple[int, int, float, int]:
    import pyarrow.compute as pc

    columns = [pc.sum(table["id"]), pc.sum(table["value"]), pc.sum(pc.utf8_length(table["name"]))]
    return (table.num_rows, *(column.as_py() or 0 for column in columns))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
