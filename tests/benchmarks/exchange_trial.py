"""One way between Ray and Spark, twice in one direction, in a process and a Spark session of its own.

Run by ``exchange.py``: ``python -m tests.benchmarks.exchange_trial stock|ours|floor spark|ray ROWS MARK``. Prints seconds, and CPU seconds of
all processes of the run, in JSON; and what came over, which must be the same all ways. *floor* is what Spark alone takes for the
same query: of rows that it makes itself, or only up to the driver.
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
# With 1 GiB, RayDP's own way to Ray runs out of memory at 10 million rows.
EXECUTORS, CORES, MEMORY = 1, 2, "4g"


def rows_of(count: int, start: int = 0) -> pa.Table:
    """Whole numbers, decimals of binary kind, and text of 12 letters."""
    number = np.arange(start, start + count)
    names = np.char.add("name-", np.char.zfill((number % 10_000_000).astype(str), 7))
    return pa.table({"id": number, "value": (number % 1000) / 8, "name": names.tolist()})


def main(way: str, target: str, rows: int, mark: str) -> None:
    ray.init(log_to_driver=False)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    dataset = None if target == "ray" else _dataset(rows)
    spark = raydp.init_spark(f"{way}-{target}-{rows}", EXECUTORS, CORES, MEMORY)
    spark.range(1000).selectExpr("sum(id)").collect()
    own = spark.range(rows).selectExpr(
        "id", "(id % 1000) / 8 AS value", "concat('name-', lpad(id % 10000000, 7, '0')) AS name"
    )
    exchange = _into_ray(way, own) if dataset is None else _into_spark(way, spark, dataset, own)
    found: dict[str, Any] = {}
    for turn in ("first", "again"):
        cpu, began = cpu_seconds(mark), time.monotonic()
        came = exchange()
        taken = {"seconds": time.monotonic() - began, "cpu": cpu_seconds(mark) - cpu, "came": came}
        found[f"to {target.capitalize()}, {turn}"] = taken
    raydp.stop_spark()
    ray.shutdown()
    print(json.dumps(found))


def _dataset(rows: int) -> Dataset:
    per_block = -(-rows // BLOCKS)
    blocks = [rows_of(min(per_block, rows - start), start) for start in range(0, rows, per_block)]
    return ray.data.from_arrow(blocks).materialize()


def _into_spark(way: str, spark: Any, dataset: Dataset, own: Any) -> Callable[[], list[Any]]:
    ways = {"stock": lambda: dataset.to_spark(spark), "ours": lambda: to_spark(spark, dataset), "floor": lambda: own}

    def exchange() -> list[Any]:
        return list(ways[way]().selectExpr(*SUM).collect()[0])

    return exchange


def _into_ray(way: str, own: Any) -> Callable[[], list[Any]]:
    def of_dataset(dataset: Dataset) -> list[pa.Table]:
        return [ray.get(ref) for bundle in dataset.iter_internal_ref_bundles() for ref in bundle.block_refs]

    ways: dict[str, Callable[[], list[pa.Table]]] = {
        "stock": lambda: of_dataset(raydp.spark.from_spark_recoverable(own)),
        "ours": lambda: of_dataset(to_ray(own)),
        "floor": lambda: [pa.Table.from_batches(own._collect_as_arrow())],
    }

    def exchange() -> list[Any]:
        return [sum(column) for column in zip(*map(_sums, ways[way]()), strict=True)]

    return exchange


def _sums(table: pa.Table) -> tuple[int, int, float, int]:
    import pyarrow.compute as pc

    columns = [pc.sum(table["id"]), pc.sum(table["value"]), pc.sum(pc.utf8_length(table["name"]))]
    return (table.num_rows, *(column.as_py() or 0 for column in columns))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
