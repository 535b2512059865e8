"""A Spark job that leaves one row for each time it runs, and counts slowly: half a second a row."""

from __future__ import annotations

import argparse

from airflow_provider_raydp_spcs.runtime import connection, set_result, spark_session

parser = argparse.ArgumentParser()
parser.add_argument("--name", required=True)
parser.add_argument("--seconds", type=float, required=True)
arguments = parser.parse_args()

with connection() as snowflake:
    snowflake.cursor().execute("INSERT INTO RUNS_OF_JOBS (NAME) VALUES (%s)", (arguments.name,))
rows = int(arguments.seconds * 2)
with spark_session(executors=1, executor_memory_mib=600) as spark:
    spark.range(1).collect()  # an executor is there
    print(f"{arguments.name} begins to count", flush=True)
    # Not "true" and unknown to Spark's optimizer: every row sleeps in a task of its own, in the executor.
    slowly = "reflect('java.util.concurrent.TimeUnit', 'valueOf', 'DAYS') = 'DAYS' AND reflect('java.lang.Thread', 'sleep', 500L) IS NOT NULL"
    found = spark.range(0, rows, 1, rows).where(slowly).selectExpr("sum(id)").collect()[0][0]
assert found == sum(range(rows)), found
set_result({"name": arguments.name})
print(f"{arguments.name} has ended")
