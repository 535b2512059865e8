"""``raydp-spcs images``: what the options become, with an engine and a connection that only look like ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from airflow_provider_raydp_spcs.cli.app import app
from airflow_provider_raydp_spcs.cli.connections import Scope
from airflow_provider_raydp_spcs.container_engine import Engine
from airflow_provider_raydp_spcs.images import building, pushing
from airflow_provider_raydp_spcs.spcs.image_repositories import RepositoryImage
from airflow_provider_raydp_spcs.spcs.ingress import programmatic_access_token
from airflow_provider_raydp_spcs.version import __version__

URL = "org-account.registry.snowflakecomputing.com/d/s/r"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the rooms below were asked for."""
    found: dict[str, Any] = {"url": URL}

    def push(engine: Engine, address: str, images: list[str], credentials: Any, say: Any) -> list[str]:
        found.update(engine=engine.name, address=address, images=images, credentials=credentials)
        return images

    def build(engine: Engine, names: list[str], options: building.BuildOptions, say: Any) -> list[str]:
        found.update(engine=engine.name, names=list(names), options=options)
        return ["raydp_head:7"]

    @contextmanager
    def opened(scope: Scope) -> Iterator[Any]:
        found["connection"] = scope.connection
        images = [RepositoryImage("raydp_head", __version__, "sha256:1", "/d/s/r/raydp_head")]
        repositories = SimpleNamespace(url=lambda name: found["url"], images=lambda name: images)
        client = SimpleNamespace(image_repositories=repositories)
        yield SimpleNamespace(client=client, tokens=lambda: programmatic_access_token("secret token"))

    monkeypatch.setattr(Engine, "find", classmethod(lambda cls, name=None: Engine(name or "podman", "/bin/x")))
    monkeypatch.setattr(pushing, "push", push)
    monkeypatch.setattr(building, "build", build)
    monkeypatch.setattr(Scope, "open", opened)
    return found


def run(*words: str, given: str | None = None) -> Any:
    return CliRunner().invoke(app, ["images", *words], input=given)


def test_push_asks_snowflake_for_the_address_and_a_token(asked: dict[str, Any]) -> None:
    done = run("push", "raydp_head", "-c", "myaccount")
    assert done.exit_code == 0, done.output
    assert (asked["connection"], asked["address"], asked["images"]) == ("myaccount", URL, [f"raydp_head:{__version__}"])
    assert asked["credentials"].user == "0sessiontoken"
    assert "secret token" in asked["credentials"].password
    assert "secret token" not in done.output


def test_the_local_snowflake_needs_no_token(asked: dict[str, Any]) -> None:
    asked["url"] = "localhost/d/s/r"
    assert run("push").exit_code == 0
    assert asked["credentials"] is None


def test_a_password_comes_from_a_file_or_standard_input(asked: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "pat"
    file.write_text("from a file\n")
    for source, text in ((str(file), "from a file"), ("-", "typed")):
        done = run("push", "--registry", URL, "--user", "me", "--password-file", source, given="typed\n")
        assert done.exit_code == 0, done.output
        assert asked["credentials"] == pushing.Credentials("me", text)
    assert "connection" not in asked, "nothing has to be asked of Snowflake"
    refused = run("push", "--registry", URL, "--sign-in", "password")
    assert (refused.exit_code, "connection" in asked) == (2, False)


def test_none_means_signed_in_already(asked: dict[str, Any]) -> None:
    assert run("push", "--registry", URL, "--sign-in", "none", "--tag", "7", "raydp_worker").exit_code == 0
    assert (asked["credentials"], asked["images"]) == (None, ["raydp_worker:7"])


def test_build_takes_its_options_from_the_environment_too(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGINE", "docker")
    monkeypatch.setenv("BASE_IMAGE", "own/python:3.11")
    done = run("build", "raydp_head", "--tag", "7")
    assert done.exit_code == 0, done.output
    assert (asked["engine"], asked["names"]) == ("docker", ["raydp_head"])
    assert asked["options"] == building.BuildOptions("7", "own/python:3.11")


def test_the_list_says_what_is_missing(asked: dict[str, Any]) -> None:
    done = run("list")
    assert done.exit_code == 0, done.output
    assert "raydp_head" in done.stdout
    assert f"raydp_worker:{__version__}" in done.stderr
    assert f"raydp_head:{__version__}" not in done.stderr


def test_an_image_that_is_none_is_wrong_usage(asked: dict[str, Any]) -> None:
    assert run("push", "nope").exit_code == 2
    assert "images" not in asked
