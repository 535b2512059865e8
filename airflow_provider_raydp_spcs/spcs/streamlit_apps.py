"""Streamlit apps that run inside Snowflake (CREATE STREAMLIT … FROM, of Snowflake's SQL reference)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from airflow_provider_raydp_spcs.spcs import rows, sql
from airflow_provider_raydp_spcs.spcs.session import Row, Session


@dataclass(frozen=True)
class StreamlitApp:
    """What is asked for.

    :param name: ``[database.][schema.]name``.
    :param source: folder on a stage; its files are copied into the app when it is made.
    :param main_file: the entry file, which must lie in that folder itself.
    :param query_warehouse: runs the app and its queries.
    :param title: what Snowsight shows.
    """

    name: str
    source: str
    main_file: str
    query_warehouse: str
    title: str
    comment: str | None = None


@dataclass(frozen=True)
class StreamlitInfo:
    """One row of SHOW STREAMLITS.

    :param url_id: last part of the app's address in Snowsight.
    """

    name: str
    database_name: str
    schema_name: str
    title: str
    owner: str
    query_warehouse: str
    url_id: str

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """Read a row."""
        return cls(
            name=rows.text(row, "name"),
            database_name=rows.text(row, "database_name"),
            schema_name=rows.text(row, "schema_name"),
            title=rows.text(row, "title"),
            owner=rows.text(row, "owner"),
            query_warehouse=rows.text(row, "query_warehouse"),
            url_id=rows.text(row, "url_id"),
        )


class StreamlitApps:
    """Statements about Streamlit apps."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def replace(self, app: StreamlitApp) -> None:
        """Make an app out of files on a stage; one of the same name goes, and the grants on it with it."""
        parts = [
            f"CREATE OR REPLACE STREAMLIT {_name(app.name)}",
            f"FROM {sql.stage_path(app.source)}",
            f"MAIN_FILE = {sql.literal(app.main_file)}",
            f"QUERY_WAREHOUSE = {sql.identifier(app.query_warehouse, 'warehouse')}",
            f"TITLE = {sql.literal(app.title)}",
        ]
        if app.comment is not None:
            parts.append(f"COMMENT = {sql.literal(app.comment)}")
        self._session.execute("\n  ".join(parts))

    def add_live_version(self, name: str) -> None:
        """Let others than the owner open an app that was just made; without it the owner must open it first."""
        self._session.execute(f"ALTER STREAMLIT {_name(name)} ADD LIVE VERSION FROM LAST")

    def show(self, prefix: str = "") -> list[StreamlitInfo]:
        """The apps of the session's schema that the role may see, whose name starts with ``prefix``."""
        like = f" LIKE {sql.like(prefix.upper())}" if prefix else ""
        found = map(StreamlitInfo.from_row, self._session.execute(f"SHOW STREAMLITS{like}"))
        return [app for app in found if app.name.startswith(prefix.upper())]

    def drop(self, name: str) -> None:
        """Drop an app, where it is there."""
        self._session.execute(f"DROP STREAMLIT IF EXISTS {_name(name)}")


def _name(name: str) -> str:
    return sql.qualified(name, "Streamlit app")
