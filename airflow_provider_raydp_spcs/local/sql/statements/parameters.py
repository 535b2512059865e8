"""Parameters of sessions and of the account (SPCS reference 9.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.functions.event_table import NAME as EVENT_TABLE
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.statements.compute_pools import ShowFilters, read_filters
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer, RewriteAnswer, status

_DONE = "Statement executed successfully."
_OF_SESSIONS: Final = {
    "ABORT_DETACHED_QUERY": ("false", "BOOLEAN"),
    "AUTOCOMMIT": ("true", "BOOLEAN"),
    "BINARY_OUTPUT_FORMAT": ("HEX", "STRING"),
    "CLIENT_RESULT_PREFETCH_THREADS": ("1", "NUMBER"),
    "CLIENT_SESSION_KEEP_ALIVE": ("false", "BOOLEAN"),
    "DATE_OUTPUT_FORMAT": ("YYYY-MM-DD", "STRING"),
    "JSON_INDENT": ("2", "NUMBER"),
    "LOCK_TIMEOUT": ("43200", "NUMBER"),
    "MULTI_STATEMENT_COUNT": ("1", "NUMBER"),
    "QUERY_TAG": ("", "STRING"),
    "ROWS_PER_RESULTSET": ("0", "NUMBER"),
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": ("0", "NUMBER"),
    "STATEMENT_TIMEOUT_IN_SECONDS": ("172800", "NUMBER"),
    "TIMESTAMP_OUTPUT_FORMAT": ("YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM", "STRING"),
    "TIMESTAMP_TYPE_MAPPING": ("TIMESTAMP_NTZ", "STRING"),
    "TIMEZONE": ("Etc/UTC", "STRING"),
    "USE_CACHED_RESULT": ("true", "BOOLEAN"),
    "WEEK_START": ("0", "NUMBER"),
}
"""Name → default and type of the parameters that are shown though nobody set them."""
_OF_THE_ACCOUNT: Final = {"EVENT_TABLE": (EVENT_TABLE.lower(), "STRING")}


@dataclass(frozen=True)
class SetParameters:
    values: dict[str, str]

    def run(self, context: Context) -> Answer:
        context.session.parameters.update(self.values)
        if "AUTOCOMMIT" in self.values:
            return RewriteAnswer(f"ALTER SESSION SET AUTOCOMMIT = {self.values['AUTOCOMMIT']}")
        return status(_DONE)


@reads("ALTER SESSION SET")
def set_parameters(cursor: Cursor) -> Statement:
    values: dict[str, str] = {}
    while not cursor.at_end:
        cursor.take(",")
        name = cursor.word()
        cursor.expect("=")
        values[name] = cursor.value()
    return SetParameters(values)


@dataclass(frozen=True)
class UnsetParameters:
    names: tuple[str, ...]

    def run(self, context: Context) -> Answer:
        for name in self.names:
            context.session.parameters.pop(name, None)
        if "AUTOCOMMIT" in self.names:
            return RewriteAnswer("ALTER SESSION SET AUTOCOMMIT = TRUE")
        return status(_DONE)


@reads("ALTER SESSION UNSET")
def unset_parameters(cursor: Cursor) -> Statement:
    names = [cursor.word()]
    while cursor.take(","):
        names.append(cursor.word())
    cursor.end()
    return UnsetParameters(tuple(names))


@dataclass(frozen=True)
class ShowParameters:
    filters: ShowFilters
    of_account: bool

    def run(self, context: Context) -> Answer:
        known = {**_OF_SESSIONS, **_OF_THE_ACCOUNT} if self.of_account else _OF_SESSIONS
        given = {} if self.of_account else context.session.parameters
        rows = []
        for key in sorted({*known, *given}):
            default, kind = known.get(key, ("", "STRING"))
            level = "SESSION" if key in given else ""
            rows.append(
                {
                    "name": key,
                    "key": key,
                    "value": given.get(key, default),
                    "default": default,
                    "level": level,
                    "description": "",
                    "type": kind,
                }
            )
        return answer_of("parameters", self.filters.apply(rows))


@reads("SHOW PARAMETERS")
def show_parameters(cursor: Cursor) -> Statement:
    filters = read_filters(cursor)
    of_account = False
    if cursor.take("IN") or cursor.take("FOR"):
        of_account = cursor.take("ACCOUNT")
        if not of_account and not cursor.take("SESSION"):
            cursor.rest()  # of a user, warehouse or database: as of the session, for nothing can be set on those
    filters = read_filters(cursor, filters)
    cursor.end()
    return ShowParameters(filters, of_account)
