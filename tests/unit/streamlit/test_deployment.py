"""The app goes into Snowflake whole, and runs there on what Snowflake's channel has."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.errors import (
    InsufficientPrivilegesError,
    InvalidIdentifierError,
    InvalidValueError,
)
from airflow_provider_raydp_spcs.streamlit.deployment import PACKAGE, app_files, deploy

# Packages that the channel has not, or that the app is not to need.
BLOCKED = ("airflow", "httpx", "typer", "rich", "psutil", "ray", "pyspark", "duckdb")
RUN = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ImportError(f"{{name}} is not in the channel")

sys.meta_path.insert(0, Blocked())
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("sis.py", default_timeout=60).run()
assert not app.exception, app.exception
print(*(each.value for each in app.error), *(each.value for each in app.text))
import airflow_provider_raydp_spcs
print(airflow_provider_raydp_spcs.__file__)
import importlib, pkgutil
for room in ("cluster", "spcs"):
    for module in pkgutil.iter_modules([f"airflow_provider_raydp_spcs/{{room}}"], f"airflow_provider_raydp_spcs.{{room}}."):
        importlib.import_module(module.name)
"""


class Session:
    """Takes every statement and remembers it."""

    def __init__(self, warehouse: str | None = "WH") -> None:
        self.warehouse = warehouse
        self.sent: list[str] = []

    def execute(self, sql: str, params: object = ()) -> list[dict[str, Any]]:
        del params
        self.sent.append(" ".join(sql.split()))
        row = {"d": "DB", "s": "SCH", "w": self.warehouse, "o": "ORG", "a": "ACC", "r": "GUEST"}
        return [row] if sql.startswith("SELECT") else [{"status": "UPLOADED"}] if sql.startswith("PUT") else []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The app's files as they lie in Snowflake, without the rest of the package."""
    for source, where in app_files():
        (tmp_path / where).mkdir(parents=True, exist_ok=True)
        found = list(source.parent.glob(source.name))
        assert found, source
        for file in found:
            shutil.copy(file, tmp_path / where)
    return tmp_path


def test_it_runs_from_its_own_files_without_airflow(folder: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "The app is not connected to Snowflake." in done.stdout
    assert str(folder) in done.stdout, "the package came from the app's own files"


def test_its_packages_are_those_of_the_environment(folder: Path) -> None:
    environment = yaml.safe_load((folder / "environment.yml").read_text())
    assert environment["channels"] == ["snowflake"]
    names = {each.partition("=")[0] for each in environment["dependencies"]}
    assert names == {"python", "pyyaml", "snowflake-snowpark-python", "streamlit"}
    wanted = (PACKAGE.parent / "pyproject.toml").read_text()
    assert "streamlit=1.50.0" in environment["dependencies"]
    assert '"streamlit>=1.50"' in wanted, "the oldest version, in both places"


def test_the_statements_of_a_deployment() -> None:
    session = Session()
    made = deploy(SpcsClient(session), "my_app", "STG")
    assert session.sent[2].startswith("CREATE STAGE IF NOT EXISTS STG DIRECTORY = (ENABLE = TRUE)")
    assert session.sent[3] == "REMOVE '@STG/my_app/'"
    puts = [sent for sent in session.sent if sent.startswith("PUT")]
    assert "/streamlit/sis.py' '@STG/my_app' " in puts[0]
    assert "/cluster/*.py' '@STG/my_app/airflow_provider_raydp_spcs/cluster' " in " ".join(puts)
    create, live = session.sent[-3:-1]
    assert create.startswith(
        "CREATE OR REPLACE STREAMLIT DB.SCH.MY_APP FROM '@STG/my_app' MAIN_FILE = 'sis.py' QUERY_WAREHOUSE = WH TITLE = "
    )
    assert live == "ALTER STREAMLIT DB.SCH.MY_APP ADD LIVE VERSION FROM LAST"
    assert made.page == "https://app.snowflake.com/org/acc/#/streamlit-apps/DB.SCH.MY_APP"


def test_what_cannot_be_is_said_before_anything_is_sent() -> None:
    session = Session(warehouse=None)
    with pytest.raises(InvalidValueError, match="--warehouse"):
        deploy(SpcsClient(session), "APP", "STG")
    with pytest.raises(InvalidIdentifierError):
        deploy(SpcsClient(session), "a; DROP", "STG", "WH")
    with pytest.raises(InvalidIdentifierError):
        deploy(SpcsClient(session), "APP", "S T", "WH")
    assert not [sent for sent in session.sent if not sent.startswith("SELECT")]


def test_a_refusal_says_what_to_grant() -> None:
    class Refusing(Session):
        def execute(self, sql: str, params: object = ()) -> list[dict[str, Any]]:
            if sql.startswith("CREATE OR REPLACE STREAMLIT"):
                raise InsufficientPrivilegesError("Insufficient privileges to operate on schema 'SCH'", 3001, "42501")
            return super().execute(sql, params)

    with pytest.raises(InsufficientPrivilegesError, match=r"GRANT CREATE STREAMLIT ON SCHEMA DB\.SCH TO ROLE GUEST;"):
        deploy(SpcsClient(Refusing()), "APP", "STG")
