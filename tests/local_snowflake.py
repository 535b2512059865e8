"""A local Snowflake of a test's or benchmark's own, set up by the shipped SQL."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_raydp_spcs.cli.demo.connection import run_script
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.local.environment import client_environment
from airflow_provider_raydp_spcs.shipped import shipped


@contextmanager
def local_snowflake(
    images: Path | None = None,
    runtime: str | None = None,
    *,
    home: Path | None = None,
    provisioning_seconds: float = 0.0,
) -> Iterator[dict[str, str]]:
    """What ``local env`` prints, also in this process' environment; nothing of it is left at the end.

    :param images: folder of image folders, instead of the shipped ones.
    :param runtime: how services run, instead of as processes.
    :param home: where it lies, for tests that start it again.
    :param provisioning_seconds: how long nodes and addresses take to come.
    """
    home = home or Path(tempfile.mkdtemp(prefix="sf-"))
    before = dict(os.environ)
    try:
        server = daemon.up(
            home,
            port=0,
            images=images or shipped("images"),
            runtime=runtime,
            provisioning_seconds=provisioning_seconds,
        )
        environment = client_environment(server)
        os.environ.update(environment)
        for script in ("step0_admin_setup.sql", "step1_user_setup.sql"):
            run_script(environment, shipped("sql") / script)
        yield environment
    finally:
        os.environ.clear()
        os.environ.update(before)
        daemon.down(home)
        shutil.rmtree(home, ignore_errors=True)
