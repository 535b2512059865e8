"""Rows between Ray and Spark in the whole cluster: the fast ways against RayDP's own, and what becomes of the objects."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.system.whole.conftest import WholeCluster
from tests.unit.runtime.exchange_tables import NESTED, PLAIN, WIDER, tables

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
CASES = int(os.environ.get("RAYDP_EXCHANGE_CASES", "5"))
# RayDP's way goes through pandas, which makes floats of whole numbers beside NULLs: beyond these it loses digits.
EXACT_IN_PANDAS = {pa.int64(): st.integers(-(2**53), 2**53)}

JOB = '''
import gc, json, os, time
from pathlib import Path
import pyarrow as pa, ray, raydp
from airflow_provider_raydp_spcs.runtime import exchange, exchange_few, held, spark_session, to_ray, to_spark
from airflow_provider_raydp_spcs.runtime.errors import ExchangeError
from airflow_provider_raydp_spcs.runtime.exchange_types import conformed

def rows(frame):
    """As Spark has them: what collect makes of a timestamp depends on this process' zone."""
    texts = frame.selectExpr(*(f"CAST(`{c}` AS STRING) AS `{c}`" if c in TEXTS else f"`{c}`" for c in frame.columns))
    return sorted(map(str, texts.collect()))

folder = Path(os.environ["RAYDP_ARTIFACTS_DIR"]) / "tests" / "exchange"
ray.init(address="auto", log_to_driver=False)
ray.data.DataContext.get_current().enable_progress_bars = False
found = {"differ": [], "back": [], "few": [], "stock": 0, "ours": 0}
made_of = [pa.table({"N": range(200_000), "T": ["x" * 20] * 200_000}) for _ in range(4)]
large = ray.data.from_blocks(made_of)
little = {"spark.driver.maxResultSize": "8m"}
with spark_session(executors=2, executor_cores=1, executor_memory_mib=600, configs=little) as spark:
    for file in sorted(folder.glob("*.arrow")):
        table = pa.ipc.open_file(file).read_all()
        ours = to_spark(spark, table)
        # RayDP takes a timestamp without a zone for an instant; the session's zone is UTC, so both read the same.
        TEXTS = [f.name for f in ours.schema if "timestamp" in f.dataType.typeName()]
        came = rows(ours)
        found["ours"] += 1
        if file.name.startswith("plain") and table.num_rows:
            stock = ray.data.from_blocks([table]).to_spark(spark)
            found["stock"] += 1
            if (theirs := rows(stock)) != came:
                found["differ"].append([file.name, str(table.schema), came[:3], theirs[:3]])
        back = pa.concat_tables([ray.get(ref) for b in to_ray(ours).iter_internal_ref_bundles() for ref in b.block_refs])
        if sorted(map(str, back.to_pylist())) != sorted(map(str, conformed(table, back.schema).to_pylist())):
            found["back"].append([file.name, back.to_pylist()[:3], table.to_pylist()[:3]])
        few = exchange_few.collected(ours)
        if few.schema != back.schema or few.to_pylist() != back.to_pylist():
            found["few"].append([file.name, few.to_pylist()[:3], back.to_pylist()[:3]])

    # Spark cannot know that one row makes so many: more than the driver may take.
    found["underestimated"] = to_ray(spark.range(1).selectExpr("explode(sequence(id, id + 1999999)) AS N")).count()

    # Everything through tasks, as for millions of rows; all of the workers' CPUs may be Spark's.
    exchange.SMALL_BYTES = exchange.SURELY_SMALL_BYTES = 0
    many = to_spark(spark, large)
    summed = many.selectExpr("count(*) n", "sum(N) s", "count(distinct T) d")
    del large, made_of; gc.collect()
    found["large"] = [list(summed.collect()[0]) for _ in range(2)]
    twice = spark.range(800_000).selectExpr("id * 2 AS M")
    doubled, other = to_ray(twice), to_ray(many)
    found["blocks"] = doubled.num_blocks() == twice.rdd.getNumPartitions()
    cached = spark.sparkContext._jsc.getPersistentRDDs
    found["cached"] = [other.count(), len(cached())]
    del other; gc.collect(); held.let_go()
    found["cached"].append(len(cached()))
    try:
        to_spark(spark, [ray.put(pa.table({"ok": [1]})), ray.put(pa.table({"fine": pa.array([1], pa.time64("us"))}))])
    except ExchangeError as error:
        found["refused"] = str(error)
    fine, whole = (pa.table({"moment": pa.array([number] * 100, pa.timestamp("ns"))}) for number in (1001, 1000))
    try:
        to_spark(spark, [ray.put(whole), ray.put(fine)])
    except ExchangeError as error:
        found["refused value"] = str(error)
    found["whole"] = to_spark(spark, [ray.put(whole)] * 3).where("moment = timestamp_micros(1)").count()
    exchange.SMALL_BYTES, exchange.SURELY_SMALL_BYTES = 64 * 2**20, 8 * 2**20
    try:
        to_ray(spark.sql("SELECT make_interval(1) AS I"))
    except ExchangeError as error:
        found["refused back"] = str(error)
    nothing = to_ray(spark.sql("SELECT 1 AS A WHERE false"))
    found["empty"] = [nothing.count(), nothing.schema().names, to_spark(spark, nothing).columns]
    found["no columns"] = to_spark(spark, pa.table({"A": [1, 2, 3]}).select([])).count()
    del many, summed; gc.collect()
    small = to_spark(spark, pa.table({"A": [1]}))
    held.COLLECT_BYTES = 0
    deadline = time.monotonic() + 60
    while held.let_go() > 1000 and time.monotonic() < deadline:
        time.sleep(0.2)
    found["held"] = held.let_go()
    found["still there"] = small.count()
found["after the session"] = [doubled.count(), doubled.sum("M")]
found["held after"] = held.let_go()
print(json.dumps(found))
'''


def drawn(strategy: st.SearchStrategy[pa.Table], count: int) -> list[pa.Table]:
    """The same tables each time."""
    found: list[pa.Table] = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def keep(table: pa.Table) -> None:
        found.append(table)

    keep()
    return found


@pytest.fixture(scope="module")
def came(whole_cluster: WholeCluster) -> dict[str, Any]:
    cases = {
        "plain": drawn(tables(PLAIN | EXACT_IN_PANDAS), CASES),
        "wide": drawn(tables(PLAIN | WIDER | NESTED), CASES),
    }
    with tempfile.TemporaryDirectory() as folder:
        for kind, each in cases.items():
            for number, table in enumerate(each):
                file = Path(folder) / f"{kind}-{number:03}.arrow"
                with pa.ipc.new_file(file, table.schema) as writer:
                    writer.write_table(table)
                whole_cluster.client.stages.put(file, "@RAYDP_ARTIFACTS/tests/exchange")
    return whole_cluster.run(JOB, "exchange")


def test_the_fast_ways_give_what_raydp_gives(came: dict[str, Any]) -> None:
    assert came["differ"] == []
    assert came["back"] == []
    assert came["few"] == []
    assert came["ours"] == 2 * CASES
    assert came["stock"] >= CASES // 2


def test_large_data_by_tasks_outlives_what_it_was_made_of_and_the_session(came: dict[str, Any]) -> None:
    total = 4 * sum(range(200_000))
    assert came["large"] == [[800_000, total, 1]] * 2
    assert came["underestimated"] == 2_000_000
    assert came["blocks"]
    assert came["after the session"] == [800_000, 2 * sum(range(800_000))]


def test_what_cannot_go_is_named(came: dict[str, Any]) -> None:
    assert "column fine has the type time64[us]" in came["refused"]
    assert "column moment has the type timestamp[ns] and cannot become timestamp[us] unchanged" in came["refused value"]
    assert came["whole"] == 300
    assert "column I has Spark's type interval" in came["refused back"]


def test_empty_tables_keep_their_columns(came: dict[str, Any]) -> None:
    assert came["empty"] == [0, ["A"], ["A"]]
    assert came["no columns"] == 3


def test_objects_are_let_go_when_spark_cannot_read_them_any_more(came: dict[str, Any]) -> None:
    assert 0 < came["held"] <= 1000
    assert came["still there"] == 1
    assert came["held after"] == 0


def test_spark_forgets_the_rows_of_a_dataset_that_is_gone(came: dict[str, Any]) -> None:
    assert came["cached"] == [800_000, 2, 1]
