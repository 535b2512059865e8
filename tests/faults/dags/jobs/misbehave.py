"""A job that takes more than there is, in the way that it is told."""

from __future__ import annotations

import argparse
import sys
import time

from airflow_provider_raydp_spcs.runtime import connection, spark_session

parser = argparse.ArgumentParser()
parser.add_argument("--name", required=True)
parser.add_argument("--way", required=True)
parser.add_argument("--amount", type=float, default=0)
arguments = parser.parse_args()

with connection() as snowflake:
    snowflake.cursor().execute("INSERT INTO RUNS_OF_JOBS (NAME) VALUES (%s)", (arguments.name,))

if arguments.way == "hang":
    with spark_session(executors=1, executor_memory_mib=600) as spark:
        print("hanging", flush=True)
        spark.range(1).where("reflect('java.lang.Thread', 'sleep', 3600000L) IS NOT NULL").count()
elif arguments.way == "memory":
    # One row of a gigabyte does not fit into an executor of 600 MiB. What does not depend on the row the driver works out.
    with spark_session(executors=1, executor_memory_mib=600) as spark:
        spark.range(1).selectExpr("length(repeat('x', CAST(1000000000 + id AS INT))) AS n").collect()
elif arguments.way == "disk":
    import ray

    held = []
    while True:
        held.append(ray.put(bytes(50_000_000)))
elif arguments.way == "print":
    line = "x" * 99 + "\n"
    block = line * 10_000
    for _ in range(int(arguments.amount * 1000)):
        sys.stdout.write(block)
    sys.stdout.flush()
    print("the last words")
elif arguments.way == "sleep":
    time.sleep(arguments.amount)
