"""Names of tables and columns as users write them, what DESCRIBE TABLE tells, and the stages of dead writes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from airflow_provider_raydp_spcs.spcs import sql
from airflow_provider_raydp_spcs.spcs.errors import InsufficientPrivilegesError, InvalidIdentifierError
from airflow_provider_raydp_spcs.spcs.session import Row
from airflow_provider_raydp_spcs.spcs.table_loads import TableColumn, columns_of, select
from airflow_provider_raydp_spcs.spcs.write_stages import drop_left, stage_of_its_own

NOW = dt.datetime(2026, 1, 10, tzinfo=dt.UTC)


class Recorder:
    def __init__(self, rows: Sequence[Row] = (), refuses: str = "-") -> None:
        self.statements: list[str] = []
        self._rows, self._refuses = list(rows), refuses

    def execute(self, statement: str, params: Sequence[object] = ()) -> list[Row]:
        del params
        self.statements.append(statement)
        if self._refuses in statement:
            raise InsufficientPrivilegesError("no", 3001)
        return self._rows


@pytest.mark.parametrize(
    ("given", "rendered"),
    [
        ("t", "T"),
        ("db.s.t", "DB.S.T"),
        ('"a b"', '"a b"'),
        ('db."s.s"."say ""hi"""', 'DB."s.s"."say ""hi"""'),
        ('"; DROP TABLE X; --"', '"; DROP TABLE X; --"'),
    ],
)
def test_tables_are_plain_or_quoted(given: str, rendered: str) -> None:
    assert sql.table(given) == rendered


@pytest.mark.parametrize(
    "given", ["", "a b", "a.b.c.d", 'a."b', '"a"b', "a..b", "a.", '""', 't"x"', None, "T; DROP TABLE T"]
)
def test_other_tables_are_refused(given: Any) -> None:
    with pytest.raises(InvalidIdentifierError):
        sql.table(given)


def test_selections() -> None:
    assert select("db.s.t", None, None) == "SELECT * FROM DB.S.T"
    assert select('"t t"', ["a", '"B ""b"'], "A = %s") == 'SELECT A, "B ""b" FROM "t t" WHERE A = %s'
    with pytest.raises(InvalidIdentifierError):
        select("t", ["a, b"], None)


def test_columns_are_read_without_virtual_ones() -> None:
    rows = [
        {"name": "A", "type": "NUMBER(9,0)", "kind": "COLUMN", "null?": "N", "default": "1"},
        {"name": "b", "type": "VARCHAR(3)", "kind": "COLUMN", "null?": "Y", "default": None},
        {"name": "C", "type": "DATE", "kind": "VIRTUAL_COLUMN", "null?": "Y", "default": None},
    ]
    assert columns_of(Recorder(rows), "T") == [
        TableColumn("A", "NUMBER(9,0)", nullable=False, has_default=True),
        TableColumn("b", "VARCHAR(3)"),
    ]


def test_a_stage_is_made_and_dropped_also_after_a_failure() -> None:
    session = Recorder()
    stages = []
    for error in (None, KeyboardInterrupt):
        try:
            with stage_of_its_own(session) as stage:
                stages.append(stage.removeprefix("@"))
                if error:
                    raise error
        except KeyboardInterrupt:
            pass
    first, second = stages
    assert first != second
    assert [statement.split(" ENCRYPTION")[0] for statement in session.statements] == [
        f"CREATE STAGE {first}", f"DROP STAGE IF EXISTS {first}",
        f"CREATE STAGE {second}", f"DROP STAGE IF EXISTS {second}",
    ]  # fmt: skip


def test_a_write_that_is_done_does_not_fail_for_its_stage() -> None:
    session = Recorder(refuses="DROP STAGE")
    with stage_of_its_own(session) as stage:
        pass
    assert session.statements[-1] == f"DROP STAGE IF EXISTS {stage.removeprefix('@')}"
    with pytest.raises(KeyError, match="the write's own"), stage_of_its_own(session):
        raise KeyError("the write's own")


def test_stages_of_dead_writes_are_dropped_and_others_are_not() -> None:
    def row(name: str, days: float, comment: str = "RayDP: a write under way") -> Row:
        return {"name": name, "created_on": NOW - dt.timedelta(days=days), "comment": comment}

    rows = [
        row("RAYDP_WRITE_OLD", 3),
        row("RAYDP_WRITE_YOUNG", 1),
        row("RAYDP_WRITE_ANOTHERS", 9, "mine"),
        row("RAYDP_WRITE_X", 9),
    ]
    session = Recorder(rows, refuses="STAGE IF EXISTS RAYDP_WRITE_X")
    assert drop_left(session, NOW) == ["RAYDP_WRITE_OLD"]
    assert session.statements == [
        "SHOW STAGES LIKE 'RAYDP\\\\_WRITE\\\\_%'",
        "DROP STAGE IF EXISTS RAYDP_WRITE_OLD",
        "DROP STAGE IF EXISTS RAYDP_WRITE_X",
    ]
