"""The local Snowflake and clients that this project did not write: connector, Snowpark, Airflow's SnowflakeHook."""

from __future__ import annotations

import os
import time
from pathlib import Path

import httpx
import pytest
from snowflake.connector.errors import DatabaseError, ProgrammingError

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


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
    names = "SELECT CURRENT_ORGANIZATION_NAME() AS O, CURRENT_ACCOUNT_NAME() AS A, CURRENT_ACCOUNT() AS L"
    assert hook.get_first(names) == ("LOCALORG", "LOCAL", "LOCAL")
    hook.run("CREATE OR REPLACE TABLE H (A INT)")
    hook.insert_rows("H", [(1,), (2,)])
    assert hook.get_records("SELECT SUM(A) FROM H") == [(3,)]


def test_the_default_connection_of_the_connector_is_the_local_one(environment: dict[str, str]) -> None:
    import subprocess
    import sys

    code = "import snowflake.connector as s; print(s.connect().cursor().execute('select current_schema()').fetchone())"
    out = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], env=os.environ | environment, text=True)
    assert "RAYDP_SIS_CORE_SCHEMA" in out


def test_snowpark_is_a_session_too(environment: dict[str, str], tmp_path: Path) -> None:
    from snowflake.snowpark import Session

    from airflow_provider_raydp_spcs.spcs.client import SpcsClient
    from airflow_provider_raydp_spcs.spcs.errors import ObjectDoesNotExistError
    from airflow_provider_raydp_spcs.spcs.session import SnowparkSession

    names = ("host", "port", "account", "user", "password", "role", "database", "schema", "warehouse")
    snowpark = Session.builder.configs({name: environment[f"SNOWFLAKE_{name.upper()}"] for name in names}).create()
    session = SnowparkSession(snowpark)
    assert session.execute("SELECT %s AS A, 'x%%' AS B", ["it's"]) == [{"a": "it's", "b": "x%"}]
    client = SpcsClient(session)
    assert client.current_schema() == ("RAYDP_SIS_DB", "RAYDP_SIS_CORE_SCHEMA")
    with pytest.raises(ObjectDoesNotExistError) as caught:
        client.services.describe("NOWHERE")
    assert caught.value.number == 2003
    (tmp_path / "a.txt").write_text("a")
    assert client.stages.put(tmp_path / "a.txt", "@RAYDP_ARTIFACTS/snowpark")[0]["status"] == "UPLOADED"
    assert client.stages.remove("@RAYDP_ARTIFACTS/snowpark") == ["raydp_artifacts/snowpark/a.txt"]
    snowpark.close()


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
