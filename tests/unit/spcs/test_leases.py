"""Leases as statements: what is sent, in which order, and what becomes of refusals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from airflow_provider_raydp_spcs.shipped import shipped
from airflow_provider_raydp_spcs.spcs import transactions
from airflow_provider_raydp_spcs.spcs.errors import (
    ClusterClosingError,
    InsufficientPrivilegesError,
    InvalidIdentifierError,
    InvalidValueError,
    LeaseTableMissingError,
    LockConflictError,
    ObjectDoesNotExistError,
    SpcsError,
    StatementFailedError,
    translate,
)
from airflow_provider_raydp_spcs.spcs.leases import CLOSING_SECONDS, CREATE_TABLE, GATE, TABLE, Leases

NOON = dt.datetime.fromisoformat("2026-01-01T12:00:00")
OPEN_GATE = {"holder": GATE, "owner": None, "expires_at": NOON, "is_live": False}


class Table:
    """A session that answers the questions about one cluster, and refuses what it is told to."""

    def __init__(self, *inside: dict[str, Any], has_gate: bool = True) -> None:
        self.inside, self.has_gate = [OPEN_GATE, *inside], has_gate
        self.sent: list[tuple[str, tuple[object, ...]]] = []
        self.refusals: list[tuple[str, SpcsError]] = []

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        assert sql.count("%s") == len(params)
        self.sent.append((sql, tuple(params)))
        for refusal in self.refusals:
            if sql.startswith(refusal[0]):
                self.refusals.remove(refusal)
                raise refusal[1]
        if sql.startswith("SELECT 1"):
            return [{"found": 1}] if self.has_gate else []
        return self.inside if sql.endswith("WHERE CLUSTER_NAME = %s") else []

    @property
    def verbs(self) -> list[str]:
        return [sql.split()[0] for sql, _ in self.sent]


def held(holder: str) -> dict[str, Any]:
    return {"holder": holder, "owner": "me", "expires_at": NOON, "is_live": True}


def closing(by: str) -> dict[str, Any]:
    return {"holder": GATE, "owner": by, "expires_at": NOON, "is_live": True}


def test_the_message_has_the_statement_of_the_set_up_script() -> None:
    assert CREATE_TABLE.format(table=TABLE) in (shipped("sql") / "step1_user_setup.sql").read_text()


def test_a_transaction_begins_at_the_gate_and_values_are_bound() -> None:
    table = Table()
    Leases(table).acquire("etl", "run'1", owner="o'x", run="r%s", seconds=60)
    assert table.verbs == ["SELECT", "ALTER", "BEGIN", "UPDATE", "DELETE", "SELECT", "INSERT", "COMMIT"]
    assert table.sent[3] == (
        "UPDATE RAYDP_LEASES SET TAKEN_AT = SYSDATE() WHERE CLUSTER_NAME = %s AND HOLDER = %s",
        ("ETL", GATE),
    )
    assert table.sent[6][1] == ("ETL", "run'1", "o'x", "r%s", 60)


def test_the_first_of_a_cluster_commits_a_gate_before() -> None:
    table = Table(has_gate=False)
    Leases(table).acquire("ETL", "a", seconds=60)
    assert table.verbs[:5] == ["SELECT", "ALTER", "BEGIN", "INSERT", "COMMIT"]
    assert table.sent[3][1] == ("ETL", GATE, None, None, 0)


def test_who_holds_a_lease_renews_it() -> None:
    table = Table(held("a"))
    Leases(table).acquire("ETL", "a", seconds=60)
    assert table.verbs[-2:] == ["UPDATE", "COMMIT"]
    assert table.sent[-2][1] == (60, "ETL", "a")
    assert Leases(Table(held("a"))).renew("ETL", "a", seconds=60)
    table = Table(held("b"))
    assert not Leases(table).renew("ETL", "a", seconds=60)
    assert table.verbs[-2:] == ["SELECT", "COMMIT"]


@pytest.mark.parametrize(
    ("inside", "last"),
    [
        ([], True),
        ([held("a")], True),
        ([held("b")], False),
        ([held("a"), held("b")], False),
        ([closing("a")], True),
        ([closing("b")], False),
    ],
)
def test_the_last_one_out_marks_the_gate(inside: list[dict[str, Any]], last: bool) -> None:
    table = Table(*inside)
    assert Leases(table).release("ETL", "a") is last
    if last:
        assert table.sent[-2][1] == ("a", CLOSING_SECONDS, "ETL", GATE)
    else:
        assert table.verbs[-3:] == ["SELECT", "DELETE", "COMMIT"]


@pytest.mark.parametrize(
    ("inside", "kept", "verb"),
    [
        ([held("a")], True, "SELECT"),
        ([held("a"), held("b")], False, "DELETE"),
        ([closing("a")], False, "SELECT"),
        ([], False, "SELECT"),
    ],
)
def test_the_last_one_out_may_keep_its_lease(inside: list[dict[str, Any]], kept: bool, verb: str) -> None:
    table = Table(*inside)
    assert Leases(table).release("ETL", "a", unless_last=True) is kept
    assert table.verbs[-2:] == [verb, "COMMIT"]


def test_closed_takes_the_mark_away_but_not_anothers() -> None:
    table = Table(closing("a"))
    Leases(table).closed("ETL")
    assert table.sent[-2][1] == (None, 0, "ETL", GATE)
    table = Table(closing("b"))
    Leases(table).closed("ETL", "a")
    assert table.verbs[-2:] == ["SELECT", "COMMIT"]


def test_acquire_waits_while_the_cluster_is_closing() -> None:
    table = Table(closing("b"))
    naps: list[float] = []
    with pytest.raises(ClusterClosingError, match="deleted by b, which has until 2026-01-01 12:00:00 UTC"):
        Leases(table, sleep=naps.append).acquire("ETL", "a", seconds=60, wait_seconds=12)
    assert naps == [5, 5, 2]
    assert "INSERT" not in table.verbs
    assert table.verbs[-1] == "ROLLBACK"

    Leases(table, sleep=lambda _: table.inside.pop()).acquire("ETL", "a", seconds=60, wait_seconds=12)
    assert table.verbs[-2:] == ["INSERT", "COMMIT"]


@pytest.mark.parametrize("where", ["UPDATE", "COMMIT"])
def test_lock_conflicts_are_tried_again(where: str) -> None:
    table = Table()
    naps: list[float] = []
    table.refusals = [(where, LockConflictError("locked", 627)), (where, LockConflictError("too many wait", 625))]
    Leases(table, sleep=naps.append).acquire("ETL", "a", seconds=60)
    assert (table.verbs.count("BEGIN"), table.verbs.count("ROLLBACK"), len(naps)) == (3, 2, 2)
    assert table.verbs[-1] == "COMMIT"


def test_lock_conflicts_are_not_tried_for_ever() -> None:
    table = Table()
    table.refusals = [("UPDATE", LockConflictError("locked", 627))] * 99
    naps: list[float] = []
    with pytest.raises(LockConflictError):
        Leases(table, sleep=naps.append).release("ETL", "a")
    assert len(naps) == transactions.ATTEMPTS - 1
    assert max(naps) <= 5


def test_a_failing_roll_back_hides_no_error() -> None:
    table = Table()
    table.refusals = [("DELETE", SpcsError("out of luck")), ("ROLLBACK", SpcsError("gone"))]
    with pytest.raises(SpcsError, match="out of luck"):
        Leases(table).release("ETL", "a")


@pytest.mark.parametrize(
    ("number", "message", "kind"),
    [
        (625, "the number of waiters for this lock exceeds the 20 statements limit", LockConflictError),
        (627, "waiting for this lock is limited to 60 s", LockConflictError),
        (None, "Deadlock detected", LockConflictError),
        (630, "Statement reached its statement or warehouse timeout", StatementFailedError),
    ],
)
def test_lock_errors_have_their_class(number: int | None, message: str, kind: type[SpcsError]) -> None:
    class RefusalError(Exception):
        errno, sqlstate, msg = number, "57014", message

    assert type(translate(RefusalError())) is kind


@pytest.mark.parametrize(
    "operation",
    [
        lambda leases: leases.acquire("ETL", "a", seconds=60),
        lambda leases: leases.live("ETL"),
        lambda leases: leases.all(),
    ],
)
def test_no_table_and_no_privilege_say_what_to_do(operation: Callable[[Leases], object]) -> None:
    table = Table()
    table.refusals = [("SELECT", ObjectDoesNotExistError("Object 'L' does not exist or not authorized.", 2003))]
    with pytest.raises(LeaseTableMissingError, match=r"sql/step1_user_setup\.sql") as missing:
        operation(Leases(table, "db.s.l"))
    assert "CREATE TABLE IF NOT EXISTS DB.S.L (" in str(missing.value)
    assert missing.value.number == 2003
    table.refusals = [("SELECT", InsufficientPrivilegesError("Insufficient privileges", 3001))]
    with pytest.raises(
        InsufficientPrivilegesError, match=r"GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE DB\.S\.L TO ROLE"
    ):
        operation(Leases(table, "db.s.l"))


def test_what_cannot_be_is_refused_before_anything_is_sent() -> None:
    table = Table()
    leases = Leases(table)
    for holder in ("", GATE):
        with pytest.raises(InvalidValueError, match="holder"):
            leases.acquire("ETL", holder, seconds=60)
    with pytest.raises(InvalidValueError, match="seconds"):
        leases.acquire("ETL", "a", seconds=0)
    with pytest.raises(InvalidIdentifierError):
        leases.release("x'; --", "a")
    with pytest.raises(InvalidIdentifierError):
        Leases(table, "x'; --")
    assert not table.sent


def test_leases_have_aware_times() -> None:
    row = {"cluster_name": "ETL", "owner": "", "run": "r", "taken_at": NOON, **held("a")}
    table = Table()
    table.execute = lambda sql, params=(): [row, {**row, "is_live": False}]  # type: ignore[method-assign]
    (lease,) = Leases(table).live("etl")
    assert (lease.taken_at.utcoffset(), lease.owner, lease.run) == (dt.timedelta(0), "me", "r")
    assert [lease.is_live for lease in Leases(table).all()] == [True, False]
