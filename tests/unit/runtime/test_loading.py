"""What a write sends, and what it does when something fails; the session is a stand-in that writes down what it gets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.runtime.loading import Target, load, stage_of_its_own
from airflow_provider_raydp_spcs.spcs.errors import InvalidIdentifierError

LOADED = ("file", "status", "rows_parsed", "rows_loaded")


class Recorder:
    """Stands for a connection and its cursors.

    :param answers: rows of COPY INTO, under these columns.
    :param fails: word of the statement that fails.
    """

    def __init__(self, answers: list[tuple[Any, ...]], columns: tuple[str, ...] = LOADED, fails: str = "-") -> None:
        self.statements: list[Any] = []
        self.description = [SimpleNamespace(name=name) for name in columns]
        self._answers, self._fails = answers, fails

    def cursor(self) -> Recorder:
        return self

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *error: object) -> None: ...

    def execute(self, sql: str, params: tuple[object, ...] | None = None) -> None:
        self.statements.append((sql, params) if params else sql)
        if self._fails in sql:
            raise RuntimeError(f"{self._fails} fails")

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._answers


def loading(session: Recorder, target: Target, rows: int) -> list[Any]:
    load(session, target, "@S", rows)  # type: ignore[arg-type]
    return session.statements


COPY = (
    "COPY INTO DB.T FROM @S FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE) "
    "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
)


@pytest.mark.parametrize(
    ("target", "delete"),
    [
        (Target("db.t"), []),
        (Target("db.t", "overwrite"), ["DELETE FROM DB.T"]),
        (Target("db.t", "replace_where", "A = %s", [1]), [("DELETE FROM DB.T WHERE A = %s", (1,))]),
    ],
)
def test_room_is_made_and_files_are_copied_in_one_transaction(target: Target, delete: list[Any]) -> None:
    files = [("a", "LOADED", 2, "2"), ("b", "LOADED", 3, "3")]
    assert loading(Recorder(files), target, 5) == ["BEGIN", *delete, COPY, "COMMIT"]


def test_without_rows_there_is_nothing_to_copy() -> None:
    assert loading(Recorder([]), Target("db.t", "overwrite"), 0) == ["BEGIN", "DELETE FROM DB.T", "COMMIT"]


@pytest.mark.parametrize(
    "session",
    [
        Recorder([("a", "LOADED", 2, "2"), ("b", "LOAD_SKIPPED", 0, "0")]),
        Recorder([("Copy executed with 0 files processed.",)], columns=("status",)),
    ],
)
def test_rows_that_did_not_arrive_undo_everything(session: Recorder) -> None:
    with pytest.raises(TableError, match=r"5 rows were staged for DB\.T and [02] loaded; nothing was written"):
        loading(session, Target("db.t", "overwrite"), 5)
    assert session.statements[-1] == "ROLLBACK"
    assert "COMMIT" not in session.statements


@pytest.mark.parametrize("word", ["DELETE", "COPY", "COMMIT"])
def test_a_failing_statement_undoes_everything(word: str) -> None:
    session = Recorder([("a", "LOADED", 5, "5")], fails=word)
    with pytest.raises(RuntimeError, match=word):
        loading(session, Target("db.t", "overwrite"), 5)
    assert session.statements[-1] == "ROLLBACK"


@pytest.mark.parametrize(("temporary", "kind"), [(True, "TEMPORARY STAGE"), (False, "STAGE")])
def test_a_stage_is_made_and_dropped_also_after_a_failure(temporary: bool, kind: str) -> None:
    session = Recorder([])
    stages = []
    for error in (None, KeyboardInterrupt):
        try:
            with stage_of_its_own(session, temporary=temporary) as stage:  # type: ignore[arg-type]
                stages.append(stage.removeprefix("@"))
                if error:
                    raise error
        except KeyboardInterrupt:
            pass
    first, second = stages
    assert first != second
    assert [" ".join(sql.split(" ENCRYPTION")[0].split()) for sql in session.statements] == [
        f"CREATE {kind} {first}", f"DROP STAGE IF EXISTS {first}",
        f"CREATE {kind} {second}", f"DROP STAGE IF EXISTS {second}",
    ]  # fmt: skip


def test_a_table_is_a_plain_identifier() -> None:
    with pytest.raises(InvalidIdentifierError):
        Target("T; DROP TABLE T")
