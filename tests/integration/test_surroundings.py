"""What services find around them, and who else can see it: tokens, names, files and ports (SPCS reference 3.4, 3.5)."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import snowflake.connector
from snowflake.connector.errors import DatabaseError

from airflow_provider_raydp_spcs.cli.demo.connection import connect, run_script
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.local.environment import client_environment
from airflow_provider_raydp_spcs.local.paths import Paths
from airflow_provider_raydp_spcs.local.runtimes.process import MARKER, marked_processes
from airflow_provider_raydp_spcs.local.services.names import domain
from airflow_provider_raydp_spcs.shipped import shipped
from tests.integration.containers import SPEC, until

pytestmark = pytest.mark.integration
TOKEN_SECONDS = 12.0
STAGE = 'stageConfig: {name: "@RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.RAYDP_ARTIFACTS"}'
IMAGE = "/raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/web:1"
DOMAIN = domain("RAYDP_SIS_DB", "RAYDP_SIS_CORE_SCHEMA")
NAMES = {
    "BARE": "web-b:8000",
    "NEAR": f"http://web-b.{DOMAIN.partition('.')[0]}:8000/x",
    "WHOLE": f"web-b.{DOMAIN}",
    "ALL": "instances.web-b",
    "ALL_WHOLE": f"instances.web-b.{DOMAIN}:8000",
}


@pytest.fixture(scope="module")
def environment(home: Path, images: Path) -> Iterator[dict[str, str]]:
    """As that of the other tests, with service tokens that are soon old."""
    before = dict(os.environ)
    found = client_environment(daemon.up(home, port=0, images=images, token_seconds=TOKEN_SECONDS))
    os.environ.update(found)
    for script in ("step0_admin_setup.sql", "step1_user_setup.sql"):
        run_script(found, shipped("sql") / script)
    yield found
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def env(environment: dict[str, str], home: Path) -> dict[str, str]:
    """The environment of a container, while a cluster of services runs."""
    env = {"STAGE": "/mnt/stage", "TOKEN_DIR": "/mnt/token", **NAMES}
    specs = {
        "WEB_B": SPEC,
        "WEB_A": SPEC.replace("env: {", f"env: {json.dumps(env)} #").replace(
            'permission: "0600"', 'permission: "0600", mountConnectionConfig: true'
        ),
        "WEB_C": SPEC.replace(f"source: stage, {STAGE}", "source: block, size: 1Gi"),
    }
    with connect(environment) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE COMPUTE POOL WEB_POOL MIN_NODES=1 MAX_NODES=9 INSTANCE_FAMILY=CPU_X64_S")
        for name, spec in specs.items():
            cursor.execute(f"CREATE SERVICE {name} IN COMPUTE POOL WEB_POOL FROM SPECIFICATION $${spec}$$")
        for name in specs:
            until(lambda name=name: _status(cursor, name) == "RUNNING")
        cursor.execute("CREATE TABLE SEEN AS SELECT 1 AS A")
        cursor.execute(f"PUT 'file://{__file__}' @RAYDP_ARTIFACTS/x")
    identity = Paths(home).identity
    found = [psutil.Process(pid).environ() for pid in marked_processes(identity)]
    return next(each for each in found if each.get("SNOWFLAKE_SERVICE_NAME") == "WEB_A")


def _status(cursor: Any, name: str) -> str:
    row = cursor.execute(f"DESCRIBE SERVICE {name}").fetchone()
    return str(dict(zip([column.name for column in cursor.description], row, strict=True))["status"])


def test_names_of_services_lead_to_them(env: dict[str, str]) -> None:
    assert env["BARE"].endswith(":8000")
    address = env["BARE"].removesuffix(":8000")
    assert address.startswith("127.")
    assert {name: env[name] for name in NAMES} == {
        "BARE": f"{address}:8000",
        "NEAR": f"http://{address}:8000/x",
        "WHOLE": address,
        "ALL": address,
        "ALL_WHOLE": f"{address}:8000",
    }


def test_a_token_is_renewed_before_it_is_old_and_refused_afterwards(env: dict[str, str]) -> None:
    file = Path(env["TOKEN_DIR"], "token")
    arguments = {"host": env["SNOWFLAKE_HOST"], "port": int(env["SNOWFLAKE_PORT"]), "account": env["SNOWFLAKE_ACCOUNT"]}

    def is_good(token: str) -> bool:
        try:
            snowflake.connector.connect(**arguments, authenticator="oauth", token=token, login_timeout=5).close()
        except DatabaseError as error:
            if "OAuth access token" not in str(error):
                raise
            return False
        return True

    first = file.read_text()
    assert is_good(first)
    until(lambda: file.read_text() != first)
    assert is_good(file.read_text())
    until(lambda: not is_good(first))
    assert is_good(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_connection_file_lets_a_service_in(env: dict[str, str]) -> None:
    """Without anything but what the platform sets, as the documentation has it (SPCS reference 3.5)."""
    program = """if True:
        import snowflake.connector
        with snowflake.connector.connect(connection_name="default") as connection:
            print(*connection.cursor().execute("SELECT CURRENT_USER(), CURRENT_ROLE()").fetchone())
    """
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "WEB_A RAYDP_SIS_ROLE\n", done.stderr
    file = Path(env["SNOWFLAKE_HOME"], "connections.toml")
    assert Path(env["TOKEN_DIR"], "token").read_text() not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


PROGRAM = """
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

resource = Resource({"service.name": "shop", "snow.service.name": "SOMEBODY_ELSE"})
meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource)
meter = meters.get_meter("till")
meter.create_counter("sold", unit="pieces").add(3, {"what": "apples"})
meter.create_gauge("warm").set(21.5)
meter.create_histogram("waited").record(2)
meters.shutdown()
tracers = TracerProvider(resource=resource)
tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = tracers.get_tracer("till")
with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner", attributes={"a": [1, 2]}) as span:
    span.add_event("paid", {"much": True})
tracers.shutdown()
"""


def test_what_programs_measure_and_trace_is_in_the_event_table(
    env: dict[str, str], environment: dict[str, str]
) -> None:
    """By OpenTelemetry's own clients, which find the collector by the platform's variables (SPCS reference 3.5)."""
    program = json.dumps(["python", "-c", PROGRAM])
    spec = f"spec: {{containers: [{{name: main, image: {IMAGE}, command: {program}}}]}}"
    with connect(environment) as connection:
        cursor = connection.cursor()
        cursor.execute(f"EXECUTE JOB SERVICE IN COMPUTE POOL WEB_POOL NAME = TILL_JOB FROM SPECIFICATION $${spec}$$")
        found = cursor.execute(
            "SELECT RECORD_TYPE, RECORD, RECORD_ATTRIBUTES, VALUE, TRACE, RESOURCE_ATTRIBUTES, START_TIMESTAMP <= TIMESTAMP "
            "FROM SNOWFLAKE.TELEMETRY.EVENTS WHERE SCOPE:\"name\" = 'till'"
        ).fetchall()
    rows = {}
    for kind, record, attributes, value, trace, resource, in_order in found:
        record, told = json.loads(record), json.loads(resource)
        assert (told["snow.service.name"], told["snow.service.container.name"]) == ("TILL_JOB", "main")
        assert (told["snow.service.instance"], told["service.name"]) == ("0", "shop")
        name = record["metric"]["name"] if kind == "METRIC" else record["name"]
        read = [json.loads(each) if each else None for each in (attributes, value, trace)]
        rows[name] = (kind, record, *read, in_order)
    assert rows["sold"][:4] == (
        "METRIC",
        {"metric": {"name": "sold", "unit": "pieces"}, "metric_type": "sum", "value_type": "INT"},
        {"what": "apples"},
        3,
    )
    assert (rows["warm"][1]["metric_type"], rows["warm"][1]["value_type"], rows["warm"][3]) == ("gauge", "DOUBLE", 21.5)
    assert (rows["waited"][3]["count"], rows["waited"][3]["sum"]) == (1, 2)
    outer, inner, paid = rows["outer"], rows["inner"], rows["paid"]
    assert (outer[0], inner[0], paid[0]) == ("SPAN", "SPAN", "SPAN_EVENT")
    assert inner[1]["parent_span_id"] == outer[4]["span_id"]
    assert "parent_span_id" not in outer[1]
    assert (inner[1]["kind"], inner[1]["status"]) == ("SPAN_KIND_INTERNAL", "STATUS_CODE_UNSET")
    assert (inner[2], paid[2]) == ({"a": [1, 2]}, {"much": True})
    assert paid[4] == inner[4]
    assert inner[4]["trace_id"] == outer[4]["trace_id"]
    assert (outer[5], inner[5], rows["sold"][5]) == (True, True, True)


def test_nobody_but_services_hands_over_telemetry(env: dict[str, str], environment: dict[str, str]) -> None:
    ours = {key: value for key, value in env.items() if key != MARKER}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=ours, capture_output=True, text=True, check=False)
    assert "PERMISSION_DENIED" in done.stderr
    with connect(environment) as connection:
        rows = connection.cursor().execute(
            "SELECT 1 FROM SNOWFLAKE.TELEMETRY.EVENTS WHERE RESOURCE_ATTRIBUTES:\"snow.service.name\" = 'WEB_A' "
            "AND SCOPE:\"name\" = 'till'"
        )
        assert rows.fetchall() == []


def test_a_stage_without_the_privilege_to_write_is_mounted_to_be_read(
    env: dict[str, str], home: Path, environment: dict[str, str]
) -> None:
    """SPCS reference 3.3."""
    del env
    with connect(environment) as connection:
        cursor = connection.cursor()
        for statement in (
            "USE ROLE ACCOUNTADMIN",
            "CREATE STAGE RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.READABLE ENCRYPTION=(TYPE='SNOWFLAKE_SSE')",
            f"PUT 'file://{__file__}' @RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.READABLE AUTO_COMPRESS=FALSE",
            "GRANT READ ON STAGE RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.READABLE TO ROLE RAYDP_SIS_ROLE",
            "USE ROLE RAYDP_SIS_ROLE",
        ):
            cursor.execute(statement)
        script = '["/bin/sh", "-c", "ls /mnt/stage; echo x > /mnt/stage/new; rm -f /mnt/stage/*.py; exec sleep 600"]'
        spec = SPEC.replace("RAYDP_ARTIFACTS", "READABLE").replace("    env:", f"    command: {script}\n    env:")
        cursor.execute(f"CREATE SERVICE READER IN COMPUTE POOL WEB_POOL FROM SPECIFICATION $${spec}$$")
        log = Paths(home).logs / "RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.READER" / "0-main.log"
        until(lambda: log.exists() and log.read_text().count("Read-only file system") == 2)
        assert Path(__file__).name in log.read_text()
        assert [row[0] for row in cursor.execute("LIST @READABLE").fetchall()] == [f"readable/{Path(__file__).name}"]
        cursor.execute("DROP SERVICE READER")


def test_nobody_else_can_read_or_enter_anything(env: dict[str, str], home: Path, environment: dict[str, str]) -> None:
    assert Path(environment["SNOWFLAKE_HOME"], "connections.toml").exists()
    paths = Paths(home)
    wide = []
    for root in (home, paths.scratch):
        assert root.is_dir()
        for folder, folders, files in os.walk(root):
            for path in (Path(folder), *(Path(folder, name) for name in (*folders, *files))):
                mode = path.lstat().st_mode
                # A link's own mode says nothing, and nobody gets as far as its folder.
                if not stat.S_ISLNK(mode) and mode & 0o077:
                    wide.append((str(path), oct(mode)))
    assert wide == []
    assert Path(env["TOKEN_DIR"], "token").is_relative_to(paths.scratch)


def test_the_server_listens_on_loopback_only(env: dict[str, str], home: Path) -> None:
    del env
    server = psutil.Process(daemon.status(home).pid)
    listening = [each.laddr for each in server.net_connections("inet") if each.status == psutil.CONN_LISTEN]
    assert len(listening) >= 4, "the server's own port and those of three public endpoints"
    assert all(ipaddress.ip_address(each.ip.removeprefix("::ffff:")).is_loopback for each in listening)


def test_no_secret_is_in_a_process_argument_or_a_log(
    env: dict[str, str], home: Path, environment: dict[str, str]
) -> None:
    secrets = [environment["SNOWFLAKE_PASSWORD"], Path(env["TOKEN_DIR"], "token").read_text()]
    family = [daemon.status(home).pid, *marked_processes(Paths(home).identity)]
    seen = []
    for pid in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile; a zombie counts as that
            seen.append(" ".join(psutil.Process(pid).cmdline()))
    assert seen
    seen += [path.read_text(errors="replace") for path in Paths(home).logs.rglob("*") if path.is_file()]
    assert not [text for text in seen for secret in secrets if secret in text]
