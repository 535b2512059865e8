"""The engine for tables: fakesnow over DuckDB files, so that databases survive a restart."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_raydp_spcs.local.tables.session import TableSession

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_raydp_spcs.local.tables.mends import Connection


class Engine:
    """Sessions of fakesnow.

    :param databases: folder of DuckDB files.
    """

    def __init__(self, databases: Path) -> None:
        from fakesnow import macros
        from fakesnow.instance import FakeSnow
        from fakesnow.transforms import stage

        from airflow_provider_raydp_spcs.local.tables.mends import mend_aggregates, mend_numbers, mend_timestamps

        with suppress(OSError):
            # A temporary folder that fakesnow makes as it is imported and never removes. Stages are not its business here.
            Path(stage.LOCAL_BUCKET_PATH).rmdir()
        mend_timestamps()
        mend_aggregates()
        mend_numbers()
        self._instance = FakeSnow(db_path=databases, create_schema_on_connect=False)
        # Sessions without a current database use these functions of fakesnow too.
        self._instance.duck_conn.execute(macros.creation_sql("memory"))
        self._databases = databases
        self._sessions: dict[str, TableSession] = {}
        own = [self._connect(file.stem) for file in sorted(databases.glob("*.db"))]
        self._own = TableSession(own[-1] if own else self._connect())

    def open_session(self, token: str, database: str | None, schema: str | None) -> tuple[str | None, str | None]:
        """Open a session; answer its database and schema, None where they do not exist (yet)."""
        database = database.upper() if database and self._exists(database.upper()) else None
        schema = schema.upper() if database and schema and self._exists(database, schema.upper()) else None
        self._sessions[token] = TableSession(self._connect(database, schema))
        return database, schema

    def session(self, token: str) -> TableSession:
        """The session that a token stands for."""
        return self._sessions[token]

    def alias(self, token: str, known: str) -> None:
        """Let another token stand for a session."""
        self._sessions[token] = self._sessions[known]

    def close_session(self, tokens: Iterable[str]) -> None:
        """End the session that these tokens stand for."""
        sessions = [self._sessions.pop(token, None) for token in tokens]
        if sessions and sessions[0] is not None:
            sessions[0].close()

    def drop_database(self, name: str) -> bool:
        """Drop a database with its file; sessions in it have no current database afterwards. Answer whether it was there."""
        if not self._exists(name):
            return False
        for session in {id(each): each for each in [self._own, *self._sessions.values()]}.values():
            connection = session.connection
            if connection.database == name:
                connection.database_set = connection.schema_set = False
                session.duck.execute("USE memory")
        self._instance.duck_conn.execute(f'DETACH "{name}"')
        for file in self._databases.glob(f"{name}.db*"):
            file.unlink()
        return True

    def scope(self, token: str) -> tuple[str | None, str | None]:
        """Current database and schema of a session, which statements such as USE change."""
        return self._sessions[token].scope

    def _connect(self, database: str | None = None, schema: str | None = None) -> Connection:
        from airflow_provider_raydp_spcs.local.tables.mends import Connection

        return Connection(self._instance.duck_conn.cursor(), database=database, schema=schema, db_path=self._databases)

    def _exists(self, database: str, schema: str | None = None) -> bool:
        sql = "SELECT 1 FROM information_schema.schemata WHERE upper(catalog_name) = ? AND (? IS NULL OR upper(schema_name) = ?)"
        cursor = self._instance.duck_conn.cursor()
        return cursor.execute(sql, [database, schema, schema]).fetchone() is not None
