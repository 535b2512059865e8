"""What a statement of the local Snowflake can answer, before it becomes JSON for the client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Column:
    """A column of a result. ``type`` is Snowflake's: TEXT, FIXED, BOOLEAN, TIMESTAMP_LTZ."""

    name: str
    type: str = "TEXT"


@dataclass(frozen=True)
class RowsAnswer:
    """Rows."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[object]]


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
    """Let the engine for tables run another text instead."""

    sql: str
    keeps_bindings: bool = False


@dataclass(frozen=True)
class DropDatabaseAnswer:
    """Let the engine for tables drop a database with all its tables."""

    name: str
    if_exists: bool


Answer = RowsAnswer | UploadAnswer | DownloadAnswer | RewriteAnswer | DropDatabaseAnswer


def status(message: str) -> RowsAnswer:
    """One row with the column ``status``, as DDL answers."""
    return RowsAnswer([Column("status")], [[message]])


@dataclass
class SessionFacts:
    """What a statement may know of, and change in, its session.

    :param assigned_role: the role that the user has without a grant.
    """

    user: str
    role: str
    database: str | None
    schema: str | None
    warehouse: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    assigned_role: str = "ACCOUNTADMIN"
