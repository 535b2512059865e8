"""Stages: files in Snowflake (SPCS reference, part 5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.spcs import rows, sql
from airflow_provider_raydp_spcs.spcs.errors import InvalidValueError
from airflow_provider_raydp_spcs.spcs.session import Row, Session

MAX_PARALLEL: Final = 99
"""The most threads of one PUT that Snowflake allows."""


@dataclass(frozen=True)
class StageFile:
    """One row of LIST: ``name`` is ``<stage in lower case>/<path>``, ``size`` bytes.

    :param modified: when it was written, with time zone; None where that is not told.
    """

    name: str
    size: int
    md5: str
    modified: dt.datetime | None = None

    @property
    def path(self) -> str:
        """The path inside the stage."""
        return self.name.partition("/")[2]


class Stages:
    """Statements about stages. Paths are ``@[database.][schema.]stage[/path]``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, name: str, *, comment: str) -> None:
        """Make an internal stage with a directory table, encrypted by the clients, where there is none of this name."""
        self._session.execute(
            f"CREATE STAGE IF NOT EXISTS {sql.qualified(name, 'stage')} DIRECTORY = (ENABLE = TRUE) "
            f"COMMENT = {sql.literal(comment)}"
        )

    def put(self, source: Path | str, target: str, *, overwrite: bool = True, parallel: int = 4) -> list[Row]:
        """Upload a file, or the files that a glob names, uncompressed.

        :param source: local path; ``*`` and ``?`` in its last part match files.
        :param target: folder on a stage.
        :param parallel: how many threads upload, 1 to 99.
        :returns: Snowflake's rows: source, target, sizes, status UPLOADED or SKIPPED.
        :raises InvalidValueError: no file is there, or ``parallel`` is no such number; nothing was sent.
        """
        threads = sql.count(parallel, "parallel", minimum=1, maximum=MAX_PARALLEL)
        path = Path(source).absolute()
        if not _is_there(path):
            msg = f"there is no file {str(path)[:500]!r} to put on {target[:500]}"
            raise InvalidValueError(msg)
        uri = sql.literal(f"file://{path}")
        return self._session.execute(
            f"PUT {uri} {sql.stage_path(target)} PARALLEL = {threads} AUTO_COMPRESS = FALSE "
            f"OVERWRITE = {sql.boolean(overwrite)}"
        )

    def get(self, source: str, folder: Path | str, *, pattern: str | None = None) -> list[Row]:
        """Download files into a local folder; folders of the stage are flattened.

        :raises InvalidValueError: the folder cannot be made; nothing was sent.
        """
        target = Path(folder).absolute()
        matching = f" PATTERN = {sql.literal(pattern)}" if pattern else ""
        statement = f"GET {sql.stage_path(source)} {sql.literal(f'file://{target}/')}{matching}"
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = (
                f"there can be no folder {str(target)[:500]!r} to fetch files into: {error.strerror}; name another one"
            )
            raise InvalidValueError(msg) from error
        return self._session.execute(statement)

    def get_tree(
        self, stage: str, files: Sequence[StageFile], folder: Path | str, progress: Callable[[int], None]
    ) -> list[Path]:
        """Download files and keep their folders, which GET alone would flatten. Answers where they are.

        :param stage: ``[database.][schema.]stage``, without ``@``.
        :param files: as :meth:`files` answers.
        :param progress: told how many are there.
        :raises InvalidValueError: a file's path leads out of the folder; nothing was fetched.
        """
        found: list[Path] = []
        for file in files:
            if not _is_within(Path(folder), file.path):
                msg = f"{file.name!r} on the stage would be put outside of {str(folder)!r}; remove or rename it"
                raise InvalidValueError(msg)
        for done, file in enumerate(files, start=1):
            target = Path(folder) / file.path
            # GET takes all files whose path starts so; others of the folder come early then, and are replaced.
            self.get(f"@{stage}/{file.path}", target.parent)
            found.append(target)
            progress(done)
        return found

    def files(self, path: str, *, pattern: str | None = None) -> list[StageFile]:
        """The files whose path starts with the given one."""
        matching = f" PATTERN = {sql.literal(pattern)}" if pattern else ""
        found = self._session.execute(f"LIST {sql.stage_path(path)}{matching}")
        return [
            StageFile(
                rows.text(row, "name"),
                rows.number(row, "size"),
                rows.text(row, "md5"),
                rows.mail_date(row, "last_modified"),
            )
            for row in found
        ]

    def remove(self, path: str, *, pattern: str | None = None) -> list[str]:
        """Remove the files whose path starts with the given one; answer their names."""
        matching = f" PATTERN = {sql.literal(pattern)}" if pattern else ""
        return [rows.text(row, "name") for row in self._session.execute(f"REMOVE {sql.stage_path(path)}{matching}")]


def _is_within(folder: Path, path: str) -> bool:
    """Whether a path below a folder stays there.

    :raises InvalidValueError: it is no path that a file system has.
    """
    try:
        return (folder / path).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError) as error:
        msg = f"there can be no file {str(folder / path)[:500]!r}: {error}; name another folder"
        raise InvalidValueError(msg) from error


def _is_there(path: Path) -> bool:
    """Whether there is such a file, or one that fits the glob in its last part."""
    try:
        return any(path.parent.glob(path.name))
    except (OSError, ValueError, NotImplementedError):  # no name, or no pattern, that a file system has
        return False
