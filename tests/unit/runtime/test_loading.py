"""What a write sends, and what it does when something fails; the session is a stand-in that writes down what it gets."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.runtime.loading import Load, Target
from airflow_provider_raydp_spcs.runtime.staging import Staged
from airflow_provider_raydp_spcs.spcs.errors import InvalidIdentifierError, LockConflictError
from airflow_provider_raydp_spcs.spcs.session import Row

COLUMNS = [
    {"name": "A", "type": "NUMBER(9,0)", "kind": "COLUMN", "null?": "Y", "default": None},
    {"name": "v w", "type": "VARIANT", "kind": "COLUMN", "null?": "Y", "default": None},
    {"name": "T", "type": "VARCHAR(3)", "kind": "COLUMN", "null?": "Y", "default": None},
]
DATA = {"a": "int", "v w": "string", "T": "string"}
COPY = (
    'COPY INTO {} ("A", "v w", "T") FROM (SELECT $1:"a"::NUMBER(9,0), PARSE_JSON($1:"v w"::VARCHAR), $1:"T"::VARCHAR '
    "FROM '@S') FILES = ('x.parquet', 'y.parquet') FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE "
    "BINARY_AS_TEXT = FALSE) FORCE = TRUE"
)
BEGIN = ["ALTER SESSION SET LOCK_TIMEOUT = 30", "BEGIN TRANSACTION"]


class Recorder:
    """Stands for a session.

    :param answers: rows by the first words of a statement.
    :param fails: words of the statement that fails, and with what; once.
    """

    def __init__(
        self, answers: Mapping[str, Sequence[Row]] | None = None, fails: str = "-", error: Exception | None = None
    ) -> None:
        self.statements: list[Any] = []
        self._answers: dict[str, Sequence[Row]] = {
            "DESCRIBE": COLUMNS,
            "COPY": [{"rows_loaded": "2"}, {"rows_loaded": 3}],
        }
        self._answers |= answers or {}
        self._fails, self._error = fails, error or RuntimeError(f"{fails} fails")

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
        text = re.sub("RAYDP_LOAD_[0-9A-F]{32}", "LOADED", sql)
        self.statements.append((text, tuple(params)) if params else text)
        if self._fails in sql:
            self._fails = "-"
            raise self._error
        return next((list(rows) for words, rows in self._answers.items() if sql.startswith(words)), [])


def loading(session: Recorder, target: Target, rows: int = 5) -> list[Any]:
    load = Load(session, target)
    load.fit(DATA)
    session.statements.clear()
    assert load.run(Staged(["x.parquet", "y.parquet"], rows, 100), "@S") == rows
    return session.statements


@pytest.mark.parametrize(
    ("target", "delete"),
    [
        (Target("db.t"), []),
        (Target("db.t", "overwrite"), ["DELETE FROM DB.T"]),
        (Target("db.t", "replace_where", "A = %s", [1]), [("DELETE FROM DB.T WHERE A = %s", (1,))]),
    ],
)
def test_room_is_made_and_files_are_copied_in_one_transaction(target: Target, delete: list[Any]) -> None:
    assert loading(Recorder(), target) == [*BEGIN, *delete, COPY.format("DB.T"), "COMMIT"]


LIKE = 'CREATE TEMPORARY TABLE LOADED AS SELECT "A", "v w", "T" FROM DB.T WHERE FALSE'


def test_partitions_are_known_before_the_transaction() -> None:
    session = Recorder()
    assert loading(session, Target("db.t", "overwrite_partition", partition_by=["a", "V W"])) == [
        LIKE,
        COPY.format("LOADED"),
        *BEGIN,
        (
            'DELETE FROM DB.T USING (SELECT DISTINCT "A" AS RAYDP_PART_0, "v w" AS RAYDP_PART_1 FROM LOADED) AS PARTS '
            'WHERE "A" IS NOT DISTINCT FROM RAYDP_PART_0 AND "v w" IS NOT DISTINCT FROM RAYDP_PART_1'
        ),
        'INSERT INTO DB.T ("A", "v w", "T") SELECT "A", "v w", "T" FROM LOADED',
        "COMMIT",
        "DROP TABLE IF EXISTS LOADED",
    ]


DOUBLES = 'SELECT COUNT(*) AS DOUBLES FROM (SELECT "A" FROM LOADED GROUP BY "A" HAVING COUNT(*) > 1)'


def test_rows_are_merged_once_their_keys_are_known_to_differ() -> None:
    session = Recorder({"SELECT COUNT": [{"doubles": 0}]})
    assert loading(session, Target("db.t", "merge", keys=["a"])) == [
        LIKE,
        COPY.format("LOADED"),
        DOUBLES,
        *BEGIN,
        (
            'MERGE INTO DB.T USING (SELECT "A" AS RAYDP_NEW_0, "v w" AS RAYDP_NEW_1, "T" AS RAYDP_NEW_2 FROM LOADED) AS S '
            'ON "A" IS NOT DISTINCT FROM S.RAYDP_NEW_0 WHEN MATCHED THEN UPDATE SET "v w" = S.RAYDP_NEW_1, "T" = S.RAYDP_NEW_2 '
            'WHEN NOT MATCHED THEN INSERT ("A", "v w", "T") VALUES (S.RAYDP_NEW_0, S.RAYDP_NEW_1, S.RAYDP_NEW_2)'
        ),
        "COMMIT",
        "DROP TABLE IF EXISTS LOADED",
    ]
    session = Recorder({"SELECT COUNT": [{"doubles": 7}]})
    with pytest.raises(TableError, match=r"7 keys \(A\) are in more than one row"):
        loading(session, Target("db.t", "merge", keys=["a"]))
    assert session.statements[-2:] == [DOUBLES, "DROP TABLE IF EXISTS LOADED"]


@pytest.mark.parametrize(
    ("target", "statements"),
    [
        (Target("db.t", "overwrite"), [*BEGIN, "DELETE FROM DB.T", "COMMIT"]),
        (Target("db.t", "overwrite_partition", partition_by=["A"]), [*BEGIN, "COMMIT"]),
        (Target("db.t", "merge", keys=["A"]), [*BEGIN, "COMMIT"]),
    ],
)
def test_without_rows_there_is_nothing_to_copy(target: Target, statements: list[str]) -> None:
    assert loading(Recorder(), target, 0) == statements


@pytest.mark.parametrize("answer", [[{"rows_loaded": 2}], [{"status": "Copy executed with 0 files processed."}]])
def test_rows_that_did_not_arrive_undo_everything(answer: list[Row]) -> None:
    session = Recorder({"COPY": answer})
    with pytest.raises(TableError, match=r"5 rows were staged for DB\.T and [02] loaded; nothing was written"):
        loading(session, Target("db.t", "overwrite"))
    assert session.statements[-1] == "ROLLBACK"
    assert "COMMIT" not in session.statements


@pytest.mark.parametrize("word", ["DELETE", "COPY", "COMMIT"])
def test_a_failing_statement_undoes_everything(word: str) -> None:
    session = Recorder(fails=word)
    with pytest.raises(RuntimeError, match=word):
        loading(session, Target("db.t", "overwrite"))
    assert session.statements[-1] == "ROLLBACK"


def test_what_waits_for_a_lock_is_done_again_from_the_start() -> None:
    session = Recorder(fails="COPY", error=LockConflictError("locked", 627))
    statements = loading(session, Target("db.t", "overwrite"))
    whole = ["BEGIN TRANSACTION", "DELETE FROM DB.T", COPY.format("DB.T")]
    assert statements == [BEGIN[0], *whole, "ROLLBACK", *whole, "COMMIT"]


def kinds(statements: list[Any]) -> list[str]:
    return [(text[0] if isinstance(text, tuple) else text).split(" ")[0] for text in statements]


def test_a_run_that_has_written_is_not_written_again() -> None:
    notes = Recorder({"SELECT MAX": [{"written": 5}]})
    statements = loading(notes, Target("db.t", run="day 1"))
    assert kinds(statements) == ["ALTER", "BEGIN", "SELECT", "COMMIT"]
    assert statements[2][1] == ("DB.T", "day 1")
    assert Load(notes, Target("db.t", run="day 1")).written_before() == 5


def test_a_run_that_has_written_meanwhile_is_taken_back() -> None:
    class Meanwhile(Recorder):
        def execute(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
            found = super().execute(sql, params)
            is_through = "UPDATE" in kinds(self.statements)
            return [{"written": 5 if is_through else None}] if sql.startswith("SELECT MAX") else found

    statements = loading(Meanwhile(), Target("db.t", run="day 1"))
    assert kinds(statements) == ["ALTER", "BEGIN", "SELECT", "COPY", "UPDATE", "SELECT", "ROLLBACK"]


def test_a_run_is_noted_in_the_transaction_of_its_rows_and_nobody_waits_for_these() -> None:
    statements = loading(Recorder({"SELECT MAX": [{"written": None}]}), Target("db.t", run="day 1"))
    assert kinds(statements) == ["ALTER", "BEGIN", "SELECT", "COPY", "UPDATE", "SELECT", "INSERT", "COMMIT"]
    assert statements[-2][1] == ("DB.T", "day 1", 5)


def test_more_files_than_one_copy_may_name() -> None:
    files = [f"{number}.parquet" for number in range(2001)]
    session = Recorder({"COPY": [{"rows_loaded": 1}]})
    load = Load(session, Target("T"))
    load.fit(DATA)
    load.run(Staged(files, 3, 100), "@S")
    named = [re.findall(r"'(\d+\.parquet)'", text) for text in session.statements if text.startswith("COPY")]
    assert [len(each) for each in named] == [1000, 1000, 1]
    assert [file for each in named for file in each] == files


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"mode": "replace"}, "allowed are append, overwrite, replace_where"),
        ({"mode": "append", "where": "A = 1"}, "do not fit"),
        ({"mode": "merge"}, r"keys=\(\) do not fit"),
        ({"keys": ["A"]}, "mode='merge'"),
        ({"mode": "overwrite_partition", "partition_by": "A"}, r"give a list of columns: partition_by=\['A'\]"),
        ({"run": ""}, "1 to 1000 characters"),
        ({"run": "#gate"}, "no '#'"),
        ({"run": dt.date(2026, 1, 2)}, r"run is datetime\.date\(2026, 1, 2\); allowed are texts"),
    ],
)
def test_what_does_not_fit_is_told(given: dict[str, Any], part: str) -> None:
    with pytest.raises(TableError, match=part):
        Target("T", **given)


def test_a_table_is_named_or_quoted() -> None:
    assert Target('db."s.""x".T').name == 'DB."s.""x".T'
    with pytest.raises(InvalidIdentifierError):
        Target("T; DROP TABLE T")
