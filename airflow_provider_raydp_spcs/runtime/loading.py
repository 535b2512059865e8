"""Parquet files from a stage into a table, in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.spcs import sql

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

Mode = Literal["append", "overwrite", "replace_where"]


@dataclass(frozen=True)
class Target:
    """A table that is written to, and what becomes of the rows that it has.

    :param name: ``[database.][schema.]table``, plain identifiers.
    :param mode: ``append``; ``overwrite`` replaces all rows; ``replace_where`` replaces those that ``where`` names.
    :param where: condition of ``replace_where``, values as ``%s`` marks.
    :param params: the values for the marks.
    :raises TableError: ``mode`` and ``where`` do not fit together.
    """

    name: str
    mode: Mode = "append"
    where: str | None = None
    params: Sequence[object] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", sql.qualified(self.name, "table"))
        if (self.mode == "replace_where") != bool(self.where):
            msg = f"mode {self.mode!r} and where={self.where!r} do not fit: 'where' goes with mode='replace_where', and only with it"
            raise TableError(msg)

    @property
    def delete(self) -> str | None:
        """The statement that makes room, if any."""
        if self.mode == "append":
            return None
        return f"DELETE FROM {self.name}" + (f" WHERE {self.where}" if self.where else "")  # noqa: S608 - validated name, caller's SQL


@contextmanager
def stage_of_its_own(snowflake: SnowflakeConnection, *, temporary: bool) -> Iterator[str]:
    """A stage for the time of the block, as ``@NAME``; it is dropped with the files on it, also after a failure.

    :param temporary: seen by this session only, and gone with it; other sessions cannot put files there.
    """
    name = f"RAYDP_WRITE_{uuid.uuid4().hex.upper()}"
    kind = "TEMPORARY STAGE" if temporary else "STAGE"
    with snowflake.cursor() as cursor:
        # The files live for moments inside Snowflake; its own encryption spares the clients theirs.
        cursor.execute(
            f"CREATE {kind} {name} ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE') COMMENT = 'RayDP: a write under way'"
        )
        try:
            yield f"@{name}"
        finally:
            cursor.execute(f"DROP STAGE IF EXISTS {name}")


def load(snowflake: SnowflakeConnection, target: Target, stage: str, rows: int) -> None:
    """Delete what the target's mode says and copy in every file of a stage, all or nothing.

    DDL commits by itself, so the stage must have been made and filled before.

    :param snowflake: a connection without autocommit.
    :param rows: how many rows the files have; another number in the table is a failure.
    :raises TableError: Snowflake loaded another number of rows; the table is as it was.
    """
    with snowflake.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            if target.delete:
                cursor.execute(target.delete, tuple(target.params) or None)
            if rows:
                cursor.execute(
                    f"COPY INTO {target.name} FROM {stage} FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE) "
                    "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
                )
                _check(cursor.description, cursor.fetchall(), target, rows)
            cursor.execute("COMMIT")
        except BaseException:
            cursor.execute("ROLLBACK")
            raise


def _check(columns: Sequence[object], files: Sequence[Sequence[object]], target: Target, rows: int) -> None:
    names = [str(getattr(column, "name", "")).lower() for column in columns]
    # Without any file there is one row that says so, and no column of this name.
    loaded = sum(int(str(file[names.index("rows_loaded")])) for file in files) if "rows_loaded" in names else 0
    if loaded != rows:
        msg = f"{rows} rows were staged for {target.name} and {loaded} loaded; nothing was written"
        raise TableError(msg)
