"""Real containers for the tests of this folder: one podman, one base image and one build of the images for all.

Of the package and not of the session: they set variables that other tests must not see, and take room on the disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.container_engine import Engine
from airflow_provider_raydp_spcs.images.contents import BASE, ON_BASE
from airflow_provider_raydp_spcs.version import __version__
from tests.local_snowflake import local_snowflake
from tests.system.containers.engine import AUTHORITIES, import_base, podman, require_programs

ROOT = Path(__file__).resolve().parents[3]
PYTHON_BASE = "localhost/python-base:test"
RAYDP = (BASE, *ON_BASE)


@pytest.fixture(scope="package")
def engine() -> Iterator[Engine]:
    require_programs()
    with podman() as found:
        import_base(found, PYTHON_BASE)
        yield found


@pytest.fixture(scope="package")
def images(engine: Engine) -> list[str]:
    """The images of the nodes, built by the shipped script; answers their names."""
    settings = {"ENGINE": engine.name, "BASE_IMAGE": PYTHON_BASE}
    if AUTHORITIES.is_file():
        settings["BUILD_CA"] = str(AUTHORITIES)
    started = time.monotonic()
    script = ROOT / "images" / "build_image.sh"
    # The script takes the clone's own environment where there is one.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", script, "build", *RAYDP],
        env=os.environ | settings | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    print(f"the images took {time.monotonic() - started:.0f} s")
    return [f"{name}:{__version__}" for name in RAYDP]


@pytest.fixture(scope="package")
def snowflake(engine: Engine, images: list[str]) -> Iterator[dict[str, str]]:
    """A local Snowflake with the container runtime, set up and with the images pushed; what ``local env`` prints."""
    with local_snowflake(runtime=engine.name) as environment:
        command = [sys.executable, "-m", "airflow_provider_raydp_spcs.cli", "images", "push", *RAYDP]
        done = subprocess.run([*command, "--engine", engine.name], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        yield environment
