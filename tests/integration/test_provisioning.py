"""A local Snowflake whose nodes and addresses take their time, as the real one's do, and services over the wire meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector import DictCursor, SnowflakeConnection
from snowflake.connector.errors import ProgrammingError

from airflow_provider_raydp_spcs.cli.demo.connection import connect, run_script
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.local.environment import client_environment
from airflow_provider_raydp_spcs.shipped import shipped
from tests.integration.containers import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
SECONDS = 8
SPEC = """
spec:
  containers:
  - name: main
    image: /raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/web:1
    env: {{VERSION: "{version}"}}
    readinessProbe: {{port: 8000, path: /ready}}
  endpoints: [{{name: web, port: 8000, public: true}}]
"""


@pytest.fixture(scope="module")
def connection(images: Path) -> Iterator[SnowflakeConnection]:
    home, before = Path(tempfile.mkdtemp(prefix="sf-")), dict(os.environ)
    command = [sys.executable, "-m", "airflow_provider_raydp_spcs.cli", "local", "up", "--home", str(home)]
    command += ["--images", str(images), "--provisioning-seconds", str(SECONDS)]
    try:
        subprocess.run(command, check=True, timeout=120)
        environment = client_environment(daemon.status(home))
        os.environ.update(environment)
        for script in ("step0_admin_setup.sql", "step1_user_setup.sql"):
            run_script(environment, shipped("sql") / script)
        with connect(environment) as made:
            yield made
    finally:
        os.environ.clear()
        os.environ.update(before)
        daemon.down(home)
        shutil.rmtree(home, ignore_errors=True)


def rows(connection: SnowflakeConnection, text: str) -> list[dict[str, Any]]:
    found = connection.cursor(DictCursor).execute(text)
    assert found is not None
    return list(found.fetchall())


def test_everything_says_that_it_is_on_its_way_until_it_is_there(connection: SnowflakeConnection) -> None:
    rows(connection, "CREATE COMPUTE POOL SLOW MIN_NODES=1 MAX_NODES=2 INSTANCE_FAMILY=CPU_X64_S")
    rows(
        connection,
        f"CREATE SERVICE A IN COMPUTE POOL SLOW FROM SPECIFICATION $${SPEC.format(version=1)}$$ MIN_INSTANCES=2",
    )
    (pool,) = rows(connection, "DESCRIBE COMPUTE POOL SLOW")
    assert (pool["state"], pool["active_nodes"], pool["target_nodes"]) == ("STARTING", 0, 1)
    assert pool["status_message"] == "Compute pool is starting for last 0 minutes"
    assert rows(connection, "SHOW NODES IN COMPUTE POOL SLOW") == []
    container = until(lambda: rows(connection, "SHOW SERVICE CONTAINERS IN SERVICE A")[0])
    assert container["service_status"] == "PENDING"
    until(
        lambda: (
            rows(connection, "SHOW SERVICE CONTAINERS IN SERVICE A")[0]["message"]
            == "Compute pool node(s) are being provisioned"
        )
    )
    (endpoint,) = rows(connection, "SHOW ENDPOINTS IN SERVICE A")
    assert endpoint["ingress_url"] == "Endpoints provisioning in progress... check back in a few minutes"
    with pytest.raises(ProgrammingError, match="Container Status: PENDING"):
        rows(connection, "CALL SYSTEM$GET_SERVICE_LOGS('A', 0, 'main')")
    rows(connection, "SELECT SYSTEM$WAIT_FOR_SERVICES(120, 'A')")
    (pool,) = rows(connection, "DESCRIBE COMPUTE POOL SLOW")
    assert (pool["state"], pool["active_nodes"], pool["idle_nodes"]) == ("ACTIVE", 1, 0)
    until(lambda: ":" in rows(connection, "SHOW ENDPOINTS IN SERVICE A")[0]["ingress_url"])
    assert len(rows(connection, "SHOW NODES IN COMPUTE POOL SLOW")) == 1


def test_an_upgrade_and_a_suspension_over_the_wire(connection: SnowflakeConnection) -> None:
    (before,) = rows(connection, "SHOW ENDPOINTS IN SERVICE A")
    rows(connection, f"ALTER SERVICE A FROM SPECIFICATION $${SPEC.format(version=2)}$$")
    assert rows(connection, "DESC SERVICE A")[0]["is_upgrading"] == "true"
    rows(connection, "CALL A!SPCS_WAIT_FOR('RUNNING', 60)")
    rows(connection, "SELECT SYSTEM$WAIT_FOR_SERVICES(120, 'A')")
    assert rows(connection, "DESC SERVICE A")[0]["is_upgrading"] == "false"
    found = rows(connection, "SHOW SERVICE INSTANCES IN SERVICE A")
    assert len({row["spec_digest"] for row in found}) == 1
    assert [row["instance_id"] for row in found] == ["0", "1"]
    assert found[0]["start_time"] >= found[1]["start_time"], "the highest instance goes first"
    assert rows(connection, "SHOW ENDPOINTS IN SERVICE A") == [before]
    rows(connection, "ALTER COMPUTE POOL SLOW SUSPEND")
    rows(connection, "CALL A!SPCS_WAIT_FOR('SUSPENDED', 60)")
    until(lambda: rows(connection, "DESC COMPUTE POOL SLOW")[0]["state"] == "SUSPENDED")
    rows(connection, "ALTER SERVICE A RESUME")
    assert rows(connection, "DESC COMPUTE POOL SLOW")[0]["state"] == "STARTING"
    rows(connection, "ALTER COMPUTE POOL SLOW STOP ALL")
    until(lambda: rows(connection, "SHOW SERVICES") == [])
    assert rows(connection, "DROP COMPUTE POOL SLOW") == [{"status": "SLOW successfully dropped."}]


def test_functions_stand_anywhere_in_a_statement(connection: SnowflakeConnection) -> None:
    text = "SELECT PARSE_JSON(SYSTEM$GET_COMPUTE_POOL_STATUS('FAST')):status::string AS STATE, 'SYSTEM$GET_SERVICE_LOGS(1)' AS T"
    rows(
        connection,
        "CREATE COMPUTE POOL FAST MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_S INITIALLY_SUSPENDED=TRUE",
    )
    assert rows(connection, text) == [{"STATE": "SUSPENDED", "T": "SYSTEM$GET_SERVICE_LOGS(1)"}]
    (domain,) = rows(connection, "SELECT SYSTEM$GET_SERVICE_DNS_DOMAIN('RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA') AS D")
    assert domain["D"].endswith(".svc.spcs.internal")
    repository = "/raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo"
    (images,) = rows(connection, f"SELECT SYSTEM$REGISTRY_LIST_IMAGES('{repository}') AS I")
    assert images["I"].startswith('{"images":["crash",')


def test_the_event_table_answers_what_snowflake_cli_asks(connection: SnowflakeConnection) -> None:
    rows(connection, "CREATE COMPUTE POOL TOLD MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_S")
    more = "platformMonitor: {metricConfig: {groups: [system, status]}}"
    rows(connection, f"CREATE SERVICE T IN COMPUTE POOL TOLD FROM SPECIFICATION $${SPEC.format(version=1)}  {more}$$")
    rows(connection, "CALL T!SPCS_WAIT_FOR('RUNNING', 60)")
    (parameter,) = rows(connection, "show parameters like 'event_table' in account")
    text = f"""
        select * from (select * from {parameter["value"]} where (
            upper(resource_attributes:"snow.service.name") = upper('t')
            and (resource_attributes:"snow.service.instance" = '0'
                 OR resource_attributes:"snow.service.container.instance" = '0')
            and timestamp >= sysdate() - interval '1 hour')
            and record_type = 'EVENT' and scope['name'] = 'snow.spcs.platform'
            order by timestamp desc limit 5)
        order by timestamp asc"""
    until(lambda: rows(connection, text)[-1:] and json.loads(rows(connection, text)[-1]["VALUE"])["status"] == "READY")
    last = rows(connection, text)[-1]
    assert last["RECORD_ATTRIBUTES"] is None
    assert json.loads(last["RECORD"])["severity_text"] == "INFO"
    ranked = f"""
        with rankedmetrics as (
            select *, row_number() over (
                partition by COALESCE(record['name'], record['metric']['name']) order by timestamp desc) as rank
            from {parameter["value"]}
            where record_type = 'METRIC' and scope['name'] = 'snow.spcs.platform'
                and timestamp > dateadd('hour', -1, current_timestamp))
        select * from rankedmetrics where rank = 1 order by timestamp desc;"""

    def measured() -> dict[str, str]:
        return {json.loads(row["RECORD"])["metric"]["name"]: row["VALUE"] for row in rows(connection, ranked)}

    until(lambda: "container.memory.usage" in measured())
    names = measured()
    assert float(names["container.memory.usage"]) > 1_000_000
    assert names["container.state.running"] == "1"
    (one,) = rows(
        connection,
        "SELECT VALUE, UNIT FROM TABLE(T!SPCS_GET_METRICS()) WHERE METRIC_NAME = 'container.restarts' LIMIT 1",
    )
    assert one == {"VALUE": "0", "UNIT": "restarts"}
    lines = rows(connection, "SELECT LOG FROM TABLE(T!SPCS_GET_LOGS()) ORDER BY TIMESTAMP LIMIT 1")
    assert lines == [{"LOG": "listening"}]
    logs = "TABLE(SPLIT_TO_TABLE(SYSTEM$GET_SERVICE_LOGS('T', 0, 'main'), '\\n'))"
    found = rows(connection, f"SELECT index, value AS log_line FROM {logs} WHERE CONTAINS(log_line, 'listening')")
    assert found == [{"INDEX": 1, "LOG_LINE": "listening"}]
