"""Building and pushing, command by command, with an engine that only writes down what it is asked for."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.container_engine import (
    Engine,
    EngineCommandError,
    EngineMissingError,
    EngineNotRunningError,
)
from airflow_provider_raydp_spcs.images import building, pushing
from airflow_provider_raydp_spcs.images.errors import (
    ImageNotBuiltError,
    NotSignedInError,
    PushFailedError,
    RegistryNotSetError,
    RegistryUnreachableError,
    WrongArchitectureError,
)
from airflow_provider_raydp_spcs.shipped import shipped
from airflow_provider_raydp_spcs.spcs.errors import ObjectDoesNotExistError
from airflow_provider_raydp_spcs.spcs.image_repositories import ImageRepositories

Fail = Callable[[tuple[str, ...]], str | None]
REPOSITORY = "org-account.registry.snowflakecomputing.com/db/schema/repo"


class Recorder:
    """Stands in for ``subprocess.run``: remembers commands and their standard input, answers as it is told."""

    def __init__(self, answers: dict[str, str], refusals: dict[str, str]) -> None:
        self.answers, self.refusals = answers, refusals
        self.commands: list[list[str]] = []
        self.given: list[str | None] = []

    def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        self.commands.append(command[1:])
        self.given.append(options.get("input"))
        refusal = self.refusals.get(command[1])
        return subprocess.CompletedProcess(
            command, 1 if refusal else 0, self.answers.get(command[1], ""), refusal or ""
        )


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder({"image": json.dumps([{"Architecture": "amd64"}])}, {})
    monkeypatch.setattr(subprocess, "run", made)
    return made


DOCKER = Engine("docker", "/bin/docker")


def test_the_password_goes_over_standard_input_only(recorder: Recorder) -> None:
    credentials = pushing.Credentials.of_session("very secret", 600)
    said: list[str] = []
    assert pushing.push(DOCKER, f"https://{REPOSITORY.upper()}/", ["raydp_head:1"], credentials, said.append) == [
        f"{REPOSITORY}/raydp_head:1"
    ]
    host = REPOSITORY.partition("/")[0]
    assert recorder.commands[2:] == [
        ["tag", "raydp_head:1", f"{REPOSITORY}/raydp_head:1"],
        ["login", host, "--username", "0sessiontoken", "--password-stdin"],
        ["push", f"{REPOSITORY}/raydp_head:1"],
        ["logout", host],
    ]
    login = recorder.given[3]
    assert login is not None
    assert json.loads(login) == {"token": "very secret", "expires_in": 600}
    assert "very secret" not in f"{recorder.commands}{said}{credentials}"


def test_the_local_snowflake_needs_only_a_name(recorder: Recorder) -> None:
    assert pushing.push(DOCKER, "localhost/db/schema/repo", ["raydp_head:1"], None, print) == [
        "localhost/db/schema/repo/raydp_head:1"
    ]
    assert [command[0] for command in recorder.commands] == ["info", "image", "tag"]


@pytest.mark.parametrize(
    "repository",
    ["", "myorg-myaccount.registry.snowflakecomputing.com/d/s/r", "no repository", "host.example", "-x/y", "h/a;b"],
)
def test_an_address_that_is_none_is_refused(recorder: Recorder, repository: str) -> None:
    with pytest.raises(RegistryNotSetError, match="repository_url"):
        pushing.push(DOCKER, repository, ["raydp_head:1"], None)
    assert recorder.commands == []


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Error: dial tcp: lookup x: no such host", RegistryUnreachableError),
        (
            "Error: trying to reuse blob sha256:a403: dial tcp 127.0.0.1:40321: connection refused",
            RegistryUnreachableError,
        ),
        ("net/http: TLS handshake timeout: i/o timeout", RegistryUnreachableError),
        ("denied: requested access to the resource is denied", NotSignedInError),
        ("Error: invalid username/password: unauthorized", NotSignedInError),
        ("Error: manifest too large", PushFailedError),
    ],
)
@pytest.mark.parametrize("step", ["login", "push"])
def test_what_registries_say_is_told_apart(recorder: Recorder, said: str, kind: type[Exception], step: str) -> None:
    recorder.refusals[step] = f"first line\n{said}\n"
    with pytest.raises(kind, match="org-account"):
        pushing.push(DOCKER, REPOSITORY, ["raydp_head:1"], pushing.Credentials("me", "x"))
    assert (["logout", REPOSITORY.partition("/")[0]] in recorder.commands) is (step == "push")


def test_missing_and_foreign_images_are_not_pushed(recorder: Recorder) -> None:
    recorder.answers["image"] = json.dumps([{"Architecture": "arm64"}])
    with pytest.raises(WrongArchitectureError, match=r"'arm64'.*linux/amd64"):
        pushing.push(DOCKER, REPOSITORY, ["raydp_head:1"], None)
    recorder.refusals["image"] = "Error: No such image: raydp_head:1"
    with pytest.raises(ImageNotBuiltError, match="raydp-spcs images build raydp_head"):
        pushing.push(DOCKER, REPOSITORY, ["raydp_head:1"], None)


def test_snow_is_asked_for_its_token(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder.answers["spcs"] = '{"token": "t", "expires_in": 60}\n'
    assert pushing.Credentials.of_snow().password == '{"token": "t", "expires_in": 60}'
    recorder.refusals["spcs"] = "no default connection"
    with pytest.raises(NotSignedInError, match=r"no default connection.*snow connection test"):
        pushing.Credentials.of_snow()


def test_builds_are_for_snowflakes_nodes_and_stand_on_each_other(tmp_path: Path) -> None:
    shutil.copytree(shipped("images"), tmp_path / "images")
    given = building.BuildOptions("7", "own/python:3.11", tmp_path / "ca.pem")
    base = building.build_arguments("raydp_base", tmp_path, given)
    assert base[:7] == [
        "build",
        "--platform",
        "linux/amd64",
        "--tag",
        "raydp_base:7",
        "--build-arg",
        "BASE_IMAGE=own/python:3.11",
    ]
    assert f"id=build_ca,src={tmp_path / 'ca.pem'}" in base
    for name in ("raydp_head", "raydp_worker", "raydp_custom_worker"):
        assert "BASE_IMAGE=raydp_base:7" in building.build_arguments(name, tmp_path, given)
    assert "RAYDP_BASE=raydp_base:7" in building.build_arguments("grafana", tmp_path, given)
    assert "--build-arg" not in building.build_arguments("prometheus", tmp_path, given), "it has a base of its own"
    assert "RAYDP_BASE=raydp_base:7" in building.build_arguments("grafana", tmp_path, given)
    assert "--build-arg" not in building.build_arguments("raydp_base", tmp_path, building.BuildOptions())


def test_an_engine_that_is_missing_or_down_is_told(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder.refusals["info"] = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock"
    with pytest.raises(EngineNotRunningError, match=r"Cannot connect.*systemctl start docker"):
        DOCKER.check_running()
    monkeypatch.setattr("shutil.which", lambda name: "/bin/docker" if name == "docker" else None)
    assert Engine.find().name == "docker"
    with pytest.raises(EngineMissingError, match=r"podman is not on PATH.*apt-get install podman"):
        Engine.find("podman")
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(EngineMissingError, match="neither podman nor docker is on PATH"):
        Engine.find()
    recorder.refusals["image"] = "storage is broken"
    with pytest.raises(EngineCommandError, match="storage is broken"):
        DOCKER.inspect_image("x")


class Rows:
    """A session that answers with given rows."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows, self.statements = rows, list[str]()

    def execute(self, sql: str, params: Any = ()) -> list[dict[str, Any]]:
        self.statements.append(sql)
        return self.rows


def test_the_repository_of_the_right_schema_is_taken() -> None:
    row = {"database_name": "D", "schema_name": "S", "name": "R", "repository_url": "h/d/s/r"}
    session = Rows([{**row, "schema_name": "OTHER", "repository_url": "wrong"}, row])
    assert ImageRepositories(session).url("d.s.r") == "h/d/s/r"
    assert session.statements == ["SHOW IMAGE REPOSITORIES LIKE 'R' IN SCHEMA D.S"]
    with pytest.raises(ObjectDoesNotExistError, match=r"step1_user_setup\.sql"):
        ImageRepositories(Rows([])).url("r")


def test_every_tag_is_an_image() -> None:
    row = {"image_name": "raydp_head", "tags": "1,2", "digest": "sha256:x", "image_path": "/d/s/r/raydp_head"}
    found = ImageRepositories(Rows([row])).images("r")
    assert [(each.name, each.tag) for each in found] == [("raydp_head", "1"), ("raydp_head", "2")]
