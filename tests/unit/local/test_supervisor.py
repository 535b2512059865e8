"""The supervisor with containers that are played: what it does when something goes wrong, and at its start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.local.runtimes.base import ContainerStart
from tests.unit.local.played import Account, Played, spec


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    found = Account(tmp_path)
    found.rows("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 5 INSTANCE_FAMILY = CPU_X64_M")
    yield found
    found.store.close()


def test_a_service_over_which_it_stumbles_keeps_no_other_from_running(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = account.runtime.start

    def stumble(wanted: ContainerStart) -> Played:
        if wanted.service == "DB.S.BAD":
            msg = "nobody thought of this"
            raise RuntimeError(msg)
        return start(wanted)

    monkeypatch.setattr(account.runtime, "start", stumble)
    for name in ("BAD", "GOOD"):
        account.rows(f"CREATE SERVICE {name} IN COMPUTE POOL P FROM SPECIFICATION $${spec()}$$")
    account.until(lambda: account.running)
    assert [each.start.service for each in account.running] == ["DB.S.GOOD"]
    account.rows("DROP SERVICE BAD")
    account.until(lambda: len(account.rows("SHOW SERVICES")) == 1)


def test_volumes_and_logs_of_services_that_are_gone_go_at_the_start(account: Account, tmp_path: Path) -> None:
    account.rows(f"CREATE SERVICE KEPT IN COMPUTE POOL P FROM SPECIFICATION $${spec()}$$")
    for kind in ("logs", "blocks"):
        for name in ("DB.S.KEPT", "DB.S.GONE"):
            (tmp_path / kind / name).mkdir(parents=True, exist_ok=True)
    (tmp_path / "logs" / "server.log").touch()
    account.supervisor.start()
    account.supervisor.close()
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {"server.log", "DB.S.KEPT"}
    assert {path.name for path in (tmp_path / "blocks").iterdir()} == {"DB.S.KEPT"}
