"""The small protocol behind which Snowflake stands, and adapters for the two clients people have."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from airflow_provider_raydp_spcs.spcs.errors import translate
from airflow_provider_raydp_spcs.spcs.sql import bound

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.snowpark import Session as Snowpark

Row = dict[str, Any]
_MARK: Final = re.compile("%[s%]")


class Session(Protocol):
    """Something that executes one SQL statement."""

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
        """Execute a statement and return its rows, column names in lower case.

        :param sql: one statement; ``%s`` stands for a value, a literal per cent sign is ``%%`` where params are given.
        :param params: values for the ``%s`` marks.
        :raises InvalidValueError: the values do not fit the marks, or cannot be sent; nothing was sent.
        :raises SpcsError: Snowflake refused it or could not be reached.
        """
        ...


class ConnectorSession:
    """Session over a connection of snowflake-connector-python."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self.connection = connection

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
        """See :class:`Session`."""
        import snowflake.connector.errors as connector_errors

        with self.connection.cursor() as cursor:
            try:
                cursor.execute(sql, bound(sql, params) if params else None)
                names = [column.name.lower() for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            except connector_errors.Error as error:
                raise translate(error) from error


class SnowparkSession:
    """Session over a Snowpark session, as Streamlit in Snowflake hands it out.

    Threads may share it; their statements go one after another, for inside Snowflake a session serves one at a time.
    """

    def __init__(self, session: Snowpark) -> None:
        self.session = session
        self._one_at_a_time = threading.Lock()

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
        """See :class:`Session`. Snowpark marks values with ``?``, so the marks are rewritten."""
        import snowflake.connector.errors as connector_errors
        from snowflake.snowpark.exceptions import SnowparkClientException

        try:
            with self._one_at_a_time:
                if params:
                    values = bound(sql, params)
                    text = _MARK.sub(lambda mark: "?" if mark[0] == "%s" else "%", sql)
                    rows = self.session.sql(text, params=list(values)).collect()
                else:
                    rows = self.session.sql(sql).collect()
        # Snowpark wraps what the server refuses, and lets through that there is no server.
        except (SnowparkClientException, connector_errors.Error) as error:
            raise translate(error) from error
        # Snowpark keeps the quotes of lower-case column names such as those of SHOW.
        return [{name.strip('"').lower(): value for name, value in row.as_dict().items()} for row in rows]
