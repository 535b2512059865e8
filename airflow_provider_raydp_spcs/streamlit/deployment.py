"""Putting the app into Snowflake: its files onto a stage, and a STREAMLIT object made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.spcs import snowsight, sql
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.errors import InvalidValueError
from airflow_provider_raydp_spcs.spcs.streamlit_apps import StreamlitApp
from airflow_provider_raydp_spcs.version import __version__

PACKAGE: Final = Path(__file__).resolve().parents[1]
ROOMS: Final = ("cluster", "spcs", "streamlit")
"""What the app is made of; the rest of the package stays at home."""
LEAVES: Final = ("__init__.py", "patience.py", "ports.py", "version.py", "watching.py")
ENTRY: Final = "sis.py"
AT_THE_TOP: Final = (ENTRY, "environment.yml")
"""Snowflake wants these in the app's own folder, beside the package."""
TITLE: Final = "RayDP clusters"


@dataclass(frozen=True)
class Deployed:
    """An app in Snowflake.

    :param files: how many were put onto the stage.
    :param page: its address in Snowsight; empty where Snowflake does not tell it.
    """

    name: str
    files: int
    page: str


def app_files() -> Iterator[tuple[Path, str]]:
    """The app's files, as paths and globs, each with the folder below the app's own where it belongs; empty for the top."""
    for name in AT_THE_TOP:
        yield PACKAGE / "streamlit" / name, ""
    for leaf in LEAVES:
        yield PACKAGE / leaf, PACKAGE.name
    for room in ROOMS:
        yield PACKAGE / room / "*.py", f"{PACKAGE.name}/{room}"


def deploy(
    client: SpcsClient,
    name: str,
    stage: str,
    warehouse: str | None = None,
    *,
    progress: Callable[[str], None] = lambda line: None,
) -> Deployed:
    """Put the app into Snowflake, or anew where it is there; grants on the old one go with it.

    It runs with the rights of the role that deploys it, whoever opens it.

    :param name: of the app, ``[database.][schema.]name``.
    :param stage: for its files, likewise; made where it is missing.
    :param warehouse: runs it; by default the session's.
    :raises InvalidValueError: no warehouse is named, and the session has none.
    :raises SpcsError: Snowflake refuses something; for a missing privilege the message says which.
    """
    name = _in_schema(client, name)
    warehouse = warehouse or client.current_warehouse()
    if not warehouse:
        msg = "a Streamlit app needs a warehouse to run on; name one with --warehouse or in the connection"
        raise InvalidValueError(msg)
    folder = f"@{sql.qualified(stage, 'stage')}/{name.rpartition('.')[2].lower()}"
    client.stages.create(stage, comment="RayDP: files of the set-up app")
    client.stages.remove(f"{folder}/")  # what an older version had must not stay beside the newer one
    files = 0
    for file, where in app_files():
        files += len(client.stages.put(file, f"{folder}/{where}" if where else folder))
    progress(f"put {files} files onto {folder}")
    comment = f"Set-up app of airflow-provider-raydp-spcs {__version__}"
    client.streamlit_apps.replace(StreamlitApp(name, folder, ENTRY, warehouse, TITLE, comment))
    client.streamlit_apps.add_live_version(name)
    progress(f"made Streamlit app {name}; it runs on warehouse {warehouse.upper()}")
    return Deployed(name, files, snowsight.streamlit_page(client, name))


def _in_schema(client: SpcsClient, name: str) -> str:
    parts = sql.qualified(name, "Streamlit app").split(".")
    database, schema = client.current_schema() if len(parts) < 3 else ("", "")
    return ".".join([*(database, schema)[: 3 - len(parts)], *parts])
