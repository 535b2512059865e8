"""Unmodified Snowpark: data frames in and out, files, and its end (SPCS reference 9.3)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.integration.tables.conftest import Sql

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
NAMES = ("host", "port", "account", "user", "password", "role", "database", "schema", "warehouse")


@pytest.fixture
def session(environment: dict[str, str]) -> Iterator[Any]:
    from snowflake.snowpark import Session

    made = Session.builder.configs({name: environment[f"SNOWFLAKE_{name.upper()}"] for name in NAMES}).create()
    yield made
    made.close()


def test_data_frames_of_lists_and_pandas(session: Any) -> None:
    few = session.create_dataframe([[1, "a"], [2, None]], schema=["a", "b"])
    assert [tuple(row) for row in few.collect()] == [(1, "a"), (2, None)]
    many = session.create_dataframe([(number, str(number)) for number in range(2000)], schema=["a", "b"])
    assert (many.count(), many.filter("a >= 1998").sort("a").collect()[-1]["B"]) == (2000, "1999")
    frame = pd.DataFrame({"x": [1, 2], "y": ["p", "q"]})
    assert [tuple(row) for row in session.create_dataframe(frame).sort('"x"').collect()] == [(1, "p"), (2, "q")]


def test_tables_are_saved_read_and_changed(session: Any) -> None:
    from snowflake.snowpark.functions import col
    from snowflake.snowpark.functions import sum as total

    frame = session.create_dataframe([(1, "p"), (2, "q")], schema=["x", "y"])
    frame.write.save_as_table("SP", mode="overwrite")
    frame.write.save_as_table("SP", mode="append")
    table = session.table("SP")
    assert sorted(table.group_by("Y").agg(total("X")).collect()) == [("p", 2), ("q", 4)]
    table.update({"X": 9}, table["Y"] == "p")
    assert table.select(total(col("X"))).collect()[0][0] == 22
    table.delete(table["Y"] == "p")
    assert table.cache_result().count() == 2
    assert session.sql("SELECT 5 AS A").collect_nowait().result()[0]["A"] == 5
    written = session.write_pandas(pd.DataFrame({"A": [1, 2]}), "SPW", auto_create_table=True, overwrite=True)
    assert written.count() == 2


def test_files_go_up_and_down(session: Any, sql: Sql, stage: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("content\n")
    assert session.file.put(str(tmp_path / "*.txt"), f"{stage}/sp", auto_compress=False)[0].status == "UPLOADED"
    assert session.file.put_stream(io.BytesIO(b"hello"), f"{stage}/sp/h.csv", auto_compress=False).status == "UPLOADED"
    assert session.file.get_stream(f"{stage}/sp/h.csv").read() == b"hello"
    assert session.file.get(f"{stage}/sp/a.txt", str(tmp_path / "down"))[0].status == "DOWNLOADED"
    assert (tmp_path / "down" / "a.txt").read_text() == "content\n"
    assert sorted(row[0] for row in sql(f"LIST {stage}")) == ["st/sp/a.txt", "st/sp/h.csv"]


def test_stages_are_written_and_read_as_data_frames(session: Any, stage: str) -> None:
    frame = session.create_dataframe([(1, "p"), (2, "q")], schema=["x", "y"])
    frame.write.copy_into_location(f"{stage}/pq/", file_format_type="parquet", header=True, overwrite=True)
    assert sorted(tuple(row) for row in session.read.parquet(f"{stage}/pq/").collect()) == [(1, "p"), (2, "q")]
