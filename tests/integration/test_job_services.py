"""EXECUTE JOB SERVICE over the wire: real processes, and Airflow's own operator against them (SPCS reference 2.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from snowflake.connector import DictCursor, SnowflakeConnection
from snowflake.connector.errors import ProgrammingError

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from tests.integration.containers import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
IMAGE = "/raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/crash:1"


def spec(script: str, **env: str) -> str:
    """One container that runs a script of the shell."""
    container = {"name": "main", "image": IMAGE, "command": ["/bin/sh", "-c", script], "env": env}
    return json.dumps({"spec": {"containers": [container]}})


@pytest.fixture(scope="module")
def connection(environment: dict[str, str]) -> Iterator[SnowflakeConnection]:
    with connect(environment) as made:
        made.cursor().execute("CREATE COMPUTE POOL JOB_POOL MIN_NODES=1 MAX_NODES=2 INSTANCE_FAMILY=CPU_X64_S")
        yield made


def rows(connection: SnowflakeConnection, text: str, *binds: Any) -> list[dict[str, Any]]:
    found = connection.cursor(DictCursor).execute(text, binds or None)
    assert found is not None
    return list(found.fetchall())  # type: ignore[arg-type]


def submit(connection: SnowflakeConnection, name: str, script: str, more: str = "") -> str:
    text = f"EXECUTE JOB SERVICE IN COMPUTE POOL JOB_POOL NAME = {name} {more} FROM SPECIFICATION $$ {spec(script)} $$"
    (row,) = rows(connection, text)
    return str(row["status"])


def status_of(connection: SnowflakeConnection, name: str) -> str:
    return str(rows(connection, f"DESCRIBE SERVICE {name}")[0]["status"])


def test_a_job_is_waited_for_and_stays_to_be_seen(connection: SnowflakeConnection) -> None:
    done = submit(connection, "SYNC_JOB", "echo one; echo two >&2")
    assert done == "Job SYNC_JOB completed successfully with status: DONE."
    (row,) = rows(connection, "DESC SERVICE SYNC_JOB")
    told = {
        name: row[name]
        for name in ("status", "is_job", "is_async_job", "min_instances", "max_instances", "auto_resume")
    }
    assert told == {
        "status": "DONE", "is_job": "true", "is_async_job": "false", "min_instances": 1, "max_instances": 1, "auto_resume": "true",
    }  # fmt: skip
    (container,) = rows(connection, "SHOW SERVICE CONTAINERS IN SERVICE SYNC_JOB")
    assert (container["status"], container["message"]) == ("DONE", "Completed successfully")
    assert (container["instance_status"], container["last_exit_code"]) == ("SUCCEEDED", "0")
    (log,) = rows(connection, "SELECT SYSTEM$GET_SERVICE_LOGS('SYNC_JOB', 0, 'main')")
    assert log == {"SYSTEM$GET_SERVICE_LOGS": "one\ntwo"}
    with pytest.raises(ProgrammingError) as caught:
        submit(connection, "SYNC_JOB", "true")
    assert (caught.value.errno, caught.value.sqlstate) == (2002, "42710")


def test_a_job_that_fails_fails_its_statement_and_is_kept(connection: SnowflakeConnection) -> None:
    with pytest.raises(ProgrammingError, match="Job BAD_JOB failed with status: FAILED"):
        submit(connection, "BAD_JOB", "exit 3")
    (container,) = rows(connection, "SHOW SERVICE CONTAINERS IN SERVICE BAD_JOB")
    assert (container["status"], container["last_exit_code"]) == ("FAILED", "3")
    assert container["message"] == "User application error, check container logs"
    assert container["restart_count"] == 0
    assert status_of(connection, "BAD_JOB") == "FAILED"


def test_replicas_know_their_part(connection: SnowflakeConnection) -> None:
    more = "ASYNC = TRUE REPLICAS = 3 COMMENT = 'three'"
    started = submit(connection, "PARTS", "echo part $SNOWFLAKE_JOB_INDEX of $SNOWFLAKE_JOBS_COUNT", more)
    assert started == "Started Snowpark Container Services Job 'PARTS'."
    (done,) = rows(connection, "CALL parts!SPCS_WAIT_FOR('DONE', 60)")
    assert "DONE" in done["SPCS_WAIT_FOR"]
    found = rows(connection, "SHOW SERVICE INSTANCES IN SERVICE PARTS")
    assert [(each["instance_id"], each["status"]) for each in found] == [(str(i), "SUCCEEDED") for i in range(3)]
    for index in range(3):
        (log,) = rows(connection, "SELECT SYSTEM$GET_SERVICE_LOGS('PARTS', %s, 'main') AS LOG", str(index))
        assert log == {"LOG": f"part {index} of 3"}
    logs = rows(
        connection, "SELECT log FROM TABLE(PARTS!SPCS_GET_LOGS()) WHERE instance_id = 1 AND container_name = 'main'"
    )
    assert logs == [{"LOG": "part 1 of 3"}]


def test_a_job_is_cancelled(connection: SnowflakeConnection) -> None:
    submit(connection, "LONG_JOB", "sleep 600", "ASYNC = TRUE")
    until(lambda: status_of(connection, "LONG_JOB") == "RUNNING")
    assert rows(connection, "SHOW COMPUTE POOLS LIKE 'JOB_POOL'")[0]["num_jobs"] == 1
    with pytest.raises(ProgrammingError, match="Current status: RUNNING"):
        rows(connection, "CALL long_job!SPCS_WAIT_FOR('DONE', 0.2)")
    assert rows(connection, "SELECT long_job!SPCS_CANCEL_JOB()") == [
        {"SPCS_CANCEL_JOB": "Job LONG_JOB successfully terminated"}
    ]
    until(lambda: status_of(connection, "LONG_JOB") == "CANCELLED")
    with pytest.raises(ProgrammingError, match=r"can never reach status DONE\. Current status: CANCELLED"):
        rows(connection, "CALL long_job!SPCS_WAIT_FOR('DONE', 60)")
    with pytest.raises(ProgrammingError, match="cannot be altered"):
        rows(connection, "ALTER SERVICE long_job SUSPEND")


def test_a_statement_that_takes_too_long_or_is_cancelled_cancels_its_job(
    environment: dict[str, str], connection: SnowflakeConnection
) -> None:
    with connect(environment) as other:
        rows(other, "ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 2")
        with pytest.raises(ProgrammingError) as caught:
            submit(other, "SLOW_JOB", "sleep 600")
        assert (caught.value.errno, caught.value.sqlstate) == (630, "57014")
    until(lambda: status_of(connection, "SLOW_JOB") == "CANCELLED")
    with connect(environment) as other:
        cursor = other.cursor()
        text = (
            f"EXECUTE JOB SERVICE IN COMPUTE POOL JOB_POOL NAME = LEFT_JOB FROM SPECIFICATION $$ {spec('sleep 600')} $$"
        )
        cursor.execute_async(text)
        until(lambda: rows(connection, "SHOW SERVICES LIKE 'LEFT_JOB'"))
        assert cursor.abort_query(str(cursor.sfqid))
        until(lambda: status_of(connection, "LEFT_JOB") == "CANCELLED")
    history = "SELECT query_id FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY()) WHERE name = 'LEFT_JOB'"
    assert rows(connection, history) == [{"QUERY_ID": cursor.sfqid}]


def test_the_history_has_every_job_and_dropped_ones(connection: SnowflakeConnection) -> None:
    submit(connection, "GONE_JOB", "true")
    rows(connection, "DROP SERVICE GONE_JOB")
    (row,) = rows(
        connection,
        "SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY(CREATED_TIME_START => DATEADD('hour', -1, CURRENT_TIMESTAMP()), "
        "RESULT_LIMIT => 10)) WHERE name = 'GONE_JOB'",
    )
    assert list(row) == [
        "QUERY_ID",
        "ID",
        "NAME",
        "DATABASE_NAME",
        "SCHEMA_NAME",
        "CREATED_TIME",
        "COMPLETED_TIME",
        "DELETED_TIME",
        "STATUS",
        "MESSAGE",
        "INSTANCE_STATUSES",
        "COMPUTE_POOL_NAME",
        "OWNER",
        "OWNER_ROLE_TYPE",
        "PARAMETERS",
        "MANAGING_OBJECT",
    ]
    assert (row["STATUS"], row["MESSAGE"]) == ("DONE", "Job completed successfully.")
    assert row["CREATED_TIME"] <= row["COMPLETED_TIME"] <= row["DELETED_TIME"]
    assert json.loads(row["PARAMETERS"]) == {"ASYNC": False}
    statuses = json.loads(row["INSTANCE_STATUSES"])
    assert (statuses["succeededInstances"], statuses["totalInstances"]) == (1, 1)
    assert statuses["instances"][0]["containers"][0]["status"] == "DONE"


def test_what_happened_to_a_job_is_told(connection: SnowflakeConnection) -> None:
    submit(connection, "TOLD_JOB", "sleep 1")
    found = rows(
        connection,
        "SELECT event_name, event_details, instance_id, container_name FROM TABLE(TOLD_JOB!SPCS_GET_EVENTS())",
    )
    told = {(row["EVENT_NAME"], json.loads(row["EVENT_DETAILS"])["status"]) for row in found}
    assert {("SERVICE.STATUS_CHANGE", "DONE"), ("SERVICE_INSTANCE.STATUS_CHANGE", "SUCCEEDED")} <= told
    assert {("CONTAINER.STATUS_CHANGE", "READY"), ("CONTAINER.STATUS_CHANGE", "DONE")} <= told


def test_jobs_and_services_are_listed_apart(connection: SnowflakeConnection) -> None:
    jobs = rows(connection, "SHOW JOB SERVICES LIKE 'SYNC%' IN SCHEMA")
    assert [row["name"] for row in jobs] == ["SYNC_JOB"]
    assert "is_job" not in jobs[0]
    assert rows(connection, "SHOW SERVICES EXCLUDE JOBS IN COMPUTE POOL JOB_POOL") == []
    both = rows(connection, "SHOW SERVICES IN COMPUTE POOL JOB_POOL LIMIT 1 FROM 'SYNC'")
    assert [row["name"] for row in both] == ["TOLD_JOB"]
    assert both[0]["is_job"] == "true"


@pytest.mark.parametrize("fails", [False, True])
def test_airflows_own_operator_runs_jobs(
    environment: dict[str, str], connection: SnowflakeConnection, fails: bool
) -> None:
    """``SnowparkContainerJobOperator`` as it comes, through a ``SnowflakeHook``."""
    from airflow.providers.snowflake.operators.snowpark_containers import SnowparkContainerJobOperator

    operator = SnowparkContainerJobOperator(
        task_id="job",
        compute_pool="JOB_POOL",
        container_name="main",
        spec_text=spec("echo from airflow; sleep 1" + ("; exit 1" if fails else "")),
        name=f"AIRFLOW_JOB_{fails}",
        replicas=2,
        query_warehouse=environment["SNOWFLAKE_WAREHOUSE"],
        external_access_integrations=["RAYDP_ACCESS_INTEGRATION"],
        poll_interval=1,
    )
    if fails:
        with pytest.raises(RuntimeError, match="finished with status: FAILED"):
            operator.execute({})  # type: ignore[arg-type]
        assert status_of(connection, "AIRFLOW_JOB_TRUE") == "FAILED"
        return
    assert operator.execute({}) == "AIRFLOW_JOB_FALSE"  # type: ignore[arg-type]
    with pytest.raises(ProgrammingError, match="does not exist") as caught:
        status_of(connection, "AIRFLOW_JOB_FALSE")
    assert caught.value.errno == 2003


def test_airflows_own_trigger_follows_a_job_from_a_file_on_a_stage(
    environment: dict[str, str], connection: SnowflakeConnection, tmp_path: Any
) -> None:
    from airflow.providers.common.compat.sdk import TaskDeferred
    from airflow.providers.snowflake.operators.snowpark_containers import SnowparkContainerJobOperator

    (tmp_path / "job.yaml").write_text(spec("sleep 1"))
    rows(connection, f"PUT 'file://{tmp_path}/job.yaml' @RAYDP_YAMLSPECS/jobs OVERWRITE=TRUE AUTO_COMPRESS=FALSE")
    operator = SnowparkContainerJobOperator(
        task_id="job",
        compute_pool="JOB_POOL",
        container_name="main",
        spec="jobs/job.yaml",
        spec_stage="@RAYDP_YAMLSPECS",
        deferrable=True,
        poll_interval=1,
    )
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute({})  # type: ignore[arg-type]

    async def first_event() -> Any:
        async for event in deferred.value.trigger.run():
            return event.payload
        return None

    event = asyncio.run(first_event())
    assert event["status"] == "DONE"
    assert event["job_name"].startswith("JOB_")
    assert operator.execute_complete({}, event) == event["job_name"]  # type: ignore[arg-type]
