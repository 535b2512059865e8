"""The app put into Snowflake by the command line, and run from there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.streamlit import deployment

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
STAGE = "@RAYDP_APP/raydp_clusters"
RUN = """
import os
from snowflake.snowpark import Session
names = ("host", "port", "account", "user", "password", "role", "database", "schema", "warehouse")
# Inside Snowflake there is a session already, and the app takes that.
Session.builder.configs({name: os.environ[f"SNOWFLAKE_{name.upper()}"] for name in names}).create()
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("sis.py", default_timeout=60).run()
assert not app.exception, app.exception
assert not app.error, app.error
import airflow_provider_raydp_spcs.cluster as room
print(app.title[0].value, app.caption[0].value, app.info[0].value, room.__file__)
"""


def deploy(environment: dict[str, str]) -> dict[str, object]:
    command = [sys.executable, "-m", "airflow_provider_raydp_spcs.cli", "app", "--deploy", "--output", "json"]
    found: dict[str, object] = json.loads(subprocess.check_output(command, env={**os.environ, **environment}))
    return found


def test_it_is_deployed_twice_and_runs_from_its_stage(
    clusters: Clusters, light_snowflake: dict[str, str], tmp_path: Path
) -> None:
    client = clusters.client
    made = deploy(light_snowflake)
    assert made["name"] == "RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.RAYDP_CLUSTERS"
    assert str(made["page"]).startswith("https://app.snowflake.com/")
    files = {file.path for file in client.stages.files(STAGE)}
    assert len(files) == made["files"]
    again = deployment.deploy(client, "RAYDP_CLUSTERS", "RAYDP_APP")
    assert asdict(again) == made
    assert {file.path for file in client.stages.files(STAGE)} == files
    (app,) = client.streamlit_apps.show("RAYDP_")
    assert (app.name, app.title, app.owner, app.query_warehouse) == (
        "RAYDP_CLUSTERS", "RayDP clusters", "RAYDP_SIS_ROLE", "RAYDP_SIS_XSW",
    )  # fmt: skip

    # Snowflake copies the folder as it is; GET flattens folders, so each is fetched into its own.
    for folder in sorted({path.rpartition("/")[0] for path in files}):
        target = tmp_path / folder
        client.stages.get(f"@RAYDP_APP/{folder}/", target, pattern=rf".*{folder}/[^/]+")
    root = tmp_path / "raydp_clusters"
    assert {path.relative_to(tmp_path).as_posix() for path in root.rglob("*") if path.is_file()} == files
    environment = {**light_snowflake, "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    told = subprocess.check_output([sys.executable, "-c", RUN], cwd=root, env=environment, text=True, timeout=90)
    assert "RayDP clusters" in told
    assert "There is no cluster yet" in told
    assert str(root) in told

    client.streamlit_apps.drop("RAYDP_CLUSTERS")
    assert client.streamlit_apps.show() == []
