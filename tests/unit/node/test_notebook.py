"""Jupyter Lab beside Ray: its token, what it writes where, who may come in, and what happens when it ends."""

from __future__ import annotations

import json
import os
import random
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import nbformat
import pytest

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.node import notebook as module
from airflow_provider_raydp_spcs.node.notebook import STARTER, Notebook, write_private
from airflow_provider_raydp_spcs.node.notebook_settings import jupyter_config
from airflow_provider_raydp_spcs.node.settings import NodeSettings, Role

ORIGIN = "https://abc-org-acct.snowflakecomputing.app"


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture
def address() -> str:
    return f"127.{random.randint(100, 200)}.{random.randint(0, 250)}.{random.randint(2, 250)}"


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NodeSettings:
    monkeypatch.setattr("airflow_provider_raydp_spcs.node.settings.MAX_RAY_DIR", 400)
    return NodeSettings.read(
        Role.HEAD,
        {"RAYDP_RAY_DIR": str(tmp_path / "ray"), "RAYDP_ARTIFACTS_DIR": str(tmp_path / "stage"), "RAYDP_NOTEBOOK": "1"},
    )


@pytest.fixture
def made(settings: NodeSettings, address: str, lines: list[str]) -> Iterator[Notebook]:
    (settings.artifacts_dir or Path()).mkdir()
    notebook = Notebook(settings, address, dict(os.environ), settings.artifacts_dir, lines.append, lambda: ORIGIN)
    yield notebook
    notebook.stop()


def test_only_the_head_runs_one_and_only_where_it_is_asked_to(settings: NodeSettings) -> None:
    assert settings.notebook
    assert not NodeSettings.read(Role.HEAD, {}).notebook
    worker = {"RAYDP_NOTEBOOK": "1", "RAYDP_HEAD_ADDRESS": "c-head:6379"}
    assert not NodeSettings.read(Role.WORKER, worker).notebook


def test_the_token_is_random_and_in_one_private_file_only(
    made: Notebook, settings: NodeSettings, address: str, lines: list[str]
) -> None:
    other = Notebook(settings, address, {}, None, lines.append, lambda: None)
    assert len(made.token) >= 32
    assert made.token != other.token
    file = settings.ray_dir / "notebook" / "token"
    assert file.read_text() == other.token
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert other.token not in str(other._environment)
    assert lines == []


def test_a_private_file_is_never_wider(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)


def test_only_whole_files_go_to_the_stage_and_only_one_origin_is_let_in(settings: NodeSettings, tmp_path: Path) -> None:
    config = jupyter_config(settings, "10.0.0.1", tmp_path / "disk", tmp_path / "stage", ORIGIN)
    assert config["FileContentsManager"]["use_atomic_writing"] is False
    assert config["AsyncGenericFileCheckpoints"]["root_dir"].startswith(str(tmp_path / "disk"))
    assert (config["ServerApp"]["ip"], config["ServerApp"]["allow_origin"]) == ("10.0.0.1", ORIGIN)
    assert "MappingKernelManager" not in config
    limited = NodeSettings.read(Role.HEAD, {"RAYDP_MAX_IDLE_SECONDS": "600"})
    kernels = jupyter_config(limited, "10.0.0.1", tmp_path, tmp_path, None)["MappingKernelManager"]
    assert (kernels["cull_idle_timeout"], kernels["cull_connected"]) == (600, True)


def test_the_starter_is_a_notebook_without_output() -> None:
    book = nbformat.reads(STARTER.read_text(), as_version=4)
    nbformat.validate(book)
    assert book.metadata.kernelspec.name == "python3"
    for cell in book.cells:
        if cell.cell_type == "code":
            compile(cell.source, "cell", "exec")
            assert cell.outputs == []


def test_jupyter_answers_who_has_the_token_and_is_started_again(
    made: Notebook, address: str, lines: list[str], settings: NodeSettings
) -> None:
    stage = settings.artifacts_dir or Path()
    assert not made.settled()
    until(made.settled, 100)
    with httpx.Client(base_url=f"http://{address}:{ports.NOTEBOOK}", timeout=30) as client:
        with_token = {"Authorization": f"token {made.token}"}
        for headers in ({}, {"Authorization": "token wrong"}):
            assert client.get("/api/contents", headers=headers).status_code == 403
            assert client.get("/lab", headers=headers).status_code in (302, 403)
        assert client.get("/lab", headers=with_token).status_code == 200
        found = client.get("/api/contents", headers=with_token).json()
        assert [each["name"] for each in found["content"]] == [STARTER.name]

        # A browser has a cookie instead; then the page that asks has to be the endpoint's own.
        client.get("/login", params={"token": made.token})
        assert client.cookies
        for origin, status in ((ORIGIN, 200), ("https://other-org-acct.snowflakecomputing.app", 404)):
            assert client.get("/api/contents", headers={"Origin": origin}).status_code == status, origin
        client.cookies.clear()

        # Saving, a checkpoint, and an upload in pieces leave whole files on the stage, and nothing else.
        book = json.loads(STARTER.read_text())
        reply = client.put("/api/contents/mine.ipynb", headers=with_token, json={"type": "notebook", "content": book})
        assert reply.status_code == 201
        assert client.post("/api/contents/mine.ipynb/checkpoints", headers=with_token).status_code == 201
        for chunk, text in ((1, "one "), (2, "two "), (-1, "three")):
            model = {"type": "file", "format": "text", "content": text, "chunk": chunk}
            assert client.put("/api/contents/large.txt", headers=with_token, json=model).status_code in (200, 201)
        files = {str(path.relative_to(stage)) for path in stage.rglob("*") if path.is_file()}
        assert files == {"notebooks/starter.ipynb", "notebooks/mine.ipynb", "notebooks/large.txt"}
        assert (stage / "notebooks/large.txt").read_text() == "one two three"

        first = made._process
        assert first is not None
        first.kill()
        until(lambda: made._process is not first and httpx_ok(client))
        assert made.settled()
        assert client.get("/api/contents", headers=with_token).status_code == 200
    assert any("ended by itself (exit code -9); starting it again" in line for line in lines)
    assert made.token not in "".join(lines)
    process = made._process
    made.stop()
    assert process is not None
    assert process.poll() is not None


def httpx_ok(client: httpx.Client) -> bool:
    try:
        return client.get("/api").status_code == 200
    except httpx.TransportError:
        return False


def test_a_notebook_that_never_comes_holds_nobody_up(
    made: Notebook, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **values: Any) -> None:
        raise FileNotFoundError(2, "no such program")

    monkeypatch.setattr(module.subprocess, "Popen", fail)
    monkeypatch.setattr(module, "READY_SECONDS", 0.5)
    assert not made.settled()
    until(made.settled)
    until(lambda: any("no such program" in line for line in lines))


def test_an_address_that_snowflake_does_not_tell_is_said_once(
    made: Notebook, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([RuntimeError("not yet"), RuntimeError("not yet"), None, ORIGIN])

    def ask() -> str | None:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    made._find_origin = ask
    monkeypatch.setattr(made._stopping, "wait", lambda seconds: None)
    assert made._origin() == ORIGIN
    assert [line for line in lines if "not yet" in line] == [
        "notebook: the address of its endpoint is not known yet: RuntimeError: not yet"
    ]
