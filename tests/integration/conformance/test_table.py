"""Every row of the conformance table, over the wire, with the unmodified connector.

The table is in ``tables/``: what the real Snowflake answers, as the SPCS reference has it. A row is a statement, or several
of which the last is judged, and says

- ``part``: where in the reference the expectation stands;
- ``columns``: name and type of each, in order; a name without a type is a text;
- ``row`` or ``only``: some fields of the one row, or of all of them; ``among``: of some of them, in any order; ``rows``: every
  field of every row;
- ``status``: the one text that DDL answers; ``error``: number, SQLSTATE and message;
- ``role``: who runs it, by default RAYDP_SIS_ROLE; ``with``: values for ``?``; ``until``: it may take a while;
- ``why``: what is behind it, where that is not plain.

A text in slashes is a regular expression. The rows of a file are run in order, for they build on each other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import Error

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from tests.integration.conformance.rows import Answer, Row, all_rows, differences, type_name
from tests.integration.plain import plain_snowflake

TABLES = list(all_rows())
SECONDS = 60
"""How long a row marked ``until`` may take; machines that run tests are busy."""


class Sessions:
    """A session for each role; each row is run once, and those before it in its file before it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._open: dict[str, SnowflakeConnection] = {}
        self._answers: dict[tuple[str, int], Answer] = {}

    def answer(self, row: Row) -> Answer:
        """What the row's last statement answered."""
        for each in next(table for table in TABLES if table[0].table == row.table)[: row.number]:
            if (each.table, each.number) not in self._answers:
                self._answers[each.table, each.number] = self._run(each)
        return self._answers[row.table, row.number]

    def _run(self, row: Row) -> Answer:
        *before, last = row.statements
        for statement in before:
            prepared = self._execute(row.role, statement, None)
            if prepared.error is not None:
                return Answer(error=(prepared.error[0], prepared.error[1], f"{statement}: {prepared.error[2]}"))
        deadline = time.monotonic() + SECONDS
        while True:
            answer = self._execute(row.role, last, row.body.get("with"))
            if not row.waits or not differences(row, answer) or time.monotonic() > deadline:
                return answer
            time.sleep(0.1)

    def _execute(self, role: str, statement: str, values: list[Any] | None) -> Answer:
        if role not in self._open:
            self._open[role] = connect(self._environment, role=role, paramstyle="qmark")
        with self._open[role].cursor() as cursor:
            try:
                cursor.execute(statement, values)
                columns = [(column.name, type_name(column.type_code)) for column in cursor.description or ()]
                return Answer(columns, [list(each) for each in cursor.fetchall()])  # type: ignore[arg-type]
            except Error as error:
                return Answer(error=(int(error.errno or 0), str(error.sqlstate), str(error.raw_msg)))

    def close(self) -> None:
        """End every session."""
        for connection in self._open.values():
            connection.close()


@pytest.fixture(scope="module")
def sessions() -> Iterator[Sessions]:
    with plain_snowflake() as environment:
        found = Sessions(environment)
        yield found
        found.close()


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for table in TABLES for row in table])
def test_row(sessions: Sessions, row: Row) -> None:
    found = differences(row, sessions.answer(row))
    assert not found, "\n".join([f"{row.name} (reference {row.body['part']})", *found])


def test_the_table_is_large_and_cites_the_reference() -> None:
    rows = [row for table in TABLES for row in table]
    assert len(rows) >= 200
    assert {str(row.body["part"]).split(".")[0] for row in rows} >= {"1", "2", "3", "5", "6", "7"}


@pytest.mark.parametrize(
    ("body", "answer", "expected"),
    [
        ({"status": "done"}, Answer([("status", "TEXT")], [["done"]]), 0),
        ({"status": "done"}, Answer([("STATUS", "TEXT")], [["else"]]), 2),
        ({"columns": "a b:number"}, Answer([("b", "FIXED"), ("a", "TEXT")]), 2),
        ({"columns": "a"}, Answer([("a", "TEXT"), ("b", "TEXT")]), 1),
        ({"row": {"a": "/x.*/"}}, Answer([("a", "TEXT")], [["xyz"]]), 0),
        ({"row": {"a": "/x.*/"}}, Answer([("a", "TEXT")], [[None]]), 1),
        ({"row": {"z": None}}, Answer([("a", "TEXT")], [["xyz"]]), 1),
        ({"only": []}, Answer([("a", "TEXT")], [["xyz"]]), 1),
        ({"among": [{"a": "y"}]}, Answer([("a", "TEXT")], [["x"], ["y"]]), 0),
        ({"among": [{"a": "z"}]}, Answer([("a", "TEXT")], [["x"], ["y"]]), 1),
        ({"columns": "a:moment"}, Answer([("a", "TIMESTAMP_TZ")]), 0),
        ({"columns": "a:moment"}, Answer([("a", "TEXT")]), 1),
        ({"rows": [[1, None]]}, Answer([("a", "FIXED"), ("b", "TEXT")], [[1, ""]]), 1),
        ({"error": [2003, "02000", "/.*gone.*/"]}, Answer(error=(2003, "02000", "it is gone")), 0),
        ({"error": [2003, "02000", "gone"]}, Answer(error=(2002, "42S02", "it is gone")), 3),
        ({"error": [2003, "02000", "gone"]}, Answer([("status", "TEXT")], [["done"]]), 1),
        ({"rows": []}, Answer(error=(2003, "02000", "gone")), 1),
    ],
)
def test_what_differs_is_told(body: dict[str, Any], answer: Answer, expected: int) -> None:
    assert len(differences(Row("none", 1, {"part": "0", "run": "SELECT 1", **body}), answer)) == expected
