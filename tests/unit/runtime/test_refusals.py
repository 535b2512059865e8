"""What a refusal is made into: the table, the role and the statement that helps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.runtime.refusals import explained, tasks_explained
from airflow_provider_raydp_spcs.spcs.errors import (
    InsufficientPrivilegesError,
    ObjectDoesNotExistError,
    SpcsError,
    StatementFailedError,
)

SNOWFLAKE: Any = SimpleNamespace(role="R", database="D", schema="S")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ObjectDoesNotExistError("SQL compilation error:\nTable 'T' does not exist", 2003),
            "GRANT SELECT, INSERT ON TABLE D.S.T TO ROLE R",
        ),
        (
            ObjectDoesNotExistError("Schema 'D.X' does not exist or not authorized.", 2043),
            "GRANT USAGE ON SCHEMA D.X TO ROLE R",
        ),
        (
            InsufficientPrivilegesError("Insufficient privileges to operate on schema 'S'", 3001),
            "CREATE STAGE, CREATE TABLE ON SCHEMA D.S TO ROLE R",
        ),
        (
            InsufficientPrivilegesError("Insufficient privileges to operate on table 'T'", 3001),
            "GRANT SELECT, INSERT ON TABLE D.S.T",
        ),
        (
            InsufficientPrivilegesError("Insufficient privileges to operate on table 'RAYDP_WRITES'", 3001),
            "GRANT SELECT, INSERT, UPDATE ON TABLE D.S.RAYDP_WRITES TO ROLE R",
        ),
        (
            StatementFailedError("Numeric value 'x' is\nnot recognized", 100038),
            "D.S.T: Numeric value 'x' is not recognized",
        ),
    ],
)
def test_a_refusal_tells_what_helps(error: SpcsError, said: str) -> None:
    with pytest.raises(TableError) as raised, explained(SNOWFLAKE, "D.S.T", ["SELECT", "INSERT"]):
        raise error
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert raised.value.__cause__ is error


def test_the_reason_of_a_task_comes_out_of_sparks_report_and_the_users_errors_stay() -> None:
    report = "Job aborted: Traceback …\nairflow_provider_raydp_spcs.runtime.errors.TableError: the disk is full\n\tat org.apache"
    with pytest.raises(TableError, match=r"^T: the disk is full; nothing was written$"), tasks_explained("T"):
        raise RuntimeError(report)
    own = RuntimeError("ArithmeticError: on purpose")
    with pytest.raises(RuntimeError) as raised, tasks_explained("T"):
        raise own
    assert raised.value is own
