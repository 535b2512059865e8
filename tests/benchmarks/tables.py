"""Rows between Snowflake tables and Spark, beside ``ray.data.read_snowflake`` and pandas with ``write_pandas``.

Run by ``make bench-tables``. The Snowflake is the local one and Spark runs in this process' machine with two task slots, so the
figures compare ways, and are no measure of Snowflake. Each way does the same in turns:

- reading: ours makes a DataFrame and lets Spark go through all of it; the peer has all rows in Ray's object store, which is
  still short of Spark.
- writing: ours is ``write_table``; the peer is ``frame.toPandas()`` and ``write_pandas`` into the same table.

``TABLES_ROWS`` and ``TABLES_ROUNDS`` make it smaller: sizes with commas between them, and pairs for each.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.node.java import find_java
from tests.benchmarks import figures
from tests.integration.containers import make_images
from tests.integration.inside import job_environment
from tests.local_snowflake import local_snowflake

ROWS = [int(size) for size in os.environ.get("TABLES_ROWS", "10000,100000,1000000").split(",")]
ROUNDS = int(os.environ.get("TABLES_ROUNDS", "3"))
SLOTS = 2
TABLE = (
    "SELECT SEQ8()::NUMBER(38, 0) AS N, (SEQ8() % 1000 / 100)::NUMBER(10, 2) AS PRICE, SEQ8() * 0.37::FLOAT AS VALUE, "
    "'name ' || (SEQ8() % 5000)::VARCHAR AS NAME, DATEADD(SECOND, SEQ8(), '2020-01-01'::TIMESTAMP_NTZ) AS MOMENT"
)


@contextmanager
def everything() -> Iterator[tuple[Any, Any, dict[str, Any]]]:
    """Spark, a connection, and what Ray's own reader connects with."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)))
        environment = stack.enter_context(local_snowflake(make_images(folder)))
        os.environ.update(job_environment(environment))
        os.environ["JAVA_HOME"] = str(find_java())
        yield _spark(stack), stack.enter_context(connect(environment)), _ray(stack, environment)


def _spark(stack: ExitStack) -> Any:
    import sys

    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    made = SparkSession.builder.master(f"local[{SLOTS}]").config("spark.sql.session.timeZone", "UTC")
    made = made.config("spark.ui.enabled", "false").config("spark.driver.memory", "3g")
    spark = made.config("spark.driver.maxResultSize", "0").getOrCreate()
    stack.callback(spark.stop)
    return spark


def _ray(stack: ExitStack, environment: dict[str, str]) -> dict[str, Any]:
    import ray

    temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True))
    ray.init(
        address="local", num_cpus=SLOTS, include_dashboard=False, object_store_memory=2**31, _temp_dir=temporary,
        log_to_driver=False,
    )  # fmt: skip
    stack.callback(ray.shutdown)
    ray.data.DataContext.get_current().enable_progress_bars = False
    names = ("host", "port", "account", "user", "password", "role", "database", "schema", "warehouse")
    return {name: environment[f"SNOWFLAKE_{name.upper()}"] for name in names}


def measured(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way, in turns; once before that is not counted, for what is started at first use."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if turn:
                took[name].append(time.perf_counter() - start)
    return took


def reading(spark: Any, parameters: dict[str, Any], size: int) -> None:
    """A table into Spark."""
    import ray

    from airflow_provider_raydp_spcs.runtime import read_table

    def into_spark() -> None:
        read_table(spark, "SOURCE").write.format("noop").mode("overwrite").save()

    def into_ray() -> None:
        ray.data.read_snowflake("SELECT * FROM SOURCE", parameters).materialize()

    took = measured({"ours": into_spark, "stock": into_ray}, ROUNDS)
    figures.record("tables-read", "ray.data.read_snowflake", took["ours"], took["stock"], "s", size)


def writing(frame: Any, snowflake: Any, size: int) -> None:
    """A DataFrame that is there already into a table."""
    from snowflake.connector.pandas_tools import write_pandas

    from airflow_provider_raydp_spcs.runtime import write_table

    def with_pandas() -> None:
        write_pandas(snowflake, frame.toPandas(), "TARGET", use_logical_type=True)

    cursor = snowflake.cursor()
    cursor.execute("CREATE OR REPLACE TABLE TARGET LIKE SOURCE")
    took = measured({"ours": lambda: write_table(frame, "TARGET"), "stock": with_pandas}, ROUNDS)
    figures.record("tables-write", "toPandas and write_pandas", took["ours"], took["stock"], "s", size)
    (count,) = cursor.execute("SELECT COUNT(*) FROM TARGET").fetchone()
    if count != size * 2 * (ROUNDS + 1):
        raise SystemExit(f"{count:,} rows arrived of {size * 2 * (ROUNDS + 1):,}")


def main() -> int:
    from airflow_provider_raydp_spcs.runtime import read_table

    with everything() as (spark, snowflake, parameters):
        for size in ROWS:
            snowflake.cursor().execute(
                f"CREATE OR REPLACE TABLE SOURCE AS {TABLE} FROM TABLE(GENERATOR(ROWCOUNT => {size}))"
            )
            reading(spark, parameters, size)
            frame = read_table(spark, "SOURCE").cache()
            frame.count()
            writing(frame, snowflake, size)
            frame.unpersist()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
