"""What the sessions of one engine for tables share, and what they do not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.local.tables.engine import Engine
from airflow_provider_raydp_spcs.local.tables.session import TableSession

SESSIONS, ROUNDS = 8, 25
COMMENTS = "SELECT comment FROM _fs_global._fs_information_schema._fs_tables_ext"


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[list[TableSession]]:
    engine = Engine(tmp_path)
    tokens = [f"token {number}" for number in range(SESSIONS)]
    engine.open_session(tokens[0], None, None)
    engine.session(tokens[0]).execute("CREATE DATABASE D")
    for token in tokens[1:]:
        engine.open_session(token, "D", "PUBLIC")
    yield [engine.session(token) for token in tokens]
    for token in tokens:
        engine.close_session([token])


def at_once(sessions: list[TableSession], statement: Callable[[int], str]) -> None:
    """Run the statement of each round in all sessions at the same moment."""
    start = threading.Barrier(len(sessions), timeout=20)

    def work(session: TableSession) -> None:
        for each in range(ROUNDS):
            start.wait()
            session.execute(statement(each))

    with ThreadPoolExecutor(len(sessions)) as threads:
        list(threads.map(work, sessions))


def test_temporary_tables_of_one_name_are_made_at_once(sessions: list[TableSession]) -> None:
    at_once(sessions, lambda _: "CREATE OR REPLACE TEMPORARY TABLE MINE (V INT, T VARCHAR(10)) COMMENT = 'mine'")
    assert sessions[0].duck.execute(COMMENTS).fetchall() == []


def test_comments_given_at_once_take_turns(sessions: list[TableSession]) -> None:
    for each in range(ROUNDS):
        sessions[0].execute(f"CREATE TABLE T{each} (V INT)")
    at_once(sessions, lambda each: f"COMMENT ON TABLE T{each} IS 'ours'")
    assert sessions[0].duck.execute(COMMENTS).fetchall() == [("ours",)] * ROUNDS


def test_a_table_without_a_comment_has_none(sessions: list[TableSession]) -> None:
    sessions[0].execute("CREATE TRANSIENT TABLE T (V INT)")
    assert sessions[0].duck.execute(COMMENTS).fetchall() == []
