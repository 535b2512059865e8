"""Who comes in, with what, and for how long: over the wire, with clients that this project did not write."""

from __future__ import annotations

import contextlib
import os
import ssl
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import snowflake.connector
from snowflake.connector.errors import DatabaseError, ProgrammingError

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.cli.exit_codes import ExitCode
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration.containers import SPEC, until
from tests.shell import Shell
from tests.users import PASSWORD, User

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def base(environment: dict[str, str]) -> dict[str, Any]:
    names = ("account", "host", "port")
    return {name: environment[f"SNOWFLAKE_{name.upper()}"] for name in names} | {"login_timeout": 30, "user": "ANN"}


def who(connection: snowflake.connector.SnowflakeConnection) -> Any:
    text = "SELECT CURRENT_USER(), CURRENT_ROLE(), CURRENT_DATABASE(), CURRENT_SCHEMA(), CURRENT_WAREHOUSE()"
    return connection.cursor().execute(text).fetchone()  # type: ignore[union-attr]


DEFAULTS = ("ANN", "RAYDP_SIS_ROLE", "RAYDP_SIS_DB", "RAYDP_SIS_CORE_SCHEMA", "RAYDP_SIS_XSW")


def test_every_kind_of_credential_opens_a_session_with_the_users_defaults(
    environment: dict[str, str], ann: User, tmp_path: Path
) -> None:
    (tmp_path / "key.p8").write_text(ann.pem)
    for how in (
        {"password": PASSWORD},
        {"password": ann.pat},
        {"private_key": ann.private},
        {"private_key_file": str(tmp_path / "key.p8"), "authenticator": "SNOWFLAKE_JWT"},
        {"token": ann.pat, "authenticator": "PROGRAMMATIC_ACCESS_TOKEN"},
    ):
        with snowflake.connector.connect(**base(environment), **how) as connection:
            assert who(connection) == DEFAULTS


def test_wrong_credentials_are_refused_with_snowflakes_numbers(environment: dict[str, str], ann: User) -> None:
    other = User()
    for how, number in (
        ({"password": "wrong"}, 390100),
        ({"user": "NOBODY", "password": "wrong"}, 390100),
        ({"private_key": other.private}, 390144),
        ({"user": "RAYDP", "private_key": ann.private}, 390144),
        ({"token": "wrong", "authenticator": "PROGRAMMATIC_ACCESS_TOKEN"}, 394400),
        ({"user": "RAYDP", "token": ann.pat, "authenticator": "PROGRAMMATIC_ACCESS_TOKEN"}, 394400),
        ({"token": "wrong", "authenticator": "OAUTH"}, 390303),
        ({"password": PASSWORD, "role": "ACCOUNTADMIN"}, 390189),
    ):
        with pytest.raises(DatabaseError) as caught:
            snowflake.connector.connect(**{**base(environment), **how})
        assert caught.value.errno == number, how


def test_a_token_with_a_role_has_no_other(environment: dict[str, str], ann: User) -> None:
    with snowflake.connector.connect(**base(environment), password=PASSWORD) as connection:
        connection.cursor().execute("USE ROLE SECOND")
    how = {"token": ann.pat, "authenticator": "PROGRAMMATIC_ACCESS_TOKEN"}
    with snowflake.connector.connect(**base(environment), **how) as connection:
        with pytest.raises(ProgrammingError) as caught:
            connection.cursor().execute("USE ROLE SECOND")
        assert caught.value.errno == 3013
    with pytest.raises(DatabaseError) as refused:
        snowflake.connector.connect(**base(environment), **how, role="SECOND")
    assert refused.value.errno == 390189


def test_a_user_who_is_shut_out_is_out_at_once(environment: dict[str, str]) -> None:
    with connect(environment, role="ACCOUNTADMIN") as connection:
        admin = ConnectorSession(connection)
        admin.execute(f"CREATE USER BEN PASSWORD = '{PASSWORD}'")
        ben = snowflake.connector.connect(**{**base(environment), "user": "BEN"}, password=PASSWORD)
        assert who(ben)[:2] == ("BEN", "PUBLIC")
        admin.execute("ALTER USER BEN SET DISABLED = TRUE")
        with pytest.raises(ProgrammingError) as caught:
            who(ben)
        assert caught.value.errno == 390104
        with contextlib.suppress(DatabaseError):
            ben.close()
        admin.execute("DROP USER BEN")


def test_local_env_prints_no_password_that_is_not_good_any_more(environment: dict[str, str], tmp_path: Path) -> None:
    shell = Shell(environment, tmp_path)
    words = ("local", "env", "--home", str(Path(environment["SNOWFLAKE_HOME"]).parent))
    first = environment["SNOWFLAKE_PASSWORD"]
    assert f"export SNOWFLAKE_PASSWORD={first}\n" in shell.run(*words)[0]
    with connect(environment, role="ACCOUNTADMIN") as connection:
        admin = ConnectorSession(connection)
        admin.execute(f"ALTER USER RAYDP SET PASSWORD = '{PASSWORD}'")
        try:
            out, err = shell.run(*words, code=ExitCode.FAILURE)
            assert out == ""
            assert "export SNOWFLAKE_PASSWORD=" in err
            assert first not in err
            shell.environment["SNOWFLAKE_PASSWORD"] = PASSWORD
            out, _ = shell.run(*words)
            assert f"export SNOWFLAKE_PASSWORD={PASSWORD}\n" in out
            assert first not in out
            with connect(environment, password=PASSWORD) as again:
                assert who(again)[0] == "RAYDP"
        finally:
            admin.execute(f"ALTER USER RAYDP SET PASSWORD = '{first}'")


class Client:
    """A client that speaks Snowflake's protocol by hand, to do what connectors never do."""

    def __init__(self, environment: dict[str, str], password: str = PASSWORD) -> None:
        self.trust = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])
        self.http = httpx.Client(base_url=f"https://127.0.0.1:{environment['SNOWFLAKE_PORT']}", verify=self.trust)
        self.tokens: dict[str, Any] = self.post(
            "/session/v1/login-request", {"data": {"LOGIN_NAME": "ANN", "PASSWORD": password}}
        )["data"]

    def post(self, path: str, body: object = None, token: str = "") -> dict[str, Any]:
        headers = {"Authorization": f'Snowflake Token="{token}"'}
        reply = self.http.post(path, json=body or {}, headers=headers)
        assert reply.status_code == 200
        found: dict[str, Any] = reply.json()
        return found

    def query(self, token: str) -> Any:
        reply = self.post("/queries/v1/query-request", {"sqlText": "SELECT 1"}, token)
        return None if reply["success"] else reply["code"]

    def renew(self, old: str, master: str, kind: str = "RENEW") -> dict[str, Any]:
        return self.post("/session/token-request", {"oldSessionToken": old, "requestType": kind}, master)


@pytest.mark.usefixtures("ann")
def test_tokens_of_one_session_are_no_good_for_another(environment: dict[str, str]) -> None:
    one, two = Client(environment), Client(environment)
    token, master = one.tokens["token"], one.tokens["masterToken"]
    assert one.query(token) is None
    assert one.query(master) == "390104"
    assert one.renew(two.tokens["token"], master)["code"] == "390115"
    assert one.renew(token, token)["code"] == "390113"
    assert one.renew(token, two.tokens["masterToken"])["code"] == "390115"
    issued = one.renew(token, master, "ISSUE")["data"]["sessionToken"]
    assert (one.query(token), one.query(issued)) == (None, None)
    renewed = one.renew(issued, master)["data"]["sessionToken"]
    assert (one.query(issued), one.query(renewed)) == ("390112", None)
    assert one.post("/session?delete=true", token=renewed)["success"]
    assert [one.query(each) for each in (token, issued, renewed)] == ["390104"] * 3
    assert one.renew(renewed, master)["code"] == "390113"
    assert two.query(two.tokens["token"]) is None


def endpoint_host(environment: dict[str, str]) -> str:
    with connect(environment) as connection:
        owner = ConnectorSession(connection)
        owner.execute(
            "CREATE COMPUTE POOL IF NOT EXISTS DOORS_POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_S"
        )
        owner.execute(f"CREATE SERVICE IF NOT EXISTS DOORS IN COMPUTE POOL DOORS_POOL FROM SPECIFICATION $${SPEC}$$")

        def host() -> str | None:
            (row,) = owner.execute("SHOW ENDPOINTS IN SERVICE DOORS")
            return str(row["ingress_url"]) if row["ingress_url"].startswith("127.") else None

        containers = "SHOW SERVICE CONTAINERS IN SERVICE DOORS"
        until(lambda: [row["status"] for row in owner.execute(containers)] == ["READY"])
        return str(until(host))


def test_a_key_pair_and_an_access_token_open_a_public_endpoint(environment: dict[str, str], ann: User) -> None:
    """SPCS reference 4.2, all three credentials, and what is none."""
    host = endpoint_host(environment)
    trust = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])
    account = f"https://127.0.0.1:{environment['SNOWFLAKE_PORT']}/oauth/token"
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"

    def exchange(**changed: str) -> httpx.Response:
        scope = f"session:role:RAYDP_SIS_ROLE {host}"
        form = {"grant_type": grant, "scope": scope, "assertion": ann.signed(), **changed}
        return httpx.post(account, data=form, verify=trust)

    def at(token: str) -> int:
        headers = {"Authorization": f'Snowflake Token="{token}"'}
        return httpx.get(f"https://{host}/x", headers=headers, verify=trust).status_code

    with snowflake.connector.connect(
        **base(environment), password=PASSWORD, session_parameters={"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"}
    ) as connection:
        session_token = connection._rest._token_request("ISSUE")["data"]["sessionToken"]
        assert [at(exchange().text), at(exchange(scope=host).text), at(ann.pat), at(session_token)] == [200] * 4
    assert at(session_token) == 302, "the session has ended"
    assert at("wrong") == 302
    assert at(exchange(scope="session:role:RAYDP_SIS_ROLE 127.0.0.1:1").text) == 403
    assert at(exchange(scope=f"session:role:SECOND {host}").text) == 403
    for changed, status, error in (
        ({"assertion": User().signed()}, 401, "invalid_grant"),
        ({"assertion": "x"}, 401, "invalid_grant"),
        ({"scope": f"session:role:ACCOUNTADMIN {host}"}, 400, "invalid_scope"),
        ({"scope": "session:role:RAYDP_SIS_ROLE"}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ):
        reply = exchange(**changed)
        assert (reply.status_code, reply.json()["error"]) == (status, error)
    api = {"Authorization": f'Snowflake Token="{exchange().text}"'}
    body = {"sqlText": "SELECT 1"}
    refused = httpx.post(
        account.replace("/oauth/token", "/queries/v1/query-request"), json=body, headers=api, verify=trust
    )
    assert refused.json()["code"] == "390104", "a token for endpoints opens no session"


def test_the_connector_renews_a_session_until_nobody_can(tmp_path: Path) -> None:
    """The server with short lives; the connector renews by itself, and nobody renews what is over."""
    from airflow_provider_raydp_spcs.local import daemon
    from airflow_provider_raydp_spcs.local.environment import client_environment

    before = dict(os.environ)
    try:
        found = client_environment(daemon.up(tmp_path, port=0, images=tmp_path, session_seconds=1))
        os.environ.update(found)
        with connect(found, role=None, database=None, schema=None, warehouse=None) as connection:
            cursor = connection.cursor()
            first = connection._rest.token
            cursor.execute("CREATE DATABASE LIVES")
            cursor.execute("USE DATABASE LIVES")
            time.sleep(1.5)
            assert cursor.execute("SELECT CURRENT_DATABASE()").fetchone() == ("LIVES",)
            assert connection._rest.token != first
            time.sleep(4.5)
            with pytest.raises(ProgrammingError) as caught:
                cursor.execute("SELECT 1")
            assert caught.value.errno in (390104, 390113, 390114)
    finally:
        os.environ.clear()
        os.environ.update(before)
        daemon.down(tmp_path)
