"""A job that fails in its first try, and in its second waits until the table RELEASED has a row."""

from __future__ import annotations

import argparse
import os
import sys
import time

from airflow_provider_raydp_spcs.runtime import connection

parser = argparse.ArgumentParser()
parser.add_argument("--attempt", type=int, required=True)
attempt = parser.parse_args().attempt

print(f"this is try {attempt}; signing in with {os.environ['SIGN_IN']}", flush=True)
if attempt == 1:
    sys.exit("the first try fails")
with connection() as snowflake:
    while not snowflake.cursor().execute("SELECT 1 FROM RELEASED").fetchall():
        time.sleep(0.5)
print("released", flush=True)
