"""Makes ``node/spark_classes.txt.xz`` anew: which classes Spark's JVMs load, told by them in a job that does a little of all.

Run by ``python -m tests.benchmarks.class_list`` (3 minutes), after another release of Spark, Ray or RayDP.
"""

from __future__ import annotations

import lzma
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from airflow_provider_raydp_spcs.node.class_data import CLASSES
from airflow_provider_raydp_spcs.runtime.jvms import VARIABLE
from tests.benchmarks.cold_session import node

LAMBDA = "@lambda-"
JOB = """
import sys
from pathlib import Path
from airflow_provider_raydp_spcs.runtime import spark_session
folder = sys.argv[1]
tell = f"-XX:DumpLoadedClassList={folder}/%p.classes"
kinds = ("spark.driver", "spark.executor", "spark.ray.raydp_app_master")
configs = {f"{kind}.extraJavaOptions": tell for kind in kinds}
with spark_session("classes", executors=2, executor_cores=1, executor_memory_mib=600, configs=configs) as spark:
    import raydp.spark
    import ray.data
    left = spark.range(1000).selectExpr("id", "id % 7 as kind", "cast(id as decimal(38, 2)) as amount", "current_timestamp() as at")
    left.write.mode("overwrite").parquet(f"{folder}/left")
    read = spark.read.parquet(f"{folder}/left")
    read.createOrReplaceTempView("left_side")
    joined = spark.sql("select a.kind, sum(b.amount), max(a.at) from left_side a join left_side b on a.id = b.id group by a.kind order by 1")
    joined.show()
    read.join(read.hint("merge"), "id").count()
    spark.createDataFrame([(1, "a"), (2, None)], ["n", "t"]).toPandas()
    spark.sparkContext.parallelize(range(10), 2).map(lambda n: (n % 2, n)).reduceByKey(max).collect()
    read.toPandas()
    dataset = raydp.spark.from_spark_recoverable(read.select("id"))
    dataset.to_spark(spark).count()
"""


def main() -> int:
    """Run the job on a node of its own and write down what its JVMs told."""
    with tempfile.TemporaryDirectory(prefix="cl-") as folder, node(Path(folder)) as (_, environment):
        told = Path(folder) / "told"
        told.mkdir()
        # Without an archive, for classes that come out of one are not told.
        none = {**environment, VARIABLE: str(told / "none")}
        subprocess.run([sys.executable, "-c", JOB, str(told)], env=none, check=True)
        lists = [path.read_text().splitlines() for path in sorted(told.glob("*.classes"))]
    names = list(merged(lists))
    CLASSES.write_bytes(lzma.compress("\n".join([*names, ""]).encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(names)} lines of {len(lists)} JVMs, {CLASSES.stat().st_size} bytes")
    return 0


def merged(lists: Iterable[Iterable[str]]) -> Iterator[str]:
    """Each line once: names in the order in which they are loaded, then lambdas, which need all names before them.

    Comments, and classes of loaders of their own, which no archive can hold under their name alone, are left out.
    """
    seen = dict.fromkeys(line for lines in lists for line in lines if not line.startswith("#"))
    yield from (line for line in seen if " " not in line and not line.startswith("@"))
    yield from (line for line in seen if line.startswith(LAMBDA))


if __name__ == "__main__":
    sys.exit(main())
