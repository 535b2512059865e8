"""Compute pools over time: nodes that come and go, states, what waits and why (SPCS reference 1.1, 1.2, 2.6)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.services import nodes, supervisor
from tests.unit.local.played import Account, spec


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    made = Account(tmp_path)
    made.rows("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = CPU_X64_S")
    yield made
    made.store.close()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Account]:
    made = Account(tmp_path / "", provisioning_seconds=3600)
    made.rows("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = CPU_X64_S")
    yield made
    made.store.close()


def pool(account: Account) -> dict[str, object]:
    return account.one("DESCRIBE COMPUTE POOL P")


def create(account: Account, name: str, text: str = "", more: str = "") -> None:
    account.rows(f"CREATE SERVICE {name} IN COMPUTE POOL P FROM SPECIFICATION $${text or spec()}$$ {more}")


def message(account: Account, service: str, instance: int = 0) -> str:
    found = account.rows(f"SHOW SERVICE CONTAINERS IN SERVICE {service}")
    return str(next(row["message"] for row in found if row["instance_id"] == str(instance)))


def counts(account: Account) -> tuple[object, ...]:
    row = pool(account)
    return tuple(row[name] for name in ("state", "active_nodes", "idle_nodes", "target_nodes", "num_services"))


def test_a_pool_is_idle_active_and_grows(account: Account) -> None:
    assert counts(account) == ("IDLE", 0, 1, 1, 0)
    create(account, "A", spec(cpu=3))
    account.step(2)
    assert counts(account) == ("ACTIVE", 1, 0, 1, 1)
    create(account, "B", spec(cpu=3))
    account.step(2)
    assert counts(account) == ("ACTIVE", 2, 0, 2, 2)
    first, second = account.rows("SHOW NODES IN COMPUTE POOL P")
    assert first["node_id"] != second["node_id"]
    assert (first["instance_family"], first["vcpu"], first["memory_gib"], first["gpu"], first["gpu_count"]) == (
        "CPU_X64_S", 3, 13, "", 0,
    )  # fmt: skip
    families = {row["name"]: row for row in account.rows("SHOW COMPUTE POOL INSTANCE FAMILIES")}
    assert families["CPU_X64_S"]["current_node_usage"] == 2
    assert families["GPU_NV_L"]["gpu_memory_gib"] == 40


def test_what_finds_no_room_waits_and_says_why(account: Account) -> None:
    for name in ("A", "B", "C"):
        create(account, name, spec(cpu=3))
    account.step(2)
    assert message(account, "C") == "Unschedulable due to insufficient resources"
    assert account.one("DESC SERVICE C")["status"] == "PENDING"
    row = pool(account)
    assert row["error_code"] == "392508"
    assert str(row["status_message"]).startswith("Compute pool has reached the maximum node limit.")
    account.rows("DROP SERVICE A")
    account.until(lambda: account.one("DESC SERVICE C")["status"] == "RUNNING")
    assert pool(account)["error_code"] == ""


def test_a_pool_with_more_nodes_than_it_needs_gives_them_back(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "LINGER_SECONDS", 0.01)
    create(account, "A", spec(cpu=3), "MIN_INSTANCES = 2")
    account.step(2)
    assert pool(account)["target_nodes"] == 2
    account.rows("ALTER SERVICE A SUSPEND")
    account.until(lambda: counts(account)[:4] == ("IDLE", 0, 1, 1))


def test_nodes_take_their_time(slow: Account) -> None:
    create(slow, "A")
    slow.step(2)
    assert counts(slow) == ("STARTING", 0, 0, 1, 1)
    assert pool(slow)["status_message"] == "Compute pool is starting for last 0 minutes"
    assert message(slow, "A") == "Compute pool node(s) are being provisioned"
    assert slow.rows("SHOW NODES IN COMPUTE POOL P") == []
    status = slow.one("CALL SYSTEM$GET_COMPUTE_POOL_STATUS('p')")["SYSTEM$GET_COMPUTE_POOL_STATUS"]
    assert status == '{"status":"STARTING","message":"Compute pool is starting for last 0 minutes"}'
    slow.fleet.nodes._nodes["P"][0].up_at = 0
    slow.step(2)
    assert slow.one("DESC SERVICE A")["status"] == "RUNNING"
    slow.rows("ALTER COMPUTE POOL P SET MIN_NODES = 2")
    assert counts(slow) == ("RESIZING", 1, 0, 2, 1)
    slow.rows("ALTER COMPUTE POOL P SET MIN_NODES = 1")
    create(slow, "B", spec(cpu=3))
    slow.step(2)
    assert message(slow, "B") == "Compute pool node(s) are being provisioned"


def test_suspending_a_starting_pool_is_done_at_once(slow: Account) -> None:
    slow.rows("ALTER COMPUTE POOL P SUSPEND")
    assert counts(slow)[:4] == ("SUSPENDED", 0, 0, 0)
    slow.rows("ALTER COMPUTE POOL P RESUME")
    assert counts(slow)[:4] == ("STARTING", 0, 0, 1)
    slow.rows("CREATE COMPUTE POOL Q MIN_NODES=3 MAX_NODES=3 INSTANCE_FAMILY=CPU_X64_S INITIALLY_SUSPENDED=TRUE")
    row = slow.one("SHOW COMPUTE POOLS LIKE 'Q'")
    assert (row["state"], row["target_nodes"]) == ("SUSPENDED", 0)
    assert row["resumed_on"]


def test_a_suspended_pool_stops_services_and_lets_jobs_end(account: Account) -> None:
    create(account, "A")
    account.rows(f"EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = J ASYNC = TRUE FROM SPECIFICATION $${spec()}$$")
    account.step(2)
    assert (pool(account)["num_services"], pool(account)["num_jobs"]) == (1, 1)
    account.rows("ALTER COMPUTE POOL P SUSPEND")
    account.step(2)
    assert account.one("DESC SERVICE A")["status"] == "SUSPENDED"
    assert account.one("DESC SERVICE J")["status"] == "RUNNING"
    assert pool(account)["state"] == "STOPPING"
    account.running[0].code = 0
    account.step(2)
    assert account.one("DESC SERVICE J")["status"] == "DONE"
    assert counts(account)[:4] == ("SUSPENDED", 0, 0, 0)


def test_a_new_service_resumes_its_pool_unless_that_must_not_be(account: Account) -> None:
    account.rows("ALTER COMPUTE POOL P SUSPEND")
    create(account, "A")
    assert pool(account)["state"] == "ACTIVE"
    account.rows("ALTER COMPUTE POOL P SET AUTO_RESUME = FALSE")
    account.rows("ALTER COMPUTE POOL P SUSPEND")
    create(account, "B")
    account.step(2)
    assert account.one("DESC SERVICE B")["status"] == "PENDING"
    assert message(account, "B") == "Waiting to start"
    account.rows("ALTER COMPUTE POOL P RESUME")
    account.step(2)
    assert account.one("DESC SERVICE B")["status"] == "RUNNING"


def test_a_pool_without_work_is_suspended_after_its_time(account: Account) -> None:
    account.rows("ALTER COMPUTE POOL P SET AUTO_SUSPEND_SECS = 1")
    create(account, "A")
    account.step(2)
    account.supervisor._busy["P"] -= 10
    account.step()
    assert pool(account)["state"] == "ACTIVE"
    account.rows("DROP SERVICE A")
    account.step(3)
    account.supervisor._busy["P"] -= 10
    account.step()
    assert pool(account)["state"] == "SUSPENDED"
    account.rows("ALTER COMPUTE POOL P UNSET AUTO_SUSPEND_SECS, COMMENT")
    assert pool(account)["auto_suspend_secs"] == 3600


def test_stop_all_drops_services_and_cancels_jobs(account: Account) -> None:
    create(account, "A")
    account.rows(f"EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = J ASYNC = TRUE FROM SPECIFICATION $${spec()}$$")
    account.step(2)
    account.rows("ALTER COMPUTE POOL P STOP ALL OF TYPE notebook, 'ML_JOB'")
    assert account.one("DESC SERVICE A")["status"] == "RUNNING"
    account.rows("ALTER COMPUTE POOL P STOP ALL OF TYPE user")
    account.step(2)
    assert [row["name"] for row in account.rows("SHOW SERVICES")] == ["J"]
    assert account.one("DESC SERVICE J")["status"] == "CANCELLED"
    assert account.running == []
    with pytest.raises(SnowflakeFault, match="invalid workload type 'FOO'"):
        account.rows("ALTER COMPUTE POOL P STOP ALL OF TYPE foo")
    assert account.one("DROP COMPUTE POOL P")["status"] == "P successfully dropped."


def test_dropping_a_pool_aborts_its_jobs_and_is_refused_for_services(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "SAMPLE_SECONDS", 0.0)
    account.runtime.deaf = True
    account.rows(f"EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = J ASYNC = TRUE FROM SPECIFICATION $${spec()}$$")
    create(account, "A")
    account.step(2)
    with pytest.raises(SnowflakeFault, match="services A still exist on it") as caught:
        account.rows("DROP COMPUTE POOL P")
    assert (caught.value.number, caught.value.sqlstate) == (2043, "02000")
    account.rows("DROP SERVICE A")
    for each in account.running:
        if each.asked:
            each.code = 143
    account.step(2)
    account.rows("DROP COMPUTE POOL P")
    account.step(2)
    assert [each.asked for each in account.running] == [True], "the job's container is asked to end"
    account.running[0].code = 143
    account.step(2)
    assert account.rows("SHOW SERVICES") == []


def test_what_may_change_only_while_suspended(account: Account) -> None:
    for change in ("INSTANCE_FAMILY = CPU_X64_M", "PLACEMENT_GROUP = 'A'"):
        with pytest.raises(SnowflakeFault, match="only while it is suspended") as caught:
            account.rows(f"ALTER COMPUTE POOL P SET {change}")
        assert caught.value.number == 1420
    account.rows("ALTER COMPUTE POOL P SUSPEND")
    account.rows("ALTER COMPUTE POOL P SET INSTANCE_FAMILY = CPU_X64_M PLACEMENT_GROUP = 'A'")
    account.rows("ALTER COMPUTE POOL P SET BACKUP_INSTANCE_FAMILIES = ('CPU_X64_L', 'GEN_X64_G2_8')")
    row = pool(account)
    assert (row["instance_family"], row["placement_group"]) == ("CPU_X64_M", "A")
    assert row["backup_instance_families"] == '["CPU_X64_L", "GEN_X64_G2_8"]'
    for bad in ("'CPU_X64_M'", "'CPU_X64_L', 'CPU_X64_L'"):
        with pytest.raises(SnowflakeFault, match="must name each family once"):
            account.rows(f"ALTER COMPUTE POOL P SET BACKUP_INSTANCE_FAMILIES = ({bad})")


def test_gpus_that_the_machine_has_not_are_waited_for(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "machine_gpus", lambda: 0)
    account.rows("CREATE COMPUTE POOL G MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=GPU_NV_S")
    account.rows(f"CREATE SERVICE A IN COMPUTE POOL G FROM SPECIFICATION $${spec(gpus=1)}$$")
    account.step(2)
    assert message(account, "A") == "Unschedulable due to insufficient GPU resources."
    with pytest.raises(SnowflakeFault, match="insufficient GPU resources: the request exceeds a node of CPU_X64_S"):
        create(account, "B", spec(gpus=1))


def test_snowflakes_own_pools_take_no_services_of_users(account: Account) -> None:
    with pytest.raises(SnowflakeFault, match=r"can only support services of type \[NOTEBOOK, MODEL_SERVING"):
        account.rows(f"CREATE SERVICE A IN COMPUTE POOL SYSTEM_COMPUTE_POOL_CPU FROM SPECIFICATION $${spec()}$$")
