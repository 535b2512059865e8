"""Pushing to a real registry, and every way in which it says no."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from airflow_provider_raydp_spcs.container_engine import Engine
from airflow_provider_raydp_spcs.images import pushing
from airflow_provider_raydp_spcs.images.errors import (
    ImageNotBuiltError,
    NotSignedInError,
    RegistryUnreachableError,
    WrongArchitectureError,
)
from tests.system.containers.conftest import PYTHON_BASE, ROOT
from tests.system.containers.registry import PASSWORD, USER, free_address, registry

pytestmark = [pytest.mark.system, pytest.mark.timeout(300, func_only=True)]
SMALL = "raydp_worker:small"


@pytest.fixture(scope="module")
def address(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("registry")
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY users /users\n")
    with registry(folder) as found:
        for platform, name in (("linux/amd64", SMALL), ("linux/arm64", "raydp_worker:arm")):
            engine.run("build", "--no-cache", "--platform", platform, "--tag", name, str(folder))
        yield found


def test_an_image_is_pushed_and_nobody_stays_signed_in(engine: Engine, address: str) -> None:
    pushed = pushing.push(engine, f"{address}/db/schema/repo", [SMALL], pushing.Credentials(USER, PASSWORD))
    assert pushed == [f"{address}/db/schema/repo/{SMALL}"]
    reply = httpx.get(f"http://{address}/v2/db/schema/repo/raydp_worker/tags/list", auth=(USER, PASSWORD))
    assert reply.json()["tags"] == ["small"]
    assert json.loads(Path(os.environ["REGISTRY_AUTH_FILE"]).read_text()).get("auths", {}) == {}


def test_the_script_pushes_what_config_env_says(engine: Engine, address: str, tmp_path: Path) -> None:
    config, secret = tmp_path / "config.env", tmp_path / "password"
    config.write_text(f"IMAGE_REGISTRY={address}/from/the/script\n")
    secret.write_text(f"{PASSWORD}\n")
    settings = {"CONFIG": str(config), "ENGINE": engine.name, "TAG": "small", "SIGN_IN": "password"}
    settings |= {"REGISTRY_USER": USER, "REGISTRY_PASSWORD_FILE": str(secret)}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["sh", str(ROOT / "images" / "build_image.sh"), "push", "raydp_worker"]
    done = subprocess.run(
        command, env=os.environ | settings | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    reply = httpx.get(f"http://{address}/v2/from/the/script/raydp_worker/tags/list", auth=(USER, PASSWORD))
    assert reply.json()["tags"] == ["small"]


@pytest.mark.parametrize("credentials", [None, pushing.Credentials(USER, "wrong")])
def test_who_is_not_signed_in_is_told_how(
    engine: Engine, address: str, credentials: pushing.Credentials | None
) -> None:
    with pytest.raises(NotSignedInError, match=f"{address} does not let us in.*--sign-in"):
        pushing.push(engine, f"{address}/db/schema/repo", [SMALL], credentials)


@pytest.mark.parametrize("credentials", [None, pushing.Credentials(USER, PASSWORD)])
def test_a_registry_that_does_not_answer_is_told(
    engine: Engine, address: str, credentials: pushing.Credentials | None
) -> None:
    del address
    nobody = free_address()
    with pytest.raises(RegistryUnreachableError, match=f"{nobody} does not answer.*repository_url"):
        pushing.push(engine, f"{nobody}/db/schema/repo", [SMALL], credentials)


def test_an_image_for_another_processor_is_not_pushed(engine: Engine, address: str) -> None:
    with pytest.raises(WrongArchitectureError, match=r"'arm64'.*linux/amd64"):
        pushing.push(engine, f"{address}/db/schema/repo", ["raydp_worker:arm"], None)


def test_an_image_that_was_not_built_is_told(engine: Engine, address: str) -> None:
    with pytest.raises(ImageNotBuiltError, match="raydp-spcs images build raydp_head"):
        pushing.push(engine, f"{address}/db/schema/repo", ["raydp_head:nope"], None)


def test_the_base_of_the_tests_is_for_snowflakes_nodes(engine: Engine, address: str) -> None:
    del address
    pushing.check_image(engine, PYTHON_BASE)
