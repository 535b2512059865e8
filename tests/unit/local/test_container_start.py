"""From a specification to a container's start: mounts, tokens, secrets (SPCS reference 3.1 to 3.5)."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.local.errors import does_not_exist
from airflow_provider_raydp_spcs.local.runtimes.base import ContainerStart
from airflow_provider_raydp_spcs.local.security.certificates import write_private
from airflow_provider_raydp_spcs.local.services.container_start import AccountFacts, Folders, prepare
from airflow_provider_raydp_spcs.local.services.images import Image, ImageCatalogue
from airflow_provider_raydp_spcs.local.services.instances import Instance
from airflow_provider_raydp_spcs.local.services.records import ServiceRecord
from airflow_provider_raydp_spcs.local.services.surroundings import Surroundings
from airflow_provider_raydp_spcs.spcs.errors import InvalidSpecificationError
from airflow_provider_raydp_spcs.spcs.instance_families import instance_family

VALUES = {"D.S.KEY": {"secret_string": "hush"}, "E.T.LOGIN": {"username": "me", "password": "whisper"}}
STAGES = {"@D.S.OWN": True, "@D.S.READABLE": False}


def read(name: str, role: str) -> Mapping[str, str]:
    if role != "R" or name not in VALUES:
        raise does_not_exist("Secret", name)
    return VALUES[name]


def start(
    folder: Path, *, owner: str = "R", isolated: bool = False, volumes: Any = (), **container: Any
) -> ContainerStart:
    """What the only container of a service is started with."""
    main = {"name": "main", "image": "/d/s/r/i:1", **container}
    text = json.dumps({"spec": {"containers": [main], "volumes": list(volumes)}})
    record = ServiceRecord("D", "S", "SVC", "P", text, owner, 7)

    def stage_folder(location: str) -> Path:
        if location not in STAGES:
            raise does_not_exist("Stage", location)
        return folder / location.removeprefix("@")

    around = Surroundings(
        ImageCatalogue(folder),
        AccountFacts("LOCAL", "127.0.0.1", 1234, folder / "ca.pem"),
        stage_folder,
        lambda service, role: "token",
        may_write=lambda location, role: STAGES[location],
        secret=read,
        isolated=isolated,
    )
    return prepare(
        record,
        Instance(0, 7, "127.1.0.8", text),
        record.specification.containers[0],
        Image(("run",), (), {"A": "image"}),
        folders=Folders(folder / "scratch", folder / "logs", folder / "blocks"),
        around=around,
        names={},
        own_names=("svc",),
        family=instance_family("CPU_X64_S"),
        token="first-token",
    )


def text_and_mode(file: Path) -> tuple[str, int]:
    return file.read_text(), stat.S_IMODE(file.stat().st_mode)


def test_the_token_is_where_the_specification_says_and_private(tmp_path: Path) -> None:
    assert start(tmp_path).read_only == ("/snowflake/session",)
    made = start(tmp_path, sessionTokenConfig={"path": "/elsewhere"})
    assert text_and_mode(made.mounts["/elsewhere"] / "token") == ("first-token", 0o600)
    assert "first-token" not in repr(made)


def test_a_container_may_do_without_a_token(tmp_path: Path) -> None:
    assert start(tmp_path, mountSessionToken=False).mounts == {}
    with pytest.raises(InvalidSpecificationError, match="needs mountSessionToken"):
        start(tmp_path, mountSessionToken=False, sessionTokenConfig={"path": "/x"})


@pytest.mark.parametrize(
    ("config", "isolated", "mode"),
    [
        (None, True, 0o644),
        ({"path": "/t"}, True, 0o644),
        ({"path": "/t", "permission": "0440"}, True, 0o440),
        ({"path": "/t", "permission": "0400"}, True, 0o400),
        ({"path": "/t", "permission": "0644"}, False, 0o600),
        ({"path": "/t", "permission": "0400"}, False, 0o400),
    ],
)
def test_the_files_have_the_permissions_that_are_asked_for(
    tmp_path: Path, config: dict[str, str] | None, isolated: bool, mode: int
) -> None:
    """Wider than their owner's only where the container alone gets to them (SPCS reference 3.2)."""
    token = {"mountConnectionConfig": True, **(config or {})}
    made = start(tmp_path, isolated=isolated, sessionTokenConfig=token)
    folder = made.mounts["/t" if config else "/snowflake/session"]
    connection = made.mounts["/snowflake/config"] / "connections.toml"
    assert [text_and_mode(each)[1] for each in (folder / "token", connection)] == [mode, mode]
    assert stat.S_IMODE(folder.stat().st_mode) == (0o755 if isolated else 0o700)
    assert stat.S_IMODE(folder.parent.stat().st_mode) & 0o077 == 0 or not isolated
    assert made.read_only == tuple(made.mounts)


@pytest.mark.parametrize("isolated", [True, False])
def test_a_connection_leads_to_the_token(tmp_path: Path, isolated: bool) -> None:
    made = start(tmp_path, isolated=isolated, sessionTokenConfig={"path": "/t", "mountConnectionConfig": True})
    home = made.mounts["/snowflake/config"]
    assert made.platform_env["SNOWFLAKE_HOME"] == ("/snowflake/config" if isolated else str(home))
    token = "/t/token" if isolated else str(made.mounts["/t"] / "token")
    assert tomllib.loads((home / "connections.toml").read_text()) == {
        "default": {
            "account": "LOCAL",
            "host": "127.0.0.1",
            "port": 1234,
            "authenticator": "oauth",
            "token_file_path": token,
        }
    }
    without = start(tmp_path, sessionTokenConfig={"path": "/t", "mountConnectionConfig": False})
    assert "SNOWFLAKE_HOME" not in without.platform_env
    assert "/snowflake/config" not in without.mounts


def test_every_container_has_its_own_token_file(tmp_path: Path) -> None:
    folders = [start(tmp_path, name=name).mounts["/snowflake/session"] for name in ("one", "two")]
    assert len(set(folders)) == 2


def test_a_private_file_is_not_written_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("as it was")
    (tmp_path / "token").symlink_to(victim)
    (tmp_path / f"token.{os.getpid()}").symlink_to(victim)
    write_private(tmp_path / "token", b"secret")
    assert victim.read_text() == "as it was"
    assert not (tmp_path / "token").is_symlink()


def test_the_platforms_variables_cannot_be_replaced(tmp_path: Path) -> None:
    made = start(tmp_path, env={"A": "own", "SNOWFLAKE_HOST": "elsewhere"})
    assert made.env["A"] == "own"
    assert made.platform_env == {
        "SNOWFLAKE_ACCOUNT": "LOCAL",
        "SNOWFLAKE_HOST": "127.0.0.1",
        "SNOWFLAKE_PORT": "1234",
        "SNOWFLAKE_DATABASE": "D",
        "SNOWFLAKE_SCHEMA": "S",
        "SNOWFLAKE_SERVICE_NAME": "SVC",
    }


def test_stages_are_told_from_other_mounts(tmp_path: Path) -> None:
    volumes: list[dict[str, Any]] = [
        {"name": "own", "source": "stage", "stageConfig": {"name": "@D.S.OWN"}},
        {"name": "other", "source": "stage", "stageConfig": {"name": "@D.S.READABLE"}},
        {"name": "disk", "source": "local"},
    ]
    mounts = [{"name": each["name"], "mountPath": f"/{each['name']}"} for each in volumes]
    made = start(tmp_path, volumes=volumes, volumeMounts=mounts)
    assert made.stages == ("/own", "/other")
    assert made.read_only == ("/snowflake/session", "/other")
    assert made.mounts["/disk"].is_relative_to(tmp_path / "scratch")


def test_a_stage_that_is_gone_is_said_so(tmp_path: Path) -> None:
    volumes = [{"name": "v", "source": "stage", "stageConfig": {"name": "@D.S.GONE"}}]
    with pytest.raises(FileNotFoundError, match=r"@D\.S\.GONE"):
        start(tmp_path, volumes=volumes, volumeMounts=[{"name": "v", "mountPath": "/v"}])


def test_secrets_come_as_variables_and_as_files(tmp_path: Path) -> None:
    made = start(
        tmp_path,
        secrets=[
            {"snowflakeSecret": "key", "envVarName": "KEY", "secretKeyRef": "secret_string"},
            {"snowflakeSecret": {"objectName": "e.t.login"}, "directoryPath": "/secrets"},
        ],
    )
    assert made.platform_env["KEY"] == "hush"
    folder = made.mounts["/secrets"]
    assert {each.name: each.read_text() for each in folder.iterdir()} == {"username": "me", "password": "whisper"}
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "/secrets" in made.read_only
    assert not [word for word in ("hush", "whisper") if word in repr(made)]


@pytest.mark.parametrize(
    ("owner", "secret", "complaint"),
    [
        ("R", {"snowflakeSecret": "nope", "directoryPath": "/x"}, r"D\.S\.NOPE"),
        ("OTHER", {"snowflakeSecret": "key", "directoryPath": "/x"}, "not authorized"),
        ("R", {"snowflakeSecret": "key", "envVarName": "A", "secretKeyRef": "password"}, "no password.*secret_string"),
        ("R", {"snowflakeSecret": "key", "directoryPath": "/proc"}, "nothing can be mounted"),
    ],
)
def test_a_secret_that_cannot_be_given_keeps_the_container_from_starting(
    tmp_path: Path, owner: str, secret: Any, complaint: str
) -> None:
    with pytest.raises(PermissionError, match=complaint):
        start(tmp_path, owner=owner, secrets=[secret])


@pytest.mark.parametrize(
    "secret",
    [
        {},
        {"snowflakeSecret": ""},
        {"snowflakeSecret": {"name": "x"}, "directoryPath": "/x"},
        {"snowflakeSecret": "x"},
        {"snowflakeSecret": "x", "envVarName": "A"},
        {"snowflakeSecret": "x", "envVarName": "A", "secretKeyRef": "nonsense"},
        {"snowflakeSecret": "x", "directoryPath": "../x"},
        {"snowflakeSecret": "x", "directoryPath": "/x", "envVarName": "A"},
        {"snowflakeSecret": "x", "directoryPath": "/x", "file": "y"},
    ],
)
def test_secrets_are_written_one_of_two_ways(tmp_path: Path, secret: Any) -> None:
    with pytest.raises(InvalidSpecificationError):
        start(tmp_path, secrets=[secret])
