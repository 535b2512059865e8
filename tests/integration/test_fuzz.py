"""Nothing that a client sends confuses the local Snowflake: no HTTP 500, no hang, no defect in its log, no lost server.

``RAYDP_FUZZ_STATEMENTS`` says how many statements; what CI runs takes about two minutes.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration import fuzzing

COUNT: Final = int(os.environ.get("RAYDP_FUZZ_STATEMENTS", "2000"))
TOGETHER: Final = 20
"""Statements of one example."""
SECONDS: Final = 60.0
"""No answer for so long is a hang."""
DEFECT: Final = "370001"
IN_PROGRESS: Final = "333333"
LINES_OF_A_DEFECT: Final = 60
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300 + COUNT // 10)]
FUZZ: Final = {
    "deadline": None,
    "database": None,
    "derandomize": "RAYDP_FUZZ_STATEMENTS" not in os.environ,
    "phases": (Phase.generate,),  # which statement it was is told, and what went before it matters
    "suppress_health_check": list(HealthCheck),
}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    (folder / "nothing").mkdir()
    (folder / "nothing" / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["sleep", "600"]\n')
    return folder


class Server:
    """The server as any program on this machine may speak to it."""

    def __init__(self, environment: dict[str, str], home: Path) -> None:
        self.environment, self.home = environment, home
        trust = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])
        address = f"https://127.0.0.1:{environment['SNOWFLAKE_PORT']}"
        self.http = httpx.Client(base_url=address, verify=trust, timeout=SECONDS)
        self.token = ""
        self.refused = self.done = 0

    def sign_in(self) -> None:
        who = {"LOGIN_NAME": self.environment["SNOWFLAKE_USER"], "PASSWORD": self.environment["SNOWFLAKE_PASSWORD"]}
        scope = "databaseName=RAYDP_SIS_DB&schemaName=RAYDP_SIS_CORE_SCHEMA"
        reply = self.http.post(f"/session/v1/login-request?{scope}", json={"data": who}).json()
        self.token = reply["data"]["token"]

    def run(self, text: str, bindings: dict[str, Any]) -> None:
        """Send a statement; whatever it is, the answer has the form that clients read."""
        headers = {"Authorization": f'Snowflake Token="{self.token}"'}
        reply = self.http.post(
            "/queries/v1/query-request", json={"sqlText": text, "bindings": bindings}, headers=headers
        )
        assert reply.status_code == 200, (text, reply.status_code)
        found = reply.json()
        assert found["code"] not in (DEFECT, IN_PROGRESS), (text, bindings, found["message"])
        if found["success"]:
            self.done += 1
            assert "rowtype" in found["data"] or "command" in found["data"], (text, found)
        else:
            self.refused += 1
            assert found["message"], (text, found)
            assert len(found["data"]["sqlState"]) == 5, (text, found)
            assert len(found["code"]) == 6, (text, found)

    def defects(self) -> str:
        """What the server's log has from the first line on that tells of one."""
        lines = (self.home / "logs" / "server.log").read_text(errors="replace").splitlines()
        told = (index for index, line in enumerate(lines) if " ERROR " in line or " CRITICAL " in line)
        first = next(told, len(lines))
        return "\n".join(lines[first : first + LINES_OF_A_DEFECT])


@pytest.fixture(scope="module")
def server(environment: dict[str, str], home: Path) -> Iterator[Server]:
    with connect(environment, role="ACCOUNTADMIN") as connection:
        admin = ConnectorSession(connection)
        admin.execute("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_S")
        admin.execute("CREATE ROLE R")
    made = Server(environment, home)
    made.sign_in()
    for text in fuzzing.VALID:
        made.run(text, {})
    pid = daemon.status(home).pid
    yield made
    assert daemon.status(home).pid == pid, "the server was lost"
    assert made.defects() == ""


def test_statements_and_specifications(server: Server) -> None:
    started = time.monotonic()

    @settings(max_examples=max(1, COUNT // TOGETHER), **FUZZ)
    @given(st.lists(st.tuples(fuzzing.texts, fuzzing.bindings()), min_size=TOGETHER, max_size=TOGETHER))
    def fuzz(sent: list[tuple[str, dict[str, Any]]]) -> None:
        server.sign_in()
        for text, bindings in sent:
            server.run(text, bindings)

    fuzz()
    server.sign_in()
    server.run("SELECT 1", {})
    print(f"{server.done} done, {server.refused} refused, {time.monotonic() - started:.0f} s")
    assert server.done > COUNT / 100, "the statements are so wrong that they try nothing"


def test_requests_of_any_form(server: Server) -> None:
    @settings(max_examples=max(1, COUNT // TOGETHER), **FUZZ)
    @given(st.sampled_from(fuzzing.ROUTES), fuzzing.bodies, st.sampled_from(["", "gzip"]), st.booleans())
    def fuzz(route: str, body: bytes, encoding: str, signed_in: bool) -> None:
        scheme = "Bearer" if route.startswith("/api") else "Snowflake"
        token = server.token if signed_in else "x"
        headers = {"Authorization": f'{scheme} Token="{token}"', "Content-Encoding": encoding}
        reply = server.http.post(route, content=body, headers=headers)
        strict = route.startswith(("/oauth", "/api"))
        assert reply.status_code in ((400, 401, 422) if strict else (200,)), (route, body, reply.status_code)
        assert reply.json().get("code") != DEFECT, (route, body)

    fuzz()
    server.sign_in()
    server.run("SELECT 1", {})
