"""A job that gives every panel something to show: Spark with shuffle, cache and spill; Ray tasks, actors, Ray Data."""

from __future__ import annotations

import sys
import time

import ray

from airflow_provider_raydp_spcs.runtime import set_result, spark_session

ROWS = 400_000
ROUNDS = 2
"""At least; the first one's metrics are seen while the second one runs."""
# Sort for every join, and spill after so many rows however much memory there is.
SPILL = {"spark.sql.autoBroadcastJoinThreshold": "-1", "spark.shuffle.spill.numElementsForceSpillThreshold": "20000"}


@ray.remote(num_cpus=0.1, max_retries=1)
def short(n: int) -> int:
    time.sleep(0.2)
    return n


@ray.remote(num_cpus=0.1, max_retries=5, retry_exceptions=True)
def fails_at_first(counter: ray.actor.ActorHandle) -> int:
    time.sleep(1)
    if ray.get(counter.next.remote()) < 4:
        raise ValueError
    return 1


@ray.remote(num_cpus=0.1)
class Counter:
    def __init__(self) -> None:
        self.value = 0

    def next(self) -> int:
        self.value += 1
        return self.value


def main(seconds: float) -> None:
    with spark_session("monitored", share=0.5, configs=SPILL) as spark:
        # From here on: on a busy machine the session alone may take that long.
        end = time.monotonic() + seconds
        group = ray.util.placement_group([{"CPU": 0.1}])
        counter = Counter.remote()
        kept = ray.put(b"x" * 50_000_000)
        retried = [fails_at_first.remote(counter) for _ in range(4)]
        rows = rounds = 0
        while rounds < ROUNDS or time.monotonic() < end:
            frame = spark.range(0, ROWS, 1, 8).selectExpr("id", "id % 1000 AS k", "rand() AS v").cache()
            joined = frame.join(frame.selectExpr("id + 1 AS id", "v AS w"), "id")
            rows += joined.groupBy("k").count().count()
            frame.unpersist()
            ray.get([short.remote(n) for n in range(10)])
            ray.data.range(20_000, override_num_blocks=8).map_batches(_wait).materialize()
            rounds += 1
        ray.get(retried)
        ray.util.remove_placement_group(group)
        del kept
        set_result({"rounds": rounds, "rows": rows})


def _wait(batch: dict[str, object]) -> dict[str, object]:
    time.sleep(0.2)
    return batch


if __name__ == "__main__":
    main(float(sys.argv[1]))
