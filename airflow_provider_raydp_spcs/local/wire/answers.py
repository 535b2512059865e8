"""What a statement of the local Snowflake can answer, before it becomes JSON for the client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.tables.results import TableResult
    from airflow_provider_raydp_spcs.local.tables.session import Source, TableSession

STATEMENT: int = 0x6000
"""Snowflake's number of statements that are no queries."""


@dataclass(frozen=True)
class Column:
    """A column of a result. ``type`` is Snowflake's: TEXT, FIXED, BOOLEAN, TIMESTAMP_LTZ."""

    name: str
    type: str = "TEXT"


@dataclass(frozen=True)
class RowsAnswer:
    """Rows.

    :param statement_type: Snowflake's number of the kind of statement.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[object]]
    statement_type: int = STATEMENT


@dataclass(frozen=True)
class UploadAnswer:
    """A PUT: the client sends the files itself.

    :param source: path or glob on the client's machine, which the client expands.
    :param folder: on the server, below the folder of all stages.
    """

    source: str
    folder: Path
    auto_compress: bool
    overwrite: bool
    parallel: int
    source_compression: str


@dataclass(frozen=True)
class DownloadAnswer:
    """A GET: the client fetches the files itself.

    :param files: paths below ``folder``.
    :param target: folder on the client's machine.
    """

    folder: Path
    files: Sequence[str]
    target: str
    parallel: int


@dataclass(frozen=True)
class RewriteAnswer:
    """Let the engine for tables run another text instead.

    :param sources: what the text reads besides tables.
    :param used: numbers of the ``?`` marks that the text has no more.
    """

    sql: str
    keeps_bindings: bool = False
    sources: Sequence[Source] = ()
    used: frozenset[int] = frozenset()


@runtime_checkable
class TableWork(Protocol):
    """Something that the engine for tables does which is no statement of its own."""

    def run(self, tables: TableSession, facts: SessionFacts) -> RowsAnswer:
        """Do it.

        :raises SnowflakeFault: it cannot be done.
        """
        ...


@dataclass(frozen=True)
class DropDatabaseAnswer:
    """Let the engine for tables drop a database with all its tables."""

    name: str
    if_exists: bool


@dataclass(frozen=True)
class ReplaceDatabaseAnswer:
    """Let the engine for tables drop a database, if it is there, and make it anew."""

    name: str


Answer = (
    RowsAnswer | UploadAnswer | DownloadAnswer | RewriteAnswer | DropDatabaseAnswer | ReplaceDatabaseAnswer | TableWork
)


def status(message: str) -> RowsAnswer:
    """One row with the column ``status``, as DDL answers."""
    return RowsAnswer([Column("status")], [[message]])


class Desk(Protocol):
    """What a statement may ask of the server for its session."""

    def result(self, key: str) -> RowsAnswer | TableResult:
        """The result of an earlier statement.

        :raises SnowflakeFault: 000709, there is none.
        """
        ...

    def presign(self, folder: Path, path: str, seconds: int) -> str:
        """An address for a file of a stage, good for everybody for so long; ``*`` for every file of the stage."""
        ...

    def cancel(self, key: str | None) -> int:
        """Stop one statement of the user's, or all of the session's but the asking one; answer how many."""
        ...

    def cancel_all_of(self, user: str) -> int:
        """Stop every statement of a user but the asking one; answer how many."""
        ...


@dataclass
class SessionFacts:
    """What a statement may know of, and change in, its session.

    :param assigned_role: the role that the user has without a grant.
    :param finished: ids of the statements that ended, the youngest last.
    :param temporary: its temporary stages and file formats, as ``kind:name``.
    :param secondary_roles: ``ALL`` or ``NONE``: whether the user's other roles help.
    :param is_restricted: whether it may have no other role than it has.
    """

    user: str
    role: str
    database: str | None
    schema: str | None
    warehouse: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    assigned_role: str = "ACCOUNTADMIN"
    finished: list[str] = field(default_factory=list)
    temporary: list[str] = field(default_factory=list)
    secondary_roles: str = "NONE"
    is_restricted: bool = False
    desk: Desk | None = field(default=None, repr=False)
