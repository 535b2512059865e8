"""Blocks of Snowflake Scripting: what runs, in which order, and what is refused."""

from __future__ import annotations

import pytest

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, cannot
from airflow_provider_raydp_spcs.local.sql.scripting import run_block
from airflow_provider_raydp_spcs.local.wire.answers import Column, RowsAnswer


class Account:
    """Remembers statements; refuses those that begin with ``FAIL``, the first ``failures`` times."""

    def __init__(self, failures: int = 10**6) -> None:
        self.ran: list[str] = []
        self.failures = failures

    def run(self, statement: str) -> RowsAnswer:
        self.ran.append(statement)
        if statement.startswith("FAIL") and self.failures:
            self.failures -= 1
            raise cannot("no")
        rows = [["A", "ME"], ["B", "YOU"], ["it's", "ME"]] if statement.startswith("SHOW") else []
        return RowsAnswer([Column("name"), Column("owner")], rows)


def test_a_loop_over_rows_with_a_condition_and_variables() -> None:
    account = Account()
    text = """
      BEGIN
        LET found RESULTSET := (SHOW THINGS LIKE '(%)');
        FOR each IN found DO
          IF (each."owner" = 'ME') THEN
            LET name STRING := each."name";
            DROP THING IDENTIFIER(:name);
          END IF;
        END FOR;
        RETURN 'done';
      END;
    """
    assert run_block(text, account.run) == "done"
    assert account.ran == ["SHOW THINGS LIKE '(%)'", "DROP THING IDENTIFIER('A')", "DROP THING IDENTIFIER('it''s')"]


RETRY = "BEGIN FOR i IN 1 TO 3 DO BEGIN FAIL X; BREAK; EXCEPTION WHEN OTHER THEN WAIT :i; END; END FOR; RETURN 5; END"


@pytest.mark.parametrize(("failures", "waits"), [(0, 0), (2, 2), (9, 3)])
def test_a_handler_lets_the_loop_go_on(failures: int, waits: int) -> None:
    account = Account(failures)
    assert run_block(RETRY, account.run) == "5"
    assert [text for text in account.ran if text.startswith("WAIT")] == [f"WAIT '{i}'" for i in range(1, waits + 1)]
    assert len(account.ran) == waits + min(failures + 1, 3)


def test_without_a_handler_the_fault_comes_out() -> None:
    with pytest.raises(SnowflakeFault, match="no"):
        run_block("BEGIN FAIL X; NEVER; END;", Account().run)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("SELECT 1", "where 'BEGIN' is expected"),
        ("BEGIN DROP X;", "unexpected '<EOF>'"),
        ("BEGIN LET x := 1; END", "where"),
        ("BEGIN DROP IDENTIFIER(:nobody); END", "invalid identifier 'NOBODY'"),
        ("BEGIN LET n STRING := 'x'; FOR i IN n DO A; END FOR; END", "no result set"),
        ("BEGIN LET r RESULTSET := (SHOW X); FOR i IN r DO RETURN i.nothing; END FOR; END", "invalid identifier"),
        ("BEGIN FOR i IN 1 TO 99999 DO A; END FOR; END", "a loop of 99999 rounds"),
        ("", "unexpected '<EOF>'"),
    ],
)
def test_what_is_no_block_is_refused(text: str, part: str) -> None:
    with pytest.raises(SnowflakeFault) as caught:
        run_block(text, Account().run)
    assert part in caught.value.message
