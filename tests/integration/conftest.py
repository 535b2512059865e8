"""A local Snowflake with images of the tests' own; each test module has one to itself, for some end it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import connect, run_script
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.local.environment import client_environment
from airflow_provider_raydp_spcs.shipped import shipped
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration.containers import ECHO, SERVER


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    (folder / "web").mkdir()
    (folder / "web" / "server.py").write_text(SERVER)
    program = str(folder / "web" / "server.py")
    (folder / "web" / "Dockerfile").write_text(
        f'FROM scratch\nENV GREETING=hello\nENTRYPOINT ["python", "{program}"]\n'
    )
    (folder / "echo").mkdir()
    (folder / "echo" / "server.py").write_text(ECHO)
    program = str(folder / "echo" / "server.py")
    (folder / "echo" / "Dockerfile").write_text(f'FROM scratch\nENTRYPOINT ["python", "{program}"]\n')
    (folder / "crash").mkdir()
    (folder / "crash" / "Dockerfile").write_text(
        'FROM scratch\nENTRYPOINT ["/bin/sh", "-c", "echo out of luck; exit 3"]\n'
    )
    return folder


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sf-"))
    yield folder
    daemon.down(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def environment(home: Path, images: Path) -> Iterator[dict[str, str]]:
    before = dict(os.environ)
    found = client_environment(daemon.up(home, port=0, images=images))
    os.environ.update(found)
    for script in ("step0_admin_setup.sql", "step1_user_setup.sql"):
        run_script(found, shipped("sql") / script)
    yield found
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def session(environment: dict[str, str]) -> Iterator[ConnectorSession]:
    with connect(environment) as connection:
        yield ConnectorSession(connection)
