"""Columns that have a length, by DuckDB's checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.tables.engine import Engine
from airflow_provider_raydp_spcs.local.tables.lengths import lengths_of
from airflow_provider_raydp_spcs.local.tables.session import TableSession

Run = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[TableSession]:
    engine = Engine(tmp_path)
    engine.open_session("t", None, None)
    made = engine.session("t")
    made.execute("CREATE DATABASE D")
    yield made
    engine.close_session(["t"])


@pytest.fixture
def run(session: TableSession) -> Run:
    return lambda sql: session.execute(sql).table.to_pylist()


@pytest.mark.parametrize(
    ("kind", "length"),
    [("VARCHAR(3)", 3), ("STRING(3)", 3), ("TEXT(3)", 3), ("CHAR(3)", 3), ("CHAR", 1), ("NVARCHAR(2)", 2)],
)
def test_every_kind_of_text_has_its_length(session: TableSession, run: Run, kind: str, length: int) -> None:
    run(f'CREATE TABLE T (N INT, "a b" {kind}, U TEXT)')
    assert lengths_of(session.duck, ("D", "PUBLIC", "T")) == {"a b": length}
    run(f"INSERT INTO T VALUES (1, '{'é' * length}', 'what is long enough is not cut')")
    with pytest.raises(SnowflakeFault, match="is too long and would be truncated") as caught:
        run(f"INSERT INTO T VALUES (1, '{'é' * (length + 1)}', '')")
    assert (caught.value.number, caught.value.sqlstate) == (100078, "22000")


@pytest.mark.parametrize("kind", ["TEXT", "VARCHAR", "STRING", "VARCHAR(16777216)"])
def test_others_have_none(session: TableSession, run: Run, kind: str) -> None:
    run(f"CREATE TABLE T (S {kind})")
    assert lengths_of(session.duck, ("D", "PUBLIC", "T")) == {}


def test_a_length_is_changed_and_everything_else_stays(session: TableSession, run: Run) -> None:
    run("CREATE TABLE T (N INT NOT NULL DEFAULT 7, S VARCHAR(2), R VARCHAR(1))")
    run("INSERT INTO T (S, R) VALUES ('ab', 'x')")
    run("ALTER TABLE T ALTER COLUMN S SET DATA TYPE VARCHAR(4)")
    run("INSERT INTO T (S, R) VALUES ('abcd', 'y')")
    assert lengths_of(session.duck, ("D", "PUBLIC", "T")) == {"S": 4, "R": 1}
    assert run("SELECT * FROM T ORDER BY S") == [{"N": 7, "S": "ab", "R": "x"}, {"N": 7, "S": "abcd", "R": "y"}]
    with pytest.raises(SnowflakeFault, match="'abcde' is too long"):
        run("UPDATE T SET S = 'abcde'")
    with pytest.raises(SnowflakeFault, match="non-nullable column"):
        run("INSERT INTO T (N) VALUES (NULL)")


def test_a_length_that_values_exceed_is_refused_and_nothing_is_lost(session: TableSession, run: Run) -> None:
    run("CREATE TABLE T (S VARCHAR(4))")
    run("INSERT INTO T VALUES ('abcd')")
    with pytest.raises(SnowflakeFault, match="'abcd' is too long"):
        run("ALTER TABLE T ALTER COLUMN S SET DATA TYPE VARCHAR(2)")
    assert run("SELECT * FROM T") == [{"S": "abcd"}]
    assert lengths_of(session.duck, ("D", "PUBLIC", "T")) == {"S": 4}


def test_temporary_tables_have_lengths_too(run: Run) -> None:
    run("CREATE TEMPORARY TABLE T (S VARCHAR(1))")
    with pytest.raises(SnowflakeFault, match="'ab' is too long"):
        run("INSERT INTO T VALUES ('ab')")
