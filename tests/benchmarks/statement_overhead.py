"""What a statement costs on the local Snowflake over what it costs on bare fakesnow, to the same unmodified connector.

Run by ``make bench-statements``. Both servers are processes of their own; each statement goes to one and then to the other, so
that what is compared met the same machine at the same moment. Bare fakesnow speaks plain HTTP and checks nothing; the local
one speaks TLS, checks tokens, roles and rights, and remembers results. The figure is the median of the differences.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from tests.benchmarks.figures import Figure, show
from tests.local_snowflake import local_snowflake

LIMIT_MILLISECONDS = 3.0
ROUNDS = 100
STATEMENTS = (
    "SELECT 1",
    "SELECT N, T FROM BENCH WHERE N = 3",
    "INSERT INTO BENCH VALUES (100, 'x')",
    "UPDATE BENCH SET T = 'y' WHERE N = 100",
    "DELETE FROM BENCH WHERE N = 100",
    "SELECT T, COUNT(*) FROM BENCH GROUP BY T ORDER BY T",
)


@contextmanager
def bare_fakesnow() -> Iterator[Any]:
    """A connection to fakesnow as it comes."""
    import snowflake.connector

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "fakesnow", "-s", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        given = {"user": "x", "password": "x", "account": "x", "host": "127.0.0.1", "port": port, "protocol": "http"}
        for _ in range(100):
            try:
                connection = snowflake.connector.connect(database="D", schema="S", login_timeout=2, **given)
                break
            except snowflake.connector.errors.Error:
                time.sleep(0.2)
        with connection:
            yield connection
    finally:
        server.terminate()
        server.wait()


def seconds(cursor: Any, statement: str) -> float:
    """How long a statement and the reading of its rows take."""
    start = time.perf_counter()
    cursor.execute(statement)
    cursor.fetchall()
    return time.perf_counter() - start


def main() -> int:
    differences: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}
    bare_took: list[float] = []
    ours_took: list[float] = []
    with bare_fakesnow() as bare, local_snowflake() as environment, connect(environment) as ours:
        cursors = [bare.cursor(), ours.cursor()]
        for cursor in cursors:
            cursor.execute("CREATE OR REPLACE TABLE BENCH (N INT, T VARCHAR)")
            cursor.execute(
                "INSERT INTO BENCH VALUES " + ", ".join(f"({number}, 't{number % 5}')" for number in range(50))
            )
            for statement in STATEMENTS * 5:
                seconds(cursor, statement)
        for _ in range(ROUNDS):
            for statement in STATEMENTS:
                theirs, mine = (seconds(cursor, statement) for cursor in cursors)
                differences[statement].append(mine - theirs)
                bare_took.append(theirs)
                ours_took.append(mine)
    every = [each for some in differences.values() for each in some]
    for statement, some in differences.items():
        print(f"{statement[:48]:50} {statistics.median(some) * 1000:+.2f} ms")
    shown = [
        Figure("bare fakesnow", statistics.median(bare_took) * 1000, "ms"),
        Figure("local Snowflake", statistics.median(ours_took) * 1000, "ms"),
        Figure("difference", statistics.median(every) * 1000, "ms", LIMIT_MILLISECONDS),
    ]
    show("A statement, median", {"measured": shown})
    return int(statistics.median(every) * 1000 > LIMIT_MILLISECONDS)


if __name__ == "__main__":
    sys.exit(main())
