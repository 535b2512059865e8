"""Services of the local Snowflake: real processes, the ingress, restarts, and the end of the server."""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path

import httpx
import psutil
import pytest
import snowflake.connector
from snowflake.connector.errors import DatabaseError

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.local.environment import client_environment
from airflow_provider_raydp_spcs.local.paths import Paths
from airflow_provider_raydp_spcs.local.runtimes.process import marked_processes
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration.containers import SPEC, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


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


def test_a_service_finds_one_that_came_after_it(
    session: ConnectorSession, environment: dict[str, str], images: Path, web: str, token: dict[str, str]
) -> None:
    """As by DNS: clusters ask for all of their services at once, and a worker may come before its head."""
    client, server = client_of(session.connection), images / "web" / "server.py"
    wait = f'["/bin/sh", "-c", "case $OTHER in 127.*) exec python {server};; *) exec sleep 600;; esac"]'
    spec = SPEC.replace("web-b:8000", "later:8000").replace("    env:", f"    command: {wait}\n    env:")
    session.execute(f"CREATE SERVICE EARLIER IN COMPUTE POOL WEB_POOL FROM SPECIFICATION $${spec}$$")
    until(lambda: any("probe is failing" in each.message for each in client.services.containers("EARLIER")))
    session.execute(f"CREATE SERVICE LATER IN COMPUTE POOL WEB_POOL FROM SPECIFICATION $${SPEC}$$")
    until(lambda: client.services.describe("EARLIER").status is ServiceStatus.RUNNING)
    assert client.services.containers("EARLIER")[0].restart_count == 0
    for name in ("EARLIER", "LATER"):
        client.services.drop(name)


def test_the_sign_in_page_lets_a_browser_in(environment: dict[str, str], web: str) -> None:
    verify, user, password = (environment[key] for key in ("SSL_CERT_FILE", "SNOWFLAKE_USER", "SNOWFLAKE_PASSWORD"))
    with httpx.Client(base_url=web, verify=verify) as browser:
        page = browser.get("/a%20b?c=d&e").headers["location"]
        assert page == "/sfc-endpoint/login?to=%2Fa%20b%3Fc%3Dd%26e"
        assert "Sign in" in browser.get(page).text
        refused = browser.post(page, data={"user": '"><script>', "password": "no"})
        assert (refused.status_code, refused.cookies) == (401, {})
        assert "<script>" not in refused.text
        entered = browser.post(page, data={"user": user, "password": password})
        assert (entered.status_code, entered.headers["location"]) == (303, "/a%20b?c=d&e")
        for guard in ("Secure", "HttpOnly", "SameSite=lax"):
            assert guard in entered.headers["set-cookie"]
        (secret,) = browser.cookies.values()
        seen = browser.get("/", headers={"Cookie": f"own=1; {entered.headers['set-cookie'].partition(';')[0]}"})
        assert seen.json()["headers"]["cookie"] == "own=1", "the container does not get the token"
        assert seen.json()["headers"]["sf-context-current-user"] == "RAYDP"
        assert secret not in seen.text
        foreign = browser.post("/", headers={"Origin": "https://elsewhere.example"}, content=b"x")
        assert (foreign.status_code, foreign.text[:25]) == (403, "Rejecting a CORS request ")
        assert browser.post("/", headers={"Origin": web}, content=b"x").status_code == 201
        assert browser.get("/sfc-endpoint/logout").status_code == 303
        assert browser.get("/").status_code == 302


@pytest.mark.parametrize(
    "target", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "x", ""]
)
def test_the_sign_in_page_leads_nowhere_else(environment: dict[str, str], web: str, target: str) -> None:
    form = {"user": environment["SNOWFLAKE_USER"], "password": environment["SNOWFLAKE_PASSWORD"]}
    page, verify = f"{web}/sfc-endpoint/login", environment["SSL_CERT_FILE"]
    assert httpx.post(page, params={"to": target}, data=form, verify=verify).headers["location"] == "/"


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
    # What a handshake says goes on to the container, the token stays outside.
    headers = {**token, "Cookie": "own=1; other=2", "Origin": f"https://{host}"}
    with dial(
        f"wss://{host}/x", ssl=context, additional_headers=headers, subprotocols=["v1.echo", "v2.echo"]
    ) as socket:
        assert socket.subprotocol == "v2.echo"
        socket.send("headers")
        seen = {name.lower(): value for name, value in json.loads(socket.recv(timeout=20)).items()}
    assert (seen["cookie"], seen["origin"]) == ("own=1; other=2", f"https://{host}")
    assert "authorization" not in seen
    assert seen["sf-context-current-user"] == environment["SNOWFLAKE_USER"]
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
