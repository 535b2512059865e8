"""The local Snowflake and clients that this project did not write: the connector and Airflow's SnowflakeHook."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import snowflake.connector
from snowflake.connector.errors import DatabaseError, ProgrammingError

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect, run_script
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.local.environment import client_environment
from airflow_provider_raydp_spcs.local.paths import Paths
from airflow_provider_raydp_spcs.local.runtimes.process import marked_processes
from airflow_provider_raydp_spcs.shipped import shipped
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

# A web server that tells what it got, in an "image" of its own; it also leaves a daemon behind in a new session.
SERVER = """
import http.server, json, os, socket, subprocess
subprocess.Popen(["sleep", "600"], start_new_session=True)
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"path": self.path, "headers": dict(self.headers), "env": dict(os.environ)}).encode()
        self.send_response(200); self.send_header("Server", "mine"); self.send_header("Content-Length", str(len(body)))
        self.end_headers(); self.wfile.write(body)
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): print("asked for", self.path, flush=True)
print("listening", flush=True)
http.server.ThreadingHTTPServer((os.environ["SPCS_INSTANCE_ADDRESS"], 8000), H).serve_forever()
"""
# An echo over WebSockets; the probe's plain GET is answered as well.
ECHO = """
import os
from websockets.sync.server import serve

def echo(socket):
    for message in socket:
        socket.send(message)

def plain(connection, request):
    return connection.respond(200, "up") if request.path == "/ready" else None

with serve(echo, os.environ["SPCS_INSTANCE_ADDRESS"], 8000, process_request=plain) as server:
    server.serve_forever()
"""
SPEC = """
spec:
  containers:
  - name: main
    image: /raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/web:1
    env: {STAGE: /mnt/stage, OTHER: "web-b:8000", TOKEN_DIR: /mnt/token}
    readinessProbe: {port: 8000, path: /ready}
    volumeMounts: [{name: st, mountPath: /mnt/stage}]
    sessionTokenConfig: {path: /mnt/token, permission: "0600"}
  endpoints: [{name: web, port: 8000, public: true}]
  volumes: [{name: st, source: stage, stageConfig: {name: "@RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.RAYDP_ARTIFACTS"}}]
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    (folder / "web").mkdir()
    (folder / "web" / "server.py").write_text(SERVER)
    program = str(folder / "web" / "server.py")
    (folder / "web" / "Dockerfile").write_text(
        f'FROM scratch\nENV GREETING=hello\nENTRYPOINT ["python", "{program}"]\n'
    )
    (folder / "echo").mkdir()
    (folder / "echo" / "server.py").write_text(ECHO)
    program = str(folder / "echo" / "server.py")
    (folder / "echo" / "Dockerfile").write_text(f'FROM scratch\nENTRYPOINT ["python", "{program}"]\n')
    (folder / "crash").mkdir()
    (folder / "crash" / "Dockerfile").write_text(
        'FROM scratch\nENTRYPOINT ["/bin/sh", "-c", "echo out of luck; exit 3"]\n'
    )
    return folder


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sf-"))
    yield folder
    daemon.down(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def environment(home: Path, images: Path) -> Iterator[dict[str, str]]:
    before = dict(os.environ)
    found = client_environment(daemon.up(home, port=0, images=images))
    os.environ.update(found)
    for script in ("step0_admin_setup.sql", "step1_user_setup.sql"):
        run_script(found, shipped("sql") / script)
    yield found
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def session(environment: dict[str, str]) -> Iterator[ConnectorSession]:
    with connect(environment) as connection:
        yield ConnectorSession(connection)


def until(condition: Any, seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


def test_a_wrong_password_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(DatabaseError, match="Incorrect username or password") as caught:
        connect(environment, password="wrong")
    assert caught.value.errno == 390100


def test_without_the_authority_nobody_connects(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    import certifi

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    with pytest.raises(Exception, match="certificate verify failed"):
        connect(environment, login_timeout=5)


def test_tables_live_in_transactions_and_binds(session: ConnectorSession) -> None:
    session.execute("CREATE OR REPLACE TABLE T (A NUMBER(9), B VARCHAR, C DATE)")
    session.execute("INSERT INTO T VALUES (%s, %s, %s)", [1, "it's; $$ -- %s", "2013-01-01"])
    session.execute("BEGIN")
    session.execute("DELETE FROM T")
    session.execute("ROLLBACK")
    (row,) = session.execute("SELECT * FROM T WHERE B = %s", ["it's; $$ -- %s"])
    assert (row["a"], str(row["c"])) == (1, "2013-01-01")


def test_airflows_own_hook_works_unmodified(environment: dict[str, str]) -> None:
    from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook

    del environment  # AIRFLOW_CONN_SNOWFLAKE_DEFAULT is all it needs
    hook = SnowflakeHook(snowflake_conn_id="snowflake_default")
    assert hook.get_first("SELECT CURRENT_ROLE(), 1 + 1") == ("RAYDP_SIS_ROLE", 2)
    hook.run("CREATE OR REPLACE TABLE H (A INT)")
    hook.insert_rows("H", [(1,), (2,)])
    assert hook.get_records("SELECT SUM(A) FROM H") == [(3,)]


def test_the_default_connection_of_the_connector_is_the_local_one(environment: dict[str, str]) -> None:
    import subprocess
    import sys

    code = "import snowflake.connector as s; print(s.connect().cursor().execute('select current_schema()').fetchone())"
    out = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], env=os.environ | environment, text=True)
    assert "RAYDP_SIS_CORE_SCHEMA" in out


def test_files_go_up_and_down_through_the_connector(session: ConnectorSession, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"part {number}.txt").write_text(f"content {number}\n" * 1000)
    client = client_of(session.connection)
    rows = client.stages.put(tmp_path / "part*.txt", "@RAYDP_ARTIFACTS/up/deep")
    assert [row["status"] for row in rows] == ["UPLOADED"] * 3
    again = client.stages.put(tmp_path / "part 0.txt", "@RAYDP_ARTIFACTS/up/deep", overwrite=False)
    assert again[0]["status"] == "SKIPPED"
    names = [file.path for file in client.stages.files("@RAYDP_ARTIFACTS/up/")]
    assert names == [f"up/deep/part {number}.txt" for number in range(3)]
    client.stages.get("@RAYDP_ARTIFACTS/up/deep", tmp_path / "down")
    assert (tmp_path / "down" / "part 2.txt").read_text() == (tmp_path / "part 2.txt").read_text()
    session.execute("CREATE OR REPLACE TABLE LINES (L VARCHAR)")
    session.execute("COPY INTO LINES FROM @RAYDP_ARTIFACTS/up/deep FILE_FORMAT = (TYPE = CSV)")
    assert session.execute("SELECT COUNT(*) AS N FROM LINES")[0]["n"] == 3000
    assert len(client.stages.remove("@RAYDP_ARTIFACTS/up")) == 3


def test_stage_files_are_not_open_to_everybody(environment: dict[str, str]) -> None:
    url = f"https://127.0.0.1:{environment['SNOWFLAKE_PORT']}/spcs-stages/RAYDP_SIS_DB/RAYDP_SIS_CORE_SCHEMA/RAYDP_ARTIFACTS/x"
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        for method in ("GET", "PUT", "HEAD"):
            assert httpx.request(method, url, headers=headers, verify=environment["SSL_CERT_FILE"]).status_code == 403


def test_failures_are_never_http_errors(environment: dict[str, str], session: ConnectorSession) -> None:
    """SPCS reference, part 0, point 5: a 5xx would make the connector try again for minutes."""
    for text in (
        "CREATE PROCEDURE X() RETURNS INT LANGUAGE SQL AS 'x'",
        "SELECT * FROM NOWHERE",
        "SHOW NONSENSE IN X",
        "'",
    ):
        start = time.monotonic()
        with pytest.raises(ProgrammingError):
            session.connection.cursor().execute(text)
        assert time.monotonic() - start < 20, "the connector must not have tried again"
    reply = httpx.post(
        f"https://127.0.0.1:{environment['SNOWFLAKE_PORT']}/queries/v1/query-request",
        content=b"\x00nonsense",
        verify=environment["SSL_CERT_FILE"],
    )
    assert (reply.status_code, reply.json()["success"]) == (200, False)


@pytest.fixture(scope="module")
def web(environment: dict[str, str]) -> str:
    """Two services; answers the address of the first one's endpoint."""
    with connect(environment) as connection:
        session, client = ConnectorSession(connection), client_of(connection)
        session.execute("CREATE COMPUTE POOL WEB_POOL MIN_NODES=1 MAX_NODES=2 INSTANCE_FAMILY=CPU_X64_S")
        for name in ("WEB_B", "WEB_A"):
            session.execute(f"CREATE SERVICE {name} IN COMPUTE POOL WEB_POOL FROM SPECIFICATION $${SPEC}$$ COMMENT='c'")
        until(lambda: all(each.status is ServiceStatus.RUNNING for each in client.services.show("WEB_")))
        (endpoint,) = until(lambda: [each for each in client.services.endpoints("WEB_A") if each.ingress_host])
    return f"https://{endpoint.ingress_host}"


@pytest.fixture
def token(session: ConnectorSession) -> dict[str, str]:
    from airflow_provider_raydp_spcs.spcs.ingress import session_tokens

    return session_tokens(session.connection).headers()


def test_the_ingress_asks_everybody_to_sign_in(environment: dict[str, str], web: str) -> None:
    """SPCS reference 4.5."""
    verify = environment["SSL_CERT_FILE"]
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": 'Snowflake Token="nonsense"'}):
        assert httpx.get(web, headers=headers, verify=verify).status_code == 302


def test_the_ingress_changes_headers_as_the_reference_says(
    environment: dict[str, str], web: str, token: dict[str, str]
) -> None:
    """SPCS reference 4.4."""
    verify = environment["SSL_CERT_FILE"]
    reply = httpx.get(f"{web}/a%20b?c=d", headers={**token, "X-Own": "1"}, verify=verify)
    assert reply.status_code == 200
    got = reply.json()
    assert got["path"] == "/a%20b?c=d"
    headers = {name.lower(): value for name, value in got["headers"].items()}
    assert headers["x-own"] == "1"
    assert headers["sf-context-current-user"] == "RAYDP"
    assert "authorization" not in headers
    assert "server" not in reply.headers
    assert reply.headers["x-frame-options"] == "DENY"
    assert httpx.post(web, headers=token, content=b"x" * 100_000, verify=verify).content == b"x" * 100_000
    assert httpx.request("TRACE", web, headers=token, verify=verify).status_code == 405


def test_containers_find_what_the_platform_promises(
    environment: dict[str, str], home: Path, web: str, token: dict[str, str]
) -> None:
    """SPCS reference 3.5; and nothing of the user's own environment."""
    env = httpx.get(web, headers=token, verify=environment["SSL_CERT_FILE"]).json()["env"]
    assert env["GREETING"] == "hello"
    assert env["SNOWFLAKE_SERVICE_NAME"] == "WEB_A"
    assert env["SNOWFLAKE_SCHEMA"] == "RAYDP_SIS_CORE_SCHEMA"
    assert "SNOWFLAKE_PASSWORD" not in env
    assert not [name for name in env if name.startswith("AIRFLOW")]
    assert env["OTHER"].startswith("127.")
    assert env["OTHER"].endswith(":8000")
    assert Path(env["STAGE"]) == Paths(home).stages / "RAYDP_SIS_DB" / "RAYDP_SIS_CORE_SCHEMA" / "RAYDP_ARTIFACTS"
    file = Path(env["TOKEN_DIR"]) / "token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    arguments = {"host": env["SNOWFLAKE_HOST"], "port": int(env["SNOWFLAKE_PORT"]), "account": env["SNOWFLAKE_ACCOUNT"]}
    with snowflake.connector.connect(**arguments, authenticator="oauth", token=file.read_text()) as inside:
        assert inside.cursor().execute("SELECT CURRENT_USER(), CURRENT_ROLE()").fetchone() == (
            "WEB_A",
            "RAYDP_SIS_ROLE",
        )
    with pytest.raises(DatabaseError, match="Invalid OAuth access token"):
        snowflake.connector.connect(**arguments, authenticator="oauth", token="nonsense", login_timeout=5)


def test_logs_are_those_of_the_container(session: ConnectorSession, web: str) -> None:
    del web
    assert "listening" in client_of(session.connection).services.logs("WEB_A", "0", "main")


def test_a_container_that_ends_is_started_again_and_told_of(session: ConnectorSession, web: str) -> None:
    del web
    spec = SPEC.replace("web:1", "crash:1")
    session.execute(f"CREATE SERVICE CRASH IN COMPUTE POOL WEB_POOL FROM SPECIFICATION $${spec}$$")
    client = client_of(session.connection)
    (container,) = until(lambda: [each for each in client.services.containers("CRASH") if each.restart_count >= 2])
    assert container.last_exit_code == "3"
    assert client.services.logs("CRASH", "0", "main").splitlines()[-1] == "out of luck"
    client.services.drop("CRASH")
    until(lambda: client.services.show("CRASH") == [])


def test_an_image_that_is_not_there_is_said_so(session: ConnectorSession, web: str) -> None:
    del web
    spec = SPEC.replace("web:1", "nowhere:1")
    session.execute(f"CREATE SERVICE LOST IN COMPUTE POOL WEB_POOL FROM SPECIFICATION $${spec}$$")
    client = client_of(session.connection)
    until(lambda: [each for each in client.services.containers("LOST") if each.message == "Failed to pull image"])
    client.services.drop("LOST")


def test_suspend_resume_and_drop_leave_no_process(session: ConnectorSession, home: Path, web: str) -> None:
    del web
    client = client_of(session.connection)
    client.services.suspend("WEB_B")
    until(lambda: client.services.describe("WEB_B").status is ServiceStatus.SUSPENDED)
    client.services.resume("WEB_B")
    until(lambda: client.services.describe("WEB_B").status is ServiceStatus.RUNNING)
    client.services.drop("WEB_B")
    until(lambda: client.services.show("WEB_B") == [])
    left = [
        psutil.Process(pid).environ().get("SNOWFLAKE_SERVICE_NAME") for pid in marked_processes(Paths(home).identity)
    ]
    assert set(left) <= {"WEB_A"}


def test_websockets_pass_with_a_token_only(
    environment: dict[str, str], session: ConnectorSession, web: str, token: dict[str, str]
) -> None:
    """SPCS reference 4.1."""
    import ssl

    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect as dial

    del web
    client = client_of(session.connection)
    spec = SPEC.replace("web:1", "echo:1")
    session.execute(f"CREATE SERVICE ECHO IN COMPUTE POOL WEB_POOL FROM SPECIFICATION $${spec}$$")
    until(lambda: client.services.describe("ECHO").status is ServiceStatus.RUNNING)
    (host,) = until(lambda: [each.ingress_host for each in client.services.endpoints("ECHO") if each.ingress_host])
    context = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])
    with pytest.raises(InvalidStatus):
        dial(f"wss://{host}/x", ssl=context)
    with dial(f"wss://{host}/x?y=z", ssl=context, additional_headers=token) as socket:
        for message in ("text é", b"\x00bytes", "x" * 200_000):
            socket.send(message)
            assert socket.recv(timeout=20) == message
    client.services.drop("ECHO")


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
def test_state_survives_the_servers_end_and_no_child_does(
    environment: dict[str, str], home: Path, images: Path, web: str, how: str
) -> None:
    del web
    with connect(environment) as connection:
        session = ConnectorSession(connection)
        session.execute(f"CREATE OR REPLACE TABLE KEPT AS SELECT '{how}' AS HOW")
    server = daemon.status(home)
    assert marked_processes(Paths(home).identity)
    os.kill(server.pid, getattr(signal, how))
    until(lambda: not marked_processes(Paths(home).identity), 40)
    environment.update(client_environment(daemon.up(home, port=0, images=images)))
    with connect(environment) as connection:
        assert connection.cursor().execute("SELECT HOW FROM KEPT").fetchone() == (how,)
        client = client_of(connection)
        assert [stage.path for stage in client.stages.files("@RAYDPLOGS")] == []
        until(lambda: [each for each in client.services.show("WEB_A") if each.status is ServiceStatus.RUNNING])
    os.environ.update(environment)


def test_one_home_has_one_server(home: Path, images: Path, environment: dict[str, str]) -> None:
    del environment
    running = daemon.status(home)
    assert daemon.up(home, port=0, images=images) == running


def test_a_taken_port_is_said_so(home: Path, images: Path, environment: dict[str, str], tmp_path: Path) -> None:
    del home
    with pytest.raises(daemon.DidNotStartError, match=f"port {environment['SNOWFLAKE_PORT']} .* is taken"):
        daemon.up(tmp_path, port=int(environment["SNOWFLAKE_PORT"]), images=images)


def test_no_server_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(daemon.NotRunningError, match="raydp-spcs local up"):
        daemon.status(tmp_path)
