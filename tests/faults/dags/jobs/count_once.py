"""A job that leaves one row for each time it runs, and a numbered log."""

from __future__ import annotations

import argparse
import time

from airflow_provider_raydp_spcs.runtime import connection, set_result

parser = argparse.ArgumentParser()
parser.add_argument("--name", required=True)
parser.add_argument("--seconds", type=float, default=3)
arguments = parser.parse_args()

with connection() as snowflake:
    snowflake.cursor().execute("INSERT INTO RUNS_OF_JOBS (NAME) VALUES (%s)", (arguments.name,))
for number in range(int(arguments.seconds * 4)):
    print(f"{arguments.name} line {number}", flush=True)
    time.sleep(0.25)
set_result({"name": arguments.name})
print(f"{arguments.name} has ended")
