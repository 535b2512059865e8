"""Snowflake tables in and out of a real Ray, whose tasks connect with a service's own token as they do in a cluster."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_raydp_spcs.local.paths import Paths
from airflow_provider_raydp_spcs.runtime import read_dataset, write_dataset
from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration.containers import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
NAMED = "I NUMBER(9), D NUMBER(10, 2), F FLOAT, T VARCHAR, DAY DATE, MOMENT TIMESTAMP_NTZ, B BOOLEAN"
SCHEMA = pa.schema(
    [
        ("I", pa.int64()),
        ("D", pa.decimal128(10, 2)),
        ("F", pa.float64()),
        ("T", pa.string()),
        ("DAY", pa.date32()),
        ("MOMENT", pa.timestamp("us")),
        ("B", pa.bool_()),
    ]
)
FIRST = (
    1, Decimal("12.34"), 0.1, "it's; $$ 漢", dt.date(2013, 1, 1), dt.datetime.fromisoformat("2013-01-01T12:30:00.000001"), True,
)  # fmt: skip
SECOND = (
    2,
    Decimal("-0.01"),
    -1e300,
    "",
    dt.date(1969, 12, 31),
    dt.datetime.fromisoformat("1600-12-31T23:59:59"),
    False,
)
THIRD = (3, None, None, None, None, None, None)
ROWS = [dict(zip(SCHEMA.names, row, strict=True)) for row in (FIRST, SECOND, THIRD)]


@pytest.fixture(scope="module", autouse=True)
def ray(inside: dict[str, str]) -> Iterator[Any]:
    """A Ray whose driver and tasks have the container's environment."""
    import ray

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="ray-") as folder:
        for name, value in inside.items():
            patch.setenv(name, value)
        ray.init(address="local", num_cpus=2, include_dashboard=False, object_store_memory=2**28, _temp_dir=folder)
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield ray
        ray.shutdown()


@pytest.fixture
def table(session: ConnectorSession) -> str:
    session.execute(f"CREATE OR REPLACE TABLE DATASETS ({NAMED})")
    return "DATASETS"


@pytest.fixture(autouse=True)
def nothing_is_left(session: ConnectorSession, home: Path) -> Iterator[None]:
    yield
    assert session.execute("SHOW STAGES LIKE 'RAYDP_WRITE%'") == []
    assert not list(Paths(home).stages.rglob("*.parquet"))


def of(ray: Any, rows: list[dict[str, Any]], blocks: int = 1) -> Any:
    return ray.data.from_arrow(pa.Table.from_pylist(rows, SCHEMA)).repartition(blocks)


def found(table: str) -> list[dict[str, Any]]:
    return sorted(read_dataset(table).take_all(), key=lambda row: row["I"])


def test_values_come_back_as_they_went(ray: Any, table: str) -> None:
    written = write_dataset(of(ray, ROWS, blocks=3), table)
    assert json.dumps(written) == "3", "a job can hand it over as its result"
    assert found(table) == ROWS
    assert read_dataset(table).schema().base_schema == SCHEMA


def test_columns_conditions_and_empty_results(ray: Any, table: str) -> None:
    write_dataset(of(ray, ROWS), table)
    read = read_dataset(table, columns=["t", "i"], where="DAY = %s", params=["2013-01-01"])
    assert read.take_all() == [{"T": FIRST[3], "I": 1}]
    empty = read_dataset(table, where="I > %s", params=[100])
    assert empty.count() == 0
    assert empty.schema().base_schema == SCHEMA


def test_modes(ray: Any, table: str) -> None:
    for _ in range(2):  # a rerun gives the same rows
        assert write_dataset(of(ray, ROWS, blocks=2), table, mode="overwrite") == 3
        assert found(table) == ROWS
    for _ in range(2):
        write_dataset(of(ray, ROWS[:1]), table, mode="replace_where", where="I = %s", params=[1])
        assert found(table) == ROWS
    write_dataset(of(ray, ROWS[2:]), table)
    assert len(found(table)) == 4
    assert write_dataset(of(ray, ROWS).filter(lambda row: row["I"] > 9), table, mode="overwrite") == 0
    assert found(table) == []


def test_every_block_arrives_once(ray: Any, session: ConnectorSession) -> None:
    session.execute("CREATE OR REPLACE TABLE MANY (ID NUMBER(9), SQUARE FLOAT)")
    numbers = ray.data.range(20_000, override_num_blocks=12)
    squares = numbers.map_batches(lambda batch: {"ID": batch["id"], "SQUARE": batch["id"] ** 2.0})
    assert write_dataset(squares, "MANY") == 20_000
    (row,) = session.execute("SELECT COUNT(*) N, COUNT(DISTINCT ID) D, SUM(SQUARE) S FROM MANY")
    assert (row["n"], row["d"], row["s"]) == (20_000, 20_000, sum(number**2 for number in range(20_000)))
    assert sorted(row["ID"] for row in read_dataset("MANY").iter_rows()) == list(range(20_000))


def test_a_task_that_fails_leaves_the_table_as_it_was(ray: Any, table: str) -> None:
    write_dataset(of(ray, ROWS), table)

    def fail(row: dict[str, Any]) -> dict[str, Any]:
        if row["I"] == 2:
            raise ArithmeticError("on purpose")
        return row

    with pytest.raises(Exception, match="on purpose"):
        write_dataset(of(ray, ROWS, blocks=3).map(fail), table, mode="overwrite")
    assert found(table) == ROWS


def test_a_load_that_fails_leaves_the_table_as_it_was(ray: Any, table: str) -> None:
    write_dataset(of(ray, ROWS), table)
    with pytest.raises(Exception, match="no number"):
        write_dataset(ray.data.from_items([{"I": "1"}, {"I": "no number"}]), table, mode="overwrite")
    assert found(table) == ROWS


def test_a_column_that_the_table_lacks_is_refused(ray: Any, table: str) -> None:
    with pytest.raises(TableError, match='ALTER TABLE DATASETS ADD COLUMN "I; DROP"'):
        write_dataset(ray.data.from_items([{"I; DROP": 1}]), table)


STOPPED = """
import time, ray
from airflow_provider_raydp_spcs.runtime import write_dataset

def slow(batch):
    time.sleep(0 if batch["id"][0] == 0 else 600)
    return {"I": batch["id"]}

ray.init(address="auto")
write_dataset(ray.data.range(2, override_num_blocks=2).map_batches(slow), "DATASETS", mode="overwrite")
"""


def test_a_job_that_is_stopped_leaves_the_table_as_it_was(
    ray: Any, table: str, session: ConnectorSession, home: Path, tmp_path: Path
) -> None:
    """Ray stops a job's driver by SIGTERM, and by SIGKILL three seconds later."""
    write_dataset(of(ray, ROWS), table)
    script = tmp_path / "stopped.py"
    script.write_text(STOPPED)
    environment = {**os.environ, "RAY_ADDRESS": ray.get_runtime_context().gcs_address}
    with subprocess.Popen([sys.executable, str(script)], env=environment) as job:
        try:
            until(lambda: list(Paths(home).stages.rglob("RAYDP_WRITE*/*.parquet")))
            job.terminate()
            assert job.wait(timeout=60) != 0
        finally:
            job.kill()
    assert session.execute("SHOW STAGES LIKE 'RAYDP_WRITE%'") == []
    assert found(table) == ROWS


def test_rays_own_readers_and_writers_of_tables_work_unmodified(
    ray: Any, environment: dict[str, str], session: ConnectorSession
) -> None:
    names = ("host", "port", "account", "user", "password", "role", "database", "schema", "warehouse")
    parameters = {name: environment[f"SNOWFLAKE_{name.upper()}"] for name in names}
    session.execute("CREATE OR REPLACE TABLE RAYT (A INT, B VARCHAR)")
    rows = [{"A": number, "B": f"row {number}"} for number in range(100)]
    ray.data.from_items(rows).write_snowflake("RAYT", parameters)
    assert session.execute("SELECT COUNT(*) AS N, SUM(A) AS S FROM RAYT") == [{"n": 100, "s": 4950}]
    read = ray.data.read_snowflake("SELECT * FROM RAYT WHERE A >= 90", parameters)
    assert sorted(row["A"] for row in read.take_all()) == list(range(90, 100))
