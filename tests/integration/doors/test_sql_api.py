"""The SQL API: by Airflow's hook for it, unmodified, and by hand."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration.forward_proxy import forward_proxy
from tests.users import User

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture
def sql_api(environment: dict[str, str], ann: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Airflow's hook, unmodified. It knows hosts of Snowflake only; a proxy leads them here, where the certificate has them."""
    from airflow.models.connection import Connection
    from airflow.providers.snowflake.hooks.sql_api import SnowflakeSqlApiHook

    extra = {"account": "local", "private_key_content": base64.b64encode(ann.pem.encode()).decode(), "warehouse": "W"}
    extra |= {"database": "RAYDP_SIS_DB", "role": "RAYDP_SIS_ROLE"}
    found = Connection(conn_type="snowflake", login="ann", schema="RAYDP_SIS_CORE_SCHEMA", extra=extra)
    monkeypatch.setenv("AIRFLOW_CONN_SQL_API", found.as_json())
    with forward_proxy(int(environment["SNOWFLAKE_PORT"])) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        yield SnowflakeSqlApiHook("sql_api")


def test_airflows_sql_api_hook_works_unmodified(sql_api: Any) -> None:
    (handle,) = sql_api.execute_query("SELECT CURRENT_ROLE() AS R, 1.50::NUMBER(9,2) AS N, NULL AS Z", 1)
    assert sql_api.wait_for_query(handle, raise_error=True, poll_interval=1)["status"] == "success"
    assert sql_api.get_result_from_successful_sql_api_query(handle) == [{"R": "RAYDP_SIS_ROLE", "N": "1.50", "Z": None}]
    (many,) = sql_api.execute_query(
        "CREATE OR REPLACE TABLE API (A INT); INSERT INTO API VALUES (1), (2); SHOW STAGES", 3
    )
    done = sql_api.wait_for_query(many, raise_error=True, poll_interval=1)
    assert len(done["statement_handles"]) == 3
    shown = sql_api.get_result_from_successful_sql_api_query(done["statement_handles"][2])
    assert {row["name"] for row in shown} == {"RAYDP_YAMLSPECS", "RAYDP_ARTIFACTS", "RAYDPLOGS"}
    (bound,) = sql_api.execute_query(
        "SELECT A FROM API WHERE A = ?", 1, bindings={"1": {"type": "FIXED", "value": "2"}}
    )
    sql_api.wait_for_query(bound, raise_error=True, poll_interval=1)
    assert sql_api.get_result_from_successful_sql_api_query(bound) == [{"A": "2"}]
    (long,) = sql_api.execute_query("SELECT SEQ4() AS A FROM TABLE(GENERATOR(ROWCOUNT => 25000))", 1)
    sql_api.wait_for_query(long, raise_error=True, poll_interval=1)
    assert len(sql_api.get_result_from_successful_sql_api_query(long)) == 25000
    (endless,) = sql_api.execute_query("CALL SYSTEM$WAIT(600)", 1)
    assert sql_api.get_sql_api_query_status(endless)["status"] == "running"
    sql_api.cancel_queries([endless])
    assert sql_api.get_sql_api_query_status(endless)["status"] == "error"
    (wrong,) = sql_api.execute_query("SELECT * FROM NOWHERE", 1)
    failed = sql_api.wait_for_query(wrong, poll_interval=1)
    assert failed["status"] == "error"
    assert "002003" in failed["message"]


def test_the_sql_api_tells_statuses_and_refuses_strangers(environment: dict[str, str], ann: User) -> None:
    trust = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])
    url = f"https://127.0.0.1:{environment['SNOWFLAKE_PORT']}/api/v2/statements"

    def ask(method: str, path: str = "", token: str = "", kind: str = "", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or ann.pat}"}
        headers |= {"X-Snowflake-Authorization-Token-Type": kind} if kind else {}
        return httpx.request(method, url + path, headers=headers, verify=trust, timeout=60, **more)

    done = ask("POST", json={"statement": "SELECT TRUE AS T, DATE '1970-01-03' AS D, 'x' AS X"}).json()
    assert (done["code"], done["data"], done["sqlState"]) == ("090001", [["true", "2", "x"]], "00000")
    assert [each["type"] for each in done["resultSetMetaData"]["rowType"]] == ["boolean", "date", "text"]
    assert ask("GET", f"/{done['statementHandle']}").json()["data"] == done["data"]
    assert ask("GET", f"/{done['statementHandle']}?partition=7").status_code == 422
    failed = ask("POST", json={"statement": "DESCRIBE SERVICE NOWHERE"})
    assert (failed.status_code, failed.json()["code"], failed.json()["sqlState"]) == (422, "002003", "02000")
    slow = "SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 100000)) A, TABLE(GENERATOR(ROWCOUNT => 1000000)) B"
    started = ask("POST", "?async=true", json={"statement": slow})
    handle = started.json()["statementHandle"]
    assert (started.status_code, started.json()["code"]) == (202, "333334")
    assert ask("GET", f"/{handle}").status_code == 202
    cancelled = ask("POST", f"/{handle}/cancel").json()
    assert (cancelled["code"], cancelled["sqlState"]) == ("000604", "57014")
    assert ask("GET", f"/{handle}").json()["code"] == "000604"
    assert ask("POST", json={"statement": "SELECT 1"}, token=ann.signed(), kind="KEYPAIR_JWT").status_code == 200
    for token, kind, code in (
        ("wrong", "", "394400"),
        (User().signed(), "", "390144"),
        (ann.signed(), "OAUTH", "390303"),
        ("wrong", "NONSENSE", "390101"),
    ):
        refused = ask("POST", json={"statement": "SELECT 1"}, token=token, kind=kind)
        assert (refused.status_code, refused.json()["code"]) == (401, code)
    other = ask("GET", f"/{done['statementHandle']}", token=ann.signed("LOCAL.RAYDP"))
    assert other.status_code == 401
    for bad in ({"statement": ""}, {"statement": 5}, {}, []):
        assert ask("POST", json=bad).status_code == 400
    assert ask("GET", "/no-such-handle").json()["code"] == "000709"
