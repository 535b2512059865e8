"""The engine for tables: fakesnow over DuckDB files, so that databases survive a restart.

Everything that knows fakesnow's inside is here.
"""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.wire.mends import mend_fakesnow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fakesnow.fakes import FakeSnowflakeConnection
    from starlette.requests import Request

logger = logging.getLogger(__name__)


class Engine:
    """Sessions of fakesnow.

    :param databases: folder of DuckDB files.
    :param stages: folder of all stages, from which COPY INTO reads.
    """

    def __init__(self, databases: Path, stages: Path) -> None:
        import importlib

        # fakesnow has a function and a module of this name; the module is what holds the routes.
        self._server = importlib.import_module("fakesnow.server")
        from fakesnow.instance import FakeSnow
        from fakesnow.transforms import stage

        mend_fakesnow()
        stage.LOCAL_BUCKET_PATH = str(stages)
        self._instance = FakeSnow(db_path=databases, create_schema_on_connect=False)
        self._databases = databases
        self._own: FakeSnowflakeConnection | None = None
        for file in sorted(databases.glob("*.db")):
            self._own = self._instance.connect(database=file.stem)
        self._own = self._own or self._instance.connect()

    def load_stages(self, names: Iterable[str]) -> None:
        """Tell fakesnow of the stages that there are; it forgets them at its end."""
        for name in names:
            self.run(f"CREATE STAGE IF NOT EXISTS {name}")

    def run(self, sql: str) -> None:
        """Run a statement outside any client's session."""
        assert self._own is not None  # noqa: S101 - set at construction
        self._own.cursor().execute(sql)

    def open_session(self, token: str, database: str | None, schema: str | None) -> tuple[str | None, str | None]:
        """Open a session; answer its database and schema, None where they do not exist (yet)."""
        database = database.upper() if database and self._exists(database.upper()) else None
        schema = schema.upper() if database and schema and self._exists(database, schema.upper()) else None
        connection = self._instance.connect(database=database, schema=schema)
        self._server.sessions[token] = connection
        return database, schema

    def alias(self, token: str, known: str) -> None:
        """Let another token stand for a session."""
        self._server.sessions[token] = self._server.sessions[known]

    def close_session(self, tokens: Iterable[str]) -> None:
        """End the session that these tokens stand for."""
        connections = [self._server.sessions.pop(token, None) for token in tokens]
        if connections and connections[0] is not None:
            connections[0].close()

    def drop_database(self, name: str) -> bool:
        """Drop a database with its file; sessions in it have no current database afterwards. Answer whether it was there."""
        if not self._exists(name):
            return False
        for connection in {id(each): each for each in [self._own, *self._server.sessions.values()]}.values():
            if connection is not None and connection.database == name:
                connection.database_set = connection.schema_set = False
                connection._duck_conn.execute("USE memory")
        self._instance.duck_conn.execute(f'DETACH "{name}"')
        for file in self._databases.glob(f"{name}.db*"):
            file.unlink()
        return True

    def scope(self, token: str) -> tuple[str | None, str | None]:
        """Current database and schema of a session, which statements such as USE change."""
        connection = self._server.sessions[token]
        database = connection.database if connection.database_set else None
        return database, connection.schema if connection.schema_set else None

    async def query(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        """Let fakesnow answer a query request.

        :raises SnowflakeFault: it cannot; what the real Snowflake can do and fakesnow cannot is called unsupported.
        """
        # The request's body is cached, so replacing it is how another text is handed on.
        raw = json.dumps(body).encode()
        zipped = request.headers.get("content-encoding") == "gzip"
        request._body = gzip.compress(raw, 1) if zipped else raw
        reply = await self._server.query_request(request)
        answer: dict[str, Any] = json.loads(bytes(reply.body))
        if reply.status_code >= 500:
            logger.warning("fakesnow cannot run this statement (its log has the reason)")
            words = " ".join(str(body.get("sqlText", "")).split()[:4])
            raise SnowflakeFault(
                2, "0A000", f"Unsupported feature '{words}' (of the local Snowflake's engine for tables)."
            )
        return answer

    def _exists(self, database: str, schema: str | None = None) -> bool:
        sql = "SELECT 1 FROM information_schema.schemata WHERE upper(catalog_name) = ? AND (? IS NULL OR upper(schema_name) = ?)"
        cursor = self._instance.duck_conn.cursor()
        return cursor.execute(sql, [database, schema, schema]).fetchone() is not None
