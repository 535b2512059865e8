"""Jupyter Lab on the head through the authenticated ingress, by its own API: who comes in, cells, and what is kept."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest
from websockets.sync.client import ClientConnection, connect

from airflow_provider_raydp_spcs.node.notebook import STARTER
from tests.system.whole.conftest import WholeCluster

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def token(whole_cluster: WholeCluster) -> str:
    return whole_cluster.notebook_token()


@pytest.fixture(scope="module")
def jupyter(whole_cluster: WholeCluster, token: str) -> Iterator[httpx.Client]:
    with whole_cluster.browse("notebook") as client:
        client.params = httpx.QueryParams({"token": token})
        yield client


HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"sixteen bytes...").decode(),
}
"""What asks for a WebSocket. Clients for WebSockets follow redirects; what the ingress itself answers is wanted here."""


def channels(cluster: WholeCluster, kernel: str, query: str) -> ClientConnection:
    return connect(
        f"{cluster.pages['notebook'].replace('https', 'wss')}/api/kernels/{kernel}/channels?{query}",
        additional_headers=cluster.tokens.headers(),
        ssl=cluster.trust,
        open_timeout=60,
        max_size=None,
    )


class Kernel:
    """A kernel's channels, as Jupyter Lab uses them."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._session = socket, uuid.uuid4().hex

    def execute(self, code: str) -> str:
        """Run a cell; answer all text that it gives, results included."""
        name = uuid.uuid4().hex
        header = {"msg_id": name, "msg_type": "execute_request", "session": self._session, "username": "t"}
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = {
            "channel": "shell", "header": {**header, "version": "5.3", "date": ""}, "parent_header": {}, "metadata": {},
            "content": content, "buffers": [],
        }  # fmt: skip
        self._socket.send(json.dumps(message))
        text, open_ends = "", {"execute_reply", "idle"}
        while open_ends:
            answer = json.loads(self._socket.recv(timeout=180))
            if answer["parent_header"].get("msg_id") != name:
                continue
            kind, found = answer["msg_type"], answer["content"]
            if kind == "stream":
                text += found["text"]
            elif kind == "execute_result":
                text += f"\n{found['data']['text/plain']}\n"
            elif kind == "error":
                pytest.fail("\n".join([text, *found["traceback"]]))
            elif kind == "status" and found["execution_state"] == "idle":
                open_ends.discard("idle")
            open_ends.discard(kind)
        return text


@pytest.fixture(scope="module")
def session(jupyter: httpx.Client) -> Iterator[dict[str, Any]]:
    wanted = {"path": STARTER.name, "name": STARTER.name, "type": "notebook", "kernel": {"name": "python3"}}
    reply = jupyter.post("/api/sessions", json=wanted)
    assert reply.status_code == 201, reply.text
    yield reply.json()
    jupyter.delete(f"/api/sessions/{reply.json()['id']}")


def test_nobody_comes_in_without_snowflakes_sign_in(whole_cluster: WholeCluster, token: str) -> None:
    for endpoint, path in (("notebook", f"/api/contents?token={token}"), ("job-files", "/notebook-token")):
        with whole_cluster.browse(endpoint, signed_in=False) as client:
            assert client.get(path).status_code == 302


def test_nobody_comes_in_without_the_token(whole_cluster: WholeCluster) -> None:
    with whole_cluster.browse("notebook") as client:
        for query in ({}, {"token": "wrong"}, {"token": ""}):
            assert client.get("/api/contents", params=query).status_code == 403
            assert client.post("/api/sessions", params=query, json={}).status_code == 403
        assert "/login" in client.get("/lab").headers["location"]


def test_the_lab_opens_for_who_has_it(jupyter: httpx.Client) -> None:
    page = jupyter.get("/lab")
    assert page.status_code == 200
    assert "jupyter-config-data" in page.text


def test_a_kernels_channels_are_as_well_guarded(
    whole_cluster: WholeCluster, session: dict[str, Any], token: str
) -> None:
    path = f"/api/kernels/{session['kernel']['id']}/channels"
    for query, signed_in, answers in (
        ({"token": token}, False, {302}),
        ({"token": "wrong"}, True, {403, 503}),
        ({}, True, {403, 503}),
    ):
        with whole_cluster.browse("notebook", signed_in=signed_in) as client:
            assert client.get(path, params=query, headers=HANDSHAKE).status_code in answers


def test_the_starters_cells_give_the_tables_rows(
    whole_cluster: WholeCluster, session: dict[str, Any], token: str
) -> None:
    rows = whole_cluster.connection.cursor().execute("SELECT CARRIER, NAME FROM AIRLINES").fetchall()
    assert len(rows) == 16
    with channels(whole_cluster, session["kernel"]["id"], f"token={token}") as socket:
        kernel = Kernel(socket)
        texts = {
            cell["id"]: kernel.execute("".join(cell["source"]))
            for cell in json.loads(STARTER.read_text())["cells"]
            if cell["cell_type"] == "code"
        }
        java = kernel.execute("import os; print(os.environ['JDK_JAVA_OPTIONS'], os.environ['SPARK_LOCAL_IP'])")
    assert "'worker': 2.0" in texts["connect"]
    assert "'custom_worker': 1.0" in texts["connect"]
    for carrier, name in rows:
        assert f"|{carrier}" in texts["read"]
        assert name in texts["read"]
    assert "16" in texts["count"].splitlines()
    assert "java.options" in java


def test_what_is_saved_lies_on_the_stage_and_nothing_else(whole_cluster: WholeCluster, jupyter: httpx.Client) -> None:
    book = json.loads(STARTER.read_text())
    book["cells"][0]["source"] = ["# Mine"]
    reply = jupyter.put("/api/contents/mine.ipynb", json={"type": "notebook", "content": book})
    assert reply.status_code == 201, reply.text
    assert jupyter.post("/api/contents/mine.ipynb/checkpoints").status_code == 201
    names = {file.name for file in whole_cluster.client.stages.files("@RAYDP_ARTIFACTS/notebooks")}
    assert {name.rpartition("/")[2] for name in names} == {"starter.ipynb", "mine.ipynb"}


def test_the_token_is_in_no_log_no_argument_and_no_environment(whole_cluster: WholeCluster, token: str) -> None:
    log = whole_cluster.client.services.logs("WHOLE_HEAD", "0", "raydp", lines=100_000)
    assert "notebook: Jupyter Lab starts" in log
    assert token not in log
    assert token not in str(
        whole_cluster.client.services.show("WHOLE_HEAD", schema="RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA")
    )
    looked_at = 0
    for process in psutil.process_iter():
        try:
            if "SPCS_LOCAL_INSTANCE" in process.environ():
                looked_at += 1
                assert token not in str(process.environ()) + str(process.cmdline()), process.cmdline()
        except psutil.Error:
            continue
    assert looked_at > 10


def test_jupyter_that_dies_is_started_again_and_ray_lives_on(
    whole_cluster: WholeCluster, jupyter: httpx.Client
) -> None:
    address = whole_cluster.client.services.instances("WHOLE_HEAD")[0].ip_address
    (process,) = [
        each
        for each in psutil.process_iter(["cmdline"])  # None for what has just ended
        if "jupyterlab --config=" in " ".join(each.info["cmdline"] or ()) and listens(each, address)
    ]
    before = jupyter.get("/api/status").json()["started"]
    process.kill()
    deadline = time.monotonic() + 120
    while True:
        reply = jupyter.get("/api/status")
        if reply.status_code == 200 and reply.json()["started"] != before:
            break
        assert time.monotonic() < deadline, reply.text
        time.sleep(0.5)
    containers = whole_cluster.client.services.containers("WHOLE_HEAD")
    assert [(each.status, each.restart_count) for each in containers] == [("READY", 0)]


def listens(process: psutil.Process, address: str | None) -> bool:
    return any(each.laddr and each.laddr.ip == address for each in process.net_connections("tcp"))
