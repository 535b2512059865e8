"""Services and jobs over time: upgrades, scaling, probes, restarts, and a server that starts again (SPCS reference 2.2-2.8)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.interruption import interruptible
from tests.unit.local.played import Account, spec


def made(folder: Path) -> Account:
    account = Account(folder)
    account.rows("CREATE COMPUTE POOL IF NOT EXISTS P MIN_NODES = 1 MAX_NODES = 5 INSTANCE_FAMILY = CPU_X64_M")
    return account


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    found = made(tmp_path)
    yield found
    found.store.close()


def create(account: Account, name: str, text: str = "", more: str = "") -> None:
    account.rows(f"CREATE SERVICE {name} IN COMPUTE POOL P FROM SPECIFICATION $${text or spec()}$$ {more}")
    account.step(2)


def submit(account: Account, name: str, more: str = "", text: str = "") -> None:
    account.rows(
        f"EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = {name} ASYNC = TRUE {more} FROM SPECIFICATION $${text or spec()}$$"
    )
    account.step(2)


def service(account: Account, name: str) -> dict[str, object]:
    return account.one(f"DESCRIBE SERVICE {name}")


def tags(account: Account) -> list[tuple[int, str]]:
    """Which instance runs which version."""
    return sorted((each.start.instance, each.start.env["TAG"]) for each in account.running)


def test_an_upgrade_replaces_one_instance_after_the_other_the_highest_first(account: Account) -> None:
    create(account, "A", more="MIN_INSTANCES = 3")
    address = service(account, "A")["dns_name"]
    account.rows(f"ALTER SERVICE A FROM SPECIFICATION $${spec('2')}$$")
    assert service(account, "A")["is_upgrading"] == "true"
    seen = [tags(account)]
    while service(account, "A")["is_upgrading"] == "true":
        account.step()
        if tags(account) != seen[-1]:
            seen.append(tags(account))
    assert [row for row in seen if len(row) == 3] == [
        [(0, "1"), (1, "1"), (2, "1")],
        [(0, "1"), (1, "1"), (2, "2")],
        [(0, "1"), (1, "2"), (2, "2")],
        [(0, "2"), (1, "2"), (2, "2")],
    ]
    assert all(len(row) >= 2 for row in seen), "one instance at a time"
    assert service(account, "A")["dns_name"] == address
    digests = {row["spec_digest"] for row in account.rows("SHOW SERVICE INSTANCES IN SERVICE A")}
    assert digests == {service(account, "A")["spec_digest"]}


def test_an_upgrade_that_does_not_come_up_stops_at_its_first_instance(account: Account) -> None:
    create(account, "A", more="MIN_INSTANCES = 2")
    account.rows(f"ALTER SERVICE A FROM SPECIFICATION $${spec('2').replace('raydp_head', 'nowhere')}$$")
    account.step(5)
    assert tags(account) == [(0, "1")]
    rows = account.rows("SHOW SERVICE CONTAINERS IN SERVICE A")
    assert [row["message"] for row in rows] == ["Running", "Failed to pull image"]
    account.rows(f"ALTER SERVICE A FROM SPECIFICATION $${spec('3')}$$")
    account.until(lambda: service(account, "A")["is_upgrading"] == "false")
    assert tags(account) == [(0, "3"), (1, "3")]


def test_instances_come_and_go_with_min_instances(account: Account) -> None:
    create(account, "A")
    account.rows("ALTER SERVICE A SET MIN_INSTANCES = 3")
    account.step(2)
    row = service(account, "A")
    assert [
        row[name] for name in ("current_instances", "target_instances", "min_ready_instances", "max_instances")
    ] == [3] * 4
    first = next(each["ip_address"] for each in account.rows("SHOW SERVICE INSTANCES IN SERVICE A"))
    account.rows("ALTER SERVICE A SET MIN_INSTANCES = 1")
    account.step(2)
    (left,) = account.rows("SHOW SERVICE INSTANCES IN SERVICE A")
    assert (left["instance_id"], left["ip_address"]) == ("0", first)
    account.rows("ALTER SERVICE A SET MAX_INSTANCES = 4 COMMENT = 'c' AUTO_RESUME = FALSE LOG_LEVEL = 'INFO'")
    account.rows("ALTER SERVICE A UNSET COMMENT, AUTO_RESUME, MAX_INSTANCES, LOG_LEVEL")
    row = service(account, "A")
    assert (row["comment"], row["auto_resume"], row["max_instances"]) == (None, "true", 1)


def test_min_ready_instances_decide_when_a_service_runs(account: Account) -> None:
    create(account, "A", spec(cpu=6), "MIN_INSTANCES = 4 MIN_READY_INSTANCES = 2")
    assert service(account, "A")["status"] == "RUNNING"
    account.rows("ALTER COMPUTE POOL P SET MAX_NODES = 1")
    account.rows("ALTER SERVICE A SUSPEND")
    account.rows("ALTER SERVICE A RESUME")
    account.step(4)
    assert service(account, "A")["status"] == "PENDING", "one of four found room"
    account.rows("ALTER SERVICE A SET MIN_READY_INSTANCES = 1")
    assert service(account, "A")["status"] == "RUNNING"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("CREATE SERVICE A-B IN COMPUTE POOL P FROM SPECIFICATION $$S$$", "unexpected '-'"),
        ("CREATE SERVICE A_ IN COMPUTE POOL P FROM SPECIFICATION $$S$$", "DNS label"),
        (f"CREATE SERVICE {'A' * 64} IN COMPUTE POOL P FROM SPECIFICATION $$S$$", "DNS label"),
        ("CREATE SERVICE A$B IN COMPUTE POOL P FROM SPECIFICATION $$S$$", "DNS label"),
        (
            "CREATE SERVICE A IN COMPUTE POOL P FROM SPECIFICATION $$S$$ MIN_INSTANCES = 3 MAX_INSTANCES = 2",
            "does not hold",
        ),
        ("CREATE SERVICE A IN COMPUTE POOL P FROM SPECIFICATION $$S$$ MIN_READY_INSTANCES = 2", "does not hold"),
        ("CREATE SERVICE A IN COMPUTE POOL P FROM SPECIFICATION $$S$$ AUTO_SUSPEND_SECS = 299", "at least 300"),
        ("CREATE SERVICE A IN COMPUTE POOL P FROM SPECIFICATION $$B$$ MAX_INSTANCES = 2", "must be equal"),
        ("CREATE SERVICE A IN COMPUTE POOL P FROM SPECIFICATION $$W$$ AUTO_SUSPEND_SECS = 300", "public endpoints"),
        ("EXECUTE JOB SERVICE IN COMPUTE POOL P REPLICAS = 0 FROM SPECIFICATION $$S$$", "at least 1"),
        (f"EXECUTE JOB SERVICE IN COMPUTE POOL P REPLICAS = {'9' * 30} FROM SPECIFICATION $$S$$", "at most 1000"),
        (
            "EXECUTE JOB SERVICE IN COMPUTE POOL P MIN_INSTANCES = 1 FROM SPECIFICATION $$S$$",
            "unexpected 'MIN_INSTANCES'",
        ),
    ],
)
def test_what_may_not_be(account: Account, text: str, part: str) -> None:
    texts = {
        "$$S$$": f"$${spec()}$$",
        "$$B$$": f"$${spec(volumes=[{'name': 'b', 'source': 'block', 'size': '1Gi'}])}$$",
        "$$W$$": f"$${spec(endpoints=[{'name': 'w', 'port': 80, 'public': True}])}$$",
    }
    for mark, filling in texts.items():
        text = text.replace(mark, filling)
    with pytest.raises(SnowflakeFault) as caught:
        account.rows(text)
    assert part in caught.value.message
    assert account.rows("SHOW SERVICES") == []


def test_a_container_is_restarted_and_its_earlier_log_kept(account: Account) -> None:
    create(account, "A")
    logs = "SELECT SYSTEM$GET_SERVICE_LOGS('A', '0', 'main', 10, {}, '', false) AS LOG"
    with pytest.raises(SnowflakeFault, match="never restarted"):
        account.rows(logs.format("true"))
    account.running[0].code = 3
    account.step()
    row = account.one("SHOW SERVICE CONTAINERS IN SERVICE A")
    assert (row["status"], row["restart_count"], row["last_exit_code"]) == ("FAILED", 1, "3")
    account.until(lambda: account.running)
    assert account.one(logs.format("false"))["LOG"] == "run 2"
    assert account.one(logs.format("true"))["LOG"] == "run 1"
    stamped = account.one("CALL SYSTEM$GET_SERVICE_LOGS('A', '0', 'main', 10, false, '2020-01-01T00:00:00Z', true)")
    assert stamped["SYSTEM$GET_SERVICE_LOGS"].endswith("Z run 2")
    later = account.one("CALL SYSTEM$GET_SERVICE_LOGS('A', '0', 'main', 10, false, '2999-01-01T00:00:00Z', true)")
    assert later["SYSTEM$GET_SERVICE_LOGS"] == ""
    with pytest.raises(SnowflakeFault, match=r"Container 'DB\.S\.A/0/other' does not exist"):
        account.rows("CALL SYSTEM$GET_SERVICE_LOGS('A', 0, 'other')")


def test_a_container_that_does_not_answer_its_liveness_probe_is_killed(account: Account) -> None:
    whole = json.loads(spec())
    whole["spec"]["containers"][0]["livenessProbe"] = {
        "port": 1,
        "path": "/",
        "periodSeconds": 0.01,
        "failureThreshold": 2,
    }
    create(account, "A", json.dumps(whole))
    assert service(account, "A")["status"] == "RUNNING"
    account.until(lambda: account.runtime.started[0].code == 137)
    account.until(lambda: account.one("SHOW SERVICE CONTAINERS IN SERVICE A")["restart_count"] == 1)


def test_a_suspended_service_is_told_as_one_row_without_instance(account: Account) -> None:
    create(account, "A")
    account.rows("ALTER SERVICE A SUSPEND")
    assert service(account, "A")["status"] == "SUSPENDING"
    account.step()
    for kind in ("CONTAINERS", "INSTANCES"):
        row = account.one(f"SHOW SERVICE {kind} IN SERVICE A")
        assert (row["service_name"], row["service_status"], row["instance_id"], row["status"]) == (
            "A",
            "SUSPENDED",
            None,
            None,
        )


def test_a_request_wakes_a_suspended_service(account: Account) -> None:
    create(account, "A", spec(endpoints=[{"name": "w", "port": 80, "public": True}]))
    (targets,) = account.ingress.targets.values()
    assert targets() == ["127.9.0.1:80"]
    account.rows("ALTER SERVICE A SUSPEND")
    account.rows("ALTER COMPUTE POOL P SUSPEND")
    account.step(2)
    assert targets() == []
    account.step(2)
    assert targets() == ["127.9.0.2:80"]
    assert account.one("SHOW COMPUTE POOLS")["state"] == "ACTIVE"


def test_replicas_run_as_there_is_room_and_one_failure_is_the_jobs(account: Account) -> None:
    account.rows("ALTER COMPUTE POOL P SET MAX_NODES = 2")
    submit(account, "J", "REPLICAS = 3", spec(cpu=6))
    states = [row["status"] for row in account.rows("SHOW SERVICE INSTANCES IN SERVICE J")]
    assert states == ["READY", "READY", "PENDING"]
    assert service(account, "J")["status"] == "RUNNING"
    assert (service(account, "J")["current_instances"], service(account, "J")["target_instances"]) == (3, 3)
    account.running[0].code = 0
    account.step(3)
    assert [row["status"] for row in account.rows("SHOW SERVICE INSTANCES IN SERVICE J")] == [
        "SUCCEEDED",
        "READY",
        "READY",
    ]
    account.running[0].code = 9
    account.step()
    assert service(account, "J")["status"] == "FAILED", "though one still runs"
    account.running[0].code = 0
    account.step()
    assert account.fleet.services["DB.S.J"].job.outcome == "FAILED"  # type: ignore[union-attr]
    assert service(account, "J")["current_instances"] == 0
    assert [each.start.platform_env["SNOWFLAKE_JOB_INDEX"] for each in account.runtime.started] == ["0", "1", "2"]


def test_a_statement_that_is_stopped_cancels_its_job(account: Account) -> None:
    stop = interruptible("01-23")
    stop.set()
    with pytest.raises(SnowflakeFault) as caught:
        account.rows(f"EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = J FROM SPECIFICATION $${spec()}$$")
    assert (caught.value.number, caught.value.sqlstate) == (604, "57014")
    account.step(2)
    assert service(account, "J")["status"] == "CANCELLED"
    job = account.fleet.services["DB.S.J"].job
    assert job is not None
    assert job.query_id == "01-23"
    interruptible("")


def test_a_server_that_starts_again_keeps_jobs_and_runs_none_twice(tmp_path: Path) -> None:
    account = made(tmp_path)
    submit(account, "ENDED")
    account.running[0].code = 0
    account.step()
    submit(account, "KILLED")
    account.rows(f"EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = FRESH ASYNC = TRUE FROM SPECIFICATION $${spec()}$$")
    account.store.close()
    again = made(tmp_path)
    again.step(2)
    told = {row["name"]: row["status"] for row in again.rows("SHOW JOB SERVICES")}
    assert told == {"ENDED": "DONE", "KILLED": "FAILED", "FRESH": "RUNNING"}
    (container,) = again.rows("SHOW SERVICE CONTAINERS IN SERVICE ENDED")
    assert (container["status"], container["instance_status"]) == ("DONE", "SUCCEEDED")
    assert again.one("SELECT SYSTEM$GET_SERVICE_LOGS('ENDED', 0, 'main') AS LOG")["LOG"] == "run 1"
    (lost,) = again.rows("SHOW SERVICE CONTAINERS IN SERVICE KILLED")
    assert (lost["status"], lost["message"]) == (
        "FAILED",
        "Encountered fatal error while running, check container logs",
    )
    assert again.one("SELECT SYSTEM$GET_SERVICE_LOGS('KILLED', 0, 'main') AS LOG")["LOG"] == "run 2"
    assert len(again.runtime.started) == 1
    again.store.close()


def test_jobs_that_ended_long_ago_are_forgotten(tmp_path: Path) -> None:
    account = made(tmp_path)
    submit(account, "OLD")
    account.running[0].code = 0
    account.step()
    record = account.fleet.services["DB.S.OLD"].record
    assert record.job is not None
    record.job.completed_on = "2020-01-01T00:00:00+00:00"
    account.fleet.save(record)
    account.store.close()
    again = made(tmp_path)
    assert again.rows("SHOW SERVICES") == []
    again.store.close()


def test_what_a_wait_answers(account: Account) -> None:
    create(account, "A")
    create(account, "B", spec().replace("raydp_head", "nowhere"))
    assert account.one("SELECT SYSTEM$WAIT_FOR_SERVICES(5, 'a') AS OK") == {"OK": "OK"}
    assert "RUNNING" in account.one("CALL A!SPCS_WAIT_FOR('RUNNING', 5)")["SPCS_WAIT_FOR"]
    with pytest.raises(SnowflakeFault, match=r"DB.S.B \(PENDING\) were not running within 0.1 seconds"):
        account.rows("SELECT SYSTEM$WAIT_FOR_SERVICES(0.1, 'a', 'b')")
    with pytest.raises(SnowflakeFault, match="Current status: PENDING"):
        account.rows("CALL B!SPCS_WAIT_FOR('RUNNING', 0)")
    with pytest.raises(SnowflakeFault, match=r"Service 'DB\.S\.C' does not exist"):
        account.rows("CALL C!SPCS_WAIT_FOR('RUNNING', 0)")
    (state,) = json.loads(account.one("CALL SYSTEM$GET_SERVICE_STATUS('B', 0)")["SYSTEM$GET_SERVICE_STATUS"])
    assert list(state) == [
        "status",
        "message",
        "containerName",
        "instanceId",
        "serviceName",
        "image",
        "restartCount",
        "startTime",
    ]
    assert (state["status"], state["message"]) == ("PENDING", "Failed to pull image")


def test_a_service_that_has_run_for_its_time_is_suspended(account: Account) -> None:
    create(account, "A", more="AUTO_SUSPEND_SECS = 300")
    create(account, "B")
    assert service(account, "A")["status"] == "RUNNING"
    (name,) = account.supervisor._idle
    account.supervisor._idle[name] -= 301
    account.step(3)
    assert service(account, "A")["status"] == "SUSPENDED"
    assert service(account, "B")["status"] == "RUNNING"
    account.rows("ALTER SERVICE A RESUME")
    account.step(3)
    assert service(account, "A")["status"] == "RUNNING", "its time begins anew"
