"""``snow spcs service``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration.containers import until
from tests.integration.snowflake_cli.snow import Snow

DONE = {"status": "Statement executed successfully."}
SPEC = """
spec:
  containers:
  - name: main
    image: /raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/{image}:1
    env: {{GREETING: "$$ it's {image} $$"}}
"""
ENDPOINTS = """
  endpoints:
  - {name: web, port: 8000, public: true}
  - {name: inside, port: 9000, protocol: TCP}
  platformMonitor: {metricConfig: {groups: [system, system_limits, status]}}
"""
PROJECT = """
definition_version: 2
entities:
  service:
    type: service
    identifier: deployed
    stage: service_files
    compute_pool: workers
    spec_file: specs/web.yaml
    comment: of the project
    artifacts:
    - {src: web.yaml, dest: specs/}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "web.yaml").write_text(SPEC.format(image="web") + ENDPOINTS)
    for image in ("work", "crash"):
        (folder / f"{image}.yaml").write_text(SPEC.format(image=image))
    (folder / "snowflake.yml").write_text(PROJECT)
    return folder


@pytest.fixture(scope="module")
def pool(snow: Snow) -> Iterator[str]:
    snow.says("spcs", "compute-pool", "create", "workers", "--family", "CPU_X64_XS", "--max-nodes", "4")
    yield "workers"
    snow.says("sql", "-q", "alter compute pool workers stop all; drop compute pool workers")


@pytest.fixture(scope="module")
def service(snow: Snow, project: Path, pool: str, environment: dict[str, str]) -> Iterator[str]:
    from airflow_provider_raydp_spcs.cli.demo.connection import connect

    making = ("spcs", "service", "create", "web", "--compute-pool", pool, "--spec-path", str(project / "web.yaml"))
    snow.says(*making, "--min-instances", "1", "--max-instances", "2", "--comment", "it's a service")
    with connect(environment) as connection:
        until(lambda: state(ConnectorSession(connection), "web") == "RUNNING")
    yield "web"
    assert "WEB successfully dropped." in snow.says("spcs", "service", "drop", "web")


def of(snow: Snow, *command: str, folder: Path | None = None) -> Any:
    return snow.rows("spcs", "service", *command, folder=folder)


def state(session: ConnectorSession, name: str) -> str:
    return str(session.execute(f"DESCRIBE SERVICE {name}")[0]["status"])


def test_a_service_is_listed_and_described(snow: Snow, service: str) -> None:
    (row,) = of(snow, "list", "--like", "we_")
    expected = {"name": "WEB", "status": "RUNNING", "compute_pool": "WORKERS", "max_instances": 2, "is_job": "false"}
    assert expected.items() <= row.items()
    described = of(snow, "describe", service)
    described = described[0] if isinstance(described, list) else described
    assert described["comment"] == "it's a service"
    assert described["spec"].startswith("---")


def test_what_is_in_a_service(snow: Snow, service: str) -> None:
    (instance,) = of(snow, "list-instances", service)
    assert (instance["instance_id"], instance["status"]) == ("0", "READY")
    (container,) = of(snow, "list-containers", service)
    assert (container["container_name"], container["status"], container["message"]) == ("main", "READY", "Running")
    endpoints = {
        row["name"]: (row["port"], row["protocol"], row["is_public"]) for row in of(snow, "list-endpoints", service)
    }
    assert endpoints == {"web": (8000, "HTTP", "true"), "inside": (9000, "TCP", "false")}
    assert [row["name"] for row in of(snow, "list-roles", service)] == ["ALL_ENDPOINTS_USAGE"]


def test_its_status_and_its_logs(snow: Snow, service: str) -> None:
    (status,) = of(snow, "status", service)
    assert (status["status"], status["containerName"], status["instanceId"]) == ("READY", "main", "0")
    logs = ("spcs", "service", "logs", service, "--container-name", "main", "--instance-id", "0")
    assert "listening" in snow.says(*logs)
    stamped = snow.says(*logs, "--include-timestamps", "--num-lines", "1")
    assert stamped.split()[0].startswith("20")


def test_its_events(snow: Snow, service: str) -> None:
    events = of(snow, "events", service, "--since", "1 hour")
    changes = {(row["CONTAINER NAME"], row["EVENT NAME"]) for row in events}
    assert ("main", "CONTAINER.STATUS_CHANGE") in changes
    assert {row["SERVICE NAME"] for row in events} == {"WEB"}
    (last,) = of(snow, "events", service, "--container-name", "main", "--instance-id", "0", "--last", "1")
    assert last["DATABASE NAME"] == "RAYDP_SIS_DB"


def test_its_metrics(snow: Snow, service: str) -> None:
    metrics = of(snow, "metrics", service, "--container-name", "main", "--instance-id", "0")
    found = {row["METRIC NAME"]: float(row["METRIC VALUE"]) for row in metrics}
    assert found["container.memory.usage"] > 0
    assert found["container.memory.requested"] == 0.5 * 1024**3
    assert (found["container.cpu.limit"], found["container.restarts"]) == (1, 0)
    since = of(snow, "metrics", service, "--container-name", "main", "--instance-id", "0", "--since", "1 hour")
    assert {row["CONTAINER NAME"] for row in since} == {"main"}


def test_its_properties_change(snow: Snow, service: str) -> None:
    assert of(snow, "set", service, "--comment", "another", "--query-warehouse", "raydp_sis_xsw") == DONE
    assert of(snow, "set", service, "--max-instances", "3", "--no-auto-resume") == DONE
    (row,) = of(snow, "list", "--like", "web")
    expected = {"comment": "another", "query_warehouse": "RAYDP_SIS_XSW", "max_instances": 3, "auto_resume": "false"}
    assert expected.items() <= row.items()
    everything = ("--comment", "--query-warehouse", "--max-instances", "--min-instances", "--auto-resume")
    assert of(snow, "unset", service, *everything, "--auto-suspend-secs") == DONE
    (row,) = of(snow, "list", "--like", "web")
    expected = {"comment": None, "query_warehouse": None, "max_instances": 1, "auto_resume": "true"}
    assert expected.items() <= row.items()


def test_it_is_upgraded_suspended_and_resumed(
    snow: Snow, service: str, project: Path, session: ConnectorSession
) -> None:
    assert of(snow, "upgrade", service, "--spec-path", str(project / "web.yaml")) == DONE
    until(lambda: state(session, service) == "RUNNING")
    assert of(snow, "suspend", service) == DONE
    until(lambda: state(session, service) == "SUSPENDED")
    assert of(snow, "resume", service) == DONE
    until(lambda: state(session, service) == "RUNNING")


def test_a_service_that_is_there_already(snow: Snow, service: str, project: Path) -> None:
    making = ("spcs", "service", "create", service, "--compute-pool", "workers", "--spec-path")
    assert "Service WEB already exists." in snow.fails(*making, str(project / "web.yaml"))


def test_a_project_deploys_its_service(snow: Snow, project: Path, pool: str, session: ConnectorSession) -> None:
    assert pool
    made = of(snow, "deploy", folder=project)
    assert made == {"status": "Service DEPLOYED successfully created."}
    until(lambda: state(session, "deployed") == "RUNNING")
    assert of(snow, "deploy", "--upgrade", folder=project) == DONE
    assert session.execute("DESCRIBE SERVICE deployed")[0]["comment"] == "of the project"
    assert "DEPLOYED successfully dropped." in snow.says("spcs", "service", "drop", "deployed")


def test_a_job_runs_to_its_end(snow: Snow, project: Path, pool: str) -> None:
    job = ("execute-job", "--compute-pool", pool, "--spec-path", str(project / "work.yaml"))
    assert of(snow, *job, "job1") == {"status": "Job JOB1 completed successfully with status: DONE."}
    (row,) = of(snow, "list", "--like", "job1")
    assert (row["status"], row["is_job"], row["is_async_job"]) == ("DONE", "true", "false")
    said = snow.says("spcs", "service", "logs", "job1", "--container-name", "main", "--instance-id", "0")
    assert "worked" in said


def test_a_job_runs_beside(snow: Snow, project: Path, pool: str, session: ConnectorSession) -> None:
    job = ("execute-job", "job2", "--compute-pool", pool, "--spec-path", str(project / "work.yaml"))
    assert of(snow, *job, "--async", "--replicas", "2") == {"status": "Started Snowpark Container Services Job 'JOB2'."}
    until(lambda: state(session, "job2") == "DONE")
    assert [row["instance_id"] for row in of(snow, "list-instances", "job2")] == ["0", "1"]


def test_a_job_that_fails_says_so(snow: Snow, project: Path, pool: str) -> None:
    job = ("spcs", "service", "execute-job", "job3", "--compute-pool", pool, "--spec-path", str(project / "crash.yaml"))
    said = snow.fails(*job)
    assert "JOB3" in said
    assert "FAILED" in said
