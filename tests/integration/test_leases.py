"""Leases over real connections to the local Snowflake, many at once."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.spcs.errors import ClusterClosingError, LeaseTableMissingError
from airflow_provider_raydp_spcs.spcs.leases import GATE, TABLE, Leases
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
HOLDERS = [f"dag/run {number}/it's" for number in range(8)]


@pytest.fixture
def cluster() -> str:
    return f"SHARED_{uuid.uuid4().hex[:8].upper()}"


@pytest.fixture
def leases(session: ConnectorSession) -> Leases:
    return Leases(session)


@pytest.fixture(scope="module")
def many(environment: dict[str, str]) -> Iterator[dict[str, Leases]]:
    """Each holder with a connection of its own."""
    connections = {holder: connect(environment) for holder in HOLDERS}
    yield {holder: Leases(ConnectorSession(connection)) for holder, connection in connections.items()}
    for connection in connections.values():
        connection.close()


@pytest.mark.parametrize("rounds", range(2))
def test_of_many_at_once_exactly_one_is_last(
    many: dict[str, Leases], leases: Leases, cluster: str, rounds: int
) -> None:
    together = Barrier(len(HOLDERS))

    def work(holder: str) -> bool:
        together.wait()
        many[holder].acquire(cluster, holder, owner="o", run=holder, seconds=600)
        together.wait()
        if holder == HOLDERS[0]:
            assert {lease.holder for lease in leases.live(cluster)} == set(HOLDERS)
        together.wait()
        return many[holder].release(cluster, holder)

    with ThreadPoolExecutor(len(HOLDERS)) as pool:
        lasts = list(pool.map(work, HOLDERS))
    assert lasts.count(True) == 1
    assert leases.live(cluster) == []
    with pytest.raises(ClusterClosingError, match=HOLDERS[lasts.index(True)]):
        leases.acquire(cluster, "late", seconds=60)


def test_of_many_who_would_keep_theirs_one_does(many: dict[str, Leases], leases: Leases, cluster: str) -> None:
    together = Barrier(len(HOLDERS))

    def work(holder: str) -> bool:
        many[holder].acquire(cluster, holder, seconds=600)
        together.wait()
        return many[holder].release(cluster, holder, unless_last=True)

    with ThreadPoolExecutor(len(HOLDERS)) as pool:
        kept = list(pool.map(work, HOLDERS))
    assert kept.count(True) == 1
    assert [lease.holder for lease in leases.live(cluster)] == [HOLDERS[kept.index(True)]]
    leases.acquire(cluster, "late", seconds=60)


def test_coming_and_going_never_meet_a_deletion(
    many: dict[str, Leases], cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who holds a lease finds the cluster there, however many take and release it around them."""
    deleting: list[str] = []

    def work(holder: str) -> int:
        deletions = 0
        for _ in range(2):
            many[holder].acquire(cluster, holder, seconds=600, wait_seconds=60)
            assert not deleting
            if many[holder].release(cluster, holder):
                deleting.append(holder)
                time.sleep(0.01)
                deleting.remove(holder)
                many[holder].closed(cluster, holder)
                deletions += 1
        return deletions

    monkeypatch.setattr("airflow_provider_raydp_spcs.spcs.leases.POLL_SECONDS", 0.1)
    with ThreadPoolExecutor(len(HOLDERS)) as pool:
        assert sum(pool.map(work, HOLDERS)) >= 1


def test_a_life(leases: Leases, cluster: str) -> None:
    leases.acquire(cluster, "a", owner="me", run="r1", seconds=600)
    (first,) = leases.live(cluster)
    leases.acquire(cluster.lower(), "a", seconds=1200)
    (again,) = leases.live(cluster)
    assert (again.taken_at, again.owner, again.run) == (first.taken_at, "me", "r1")
    assert 590 < (again.expires_at - first.expires_at).total_seconds() < 660
    leases.acquire(cluster, "b", seconds=600)
    assert leases.renew(cluster, "b", seconds=60)
    assert not leases.renew(cluster, "c", seconds=60)
    assert leases.release(cluster, "a") is False
    assert leases.release(cluster, "a") is False
    assert leases.release(cluster, "b") is True
    assert leases.release(cluster, "b") is True  # a retry of the one that deletes
    assert leases.release(cluster, "a") is False  # another one deletes
    leases.closed(cluster, "a")
    with pytest.raises(ClusterClosingError):
        leases.acquire(cluster, "a", seconds=600)
    leases.closed(cluster)
    leases.closed(cluster)
    leases.acquire(cluster, "a", seconds=600)
    assert cluster in {lease.cluster for lease in leases.all()}


def test_nobody_was_there(leases: Leases, cluster: str) -> None:
    assert leases.live(cluster) == []
    assert leases.release(cluster, "a") is True


def test_expired_leases_count_as_gone(leases: Leases, cluster: str) -> None:
    leases.acquire(cluster, "a", seconds=600)  # first, for whoever comes takes away what has expired
    leases.acquire(cluster, "dead", seconds=1)
    time.sleep(1.1)
    assert [lease.holder for lease in leases.live(cluster)] == ["a"]
    assert {lease.holder for lease in leases.all() if lease.cluster == cluster and not lease.is_live} == {"dead"}
    assert not leases.renew(cluster, "dead", seconds=600)
    assert leases.release(cluster, "a") is True


def test_an_expired_mark_closes_nothing(leases: Leases, session: ConnectorSession, cluster: str) -> None:
    assert leases.release(cluster, "died while deleting")
    session.execute(f"UPDATE {TABLE} SET EXPIRES_AT = SYSDATE() WHERE CLUSTER_NAME = %s", [cluster])
    leases.acquire(cluster, "a", seconds=600)
    assert leases.release(cluster, "a") is True


def test_two_gates_are_as_good_as_one(leases: Leases, session: ConnectorSession, cluster: str) -> None:
    """Snowflake enforces no primary key, so two first comers may both make one; nor does the local Snowflake."""
    leases.acquire(cluster, "a", seconds=600)
    session.execute(
        f"INSERT INTO {TABLE} SELECT CLUSTER_NAME, HOLDER, OWNER, RUN, TAKEN_AT, EXPIRES_AT FROM {TABLE} "
        "WHERE CLUSTER_NAME = %s AND HOLDER = %s",
        [cluster, GATE],
    )
    assert leases.release(cluster, "a") is True
    with pytest.raises(ClusterClosingError):
        leases.acquire(cluster, "b", seconds=600)
    leases.closed(cluster)
    leases.acquire(cluster, "b", seconds=600)


def test_no_table(session: ConnectorSession) -> None:
    with pytest.raises(LeaseTableMissingError, match=r"CREATE TABLE IF NOT EXISTS NOT_THERE \("):
        Leases(session, "NOT_THERE").acquire("C", "a", seconds=60)
